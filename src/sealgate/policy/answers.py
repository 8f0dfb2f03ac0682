"""Several answers to one chat (`n`): how many an application's sessions may ask for, and who gives them.

Counterparts: `requests.py`, which has the bound of tokens count for each of them; the proxy's `asking.py`,
which asks before a provider is. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Limits
from sealgate.policy.refusals import Refusal

SEVERAL: Final = frozenset({"openai", "azure-openai", "google", "mistral", "vllm", "openai-compatible"})
"""Providers that heed `n`. The others answer once, or call it a fault: whoever asked would not know."""


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


def check_several(answers: int, provider: str) -> None:
    """Raise `Refusal` where this provider cannot be asked for so many."""
    if answers > 1 and provider not in SEVERAL:
        raise Refusal(
            "invalid_value",
            "The application's provider gives one answer to a request.",
            "n",
            "Leave it out, and send the request again for another answer.",
        )
