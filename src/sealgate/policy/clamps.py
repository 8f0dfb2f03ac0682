"""Clamps: what a request may not ask for, however well-formed it is: tools, pictures, too much text.

Counterparts: `requests.py` and `shapes.py`, which hold the output's length while they shape; the policy's
`Limits`. Pure; its refusals never quote a text.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Limits
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped

_PICTURES = ("image_url", "input_image")


def clamped(shaped: Shaped, limits: Limits, ours_bytes: int = 0) -> Shaped:
    """The shaped request, if the limits let it pass; raises Refusal by field.

    `ours_bytes`: how much of the text is the application's own instructions, which no limit is for.
    """
    text_bytes = shaped.input_bytes - ours_bytes
    if limits.input_bytes is not None and text_bytes > limits.input_bytes:
        raise Refusal(
            "text_too_long",
            f"The text has {text_bytes:,} bytes; at most {limits.input_bytes:,} pass.",
            hint="Send less text at a time.",
        )
    if not limits.tools and shaped.body.get("tools"):
        raise Refusal(
            "field_not_allowed",
            "This does not pass: the application's sessions may not use tools.",
            "tools",
            "Leave it out.",
        )
    if limits.images is not None:
        found = pictures_in(shaped.body)
        found += len(shaped.files) if shaped.pictures else 0
        if found > limits.images:
            raise Refusal(
                "field_not_allowed",
                f"The request holds {found} pictures; at most {limits.images} pass.",
                hint="Send fewer pictures.",
            )
    return shaped


def pictures_in(body: Mapping[str, JSON]) -> int:
    """How many pictures a prompt holds, those of a form not among them."""
    return _pictures(body.get("messages")) + _pictures(body.get("input"))


def _pictures(value: JSON) -> int:
    """How many parts are pictures, however deep in lists and contents."""
    if isinstance(value, list):
        return sum(_pictures(member) for member in value if type(member) is not str)
    if not isinstance(value, dict):
        return 0
    content = value.get("content")
    found = int(value.get("type") in _PICTURES) + (_pictures(content) if type(content) is not str else 0)
    return found + _pictures(value["output"]) if "output" in value else found
