"""Several answers to one chat (`n`): how many an application's sessions may ask for.

Counterparts: `requests.py`, which has the bound of tokens count for each; `provider_presets.py`, which
says who gives one alone. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Limits
from sealgate.policy.refusals import Refusal


def answers_asked(body: Mapping[str, JSON], limits: Limits) -> int:
    """How many answers a chat asks for; raises `Refusal` for more than the limit."""
    asked = body.get("n")
    count = asked if isinstance(asked, int) else 1
    if count > limits.answers:
        allowed = "one answer" if limits.answers == 1 else f"{limits.answers} answers"
        raise Refusal(
            "invalid_value",
            f"The application allows {allowed} to one request, since each costs its tokens again.",
            "n",
            "Ask for fewer, or send the request again.",
        )
    return count
