"""What happens to a field that no table lists: refused by name, or looked into and let pass.

Counterpart: `requests.py`, which chooses by the application's policy. A reference never passes, however deep.
"""

from sealgate.policy.bodies import JSON
from sealgate.policy.checks import plain
from sealgate.policy.fields import REFERENCES
from sealgate.policy.refusals import Refusal


def refuse_unlisted(name: str, _value: JSON) -> None:
    """Raise Refusal for a field that no table lists, with the reason where it is a reference."""
    reason = REFERENCES.get(name)
    if reason is not None:
        raise Refusal("field_not_allowed", f"This does not pass: {reason}.", name, "Leave it out.")
    raise Refusal(
        "unknown_field",
        f"The field '{plain(name)}' is not one that passes.",
        plain(name),
        "Leave it out. An administrator can let an application's unlisted fields pass.",
    )


def look_into(name: str, value: JSON) -> None:
    """Let an unlisted field pass unless it is, or holds, a reference."""
    if name in REFERENCES:
        refuse_unlisted(name, value)
    if isinstance(value, dict):
        for inner_name, inner in value.items():
            look_into(inner_name, inner)
    elif isinstance(value, list):
        for item in value:
            look_into("", item)
