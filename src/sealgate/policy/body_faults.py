"""What was wrong with a body that is no JSON object as every reader understands it; never quotes it.

Counterpart: `bodies.py`, which asks once it refused one, or must look closely.
"""

import json
import re
from typing import Final, NoReturn

import msgspec

from sealgate.policy.refusals import Refusal


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        shown = twice if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", twice) else "…"
        raise invalid(f"The key '{shown}' stands twice in one object.", "Send each key once.")
    return members


# The slow referee, for bodies whose text imitates keys.
refuse_duplicates: Final = json.JSONDecoder(object_pairs_hook=_unique).decode


def explain(raw: bytes, error: Exception, most_depth: int) -> NoReturn:
    """Say what was wrong, without quoting the body."""
    if isinstance(error, RecursionError):
        raise invalid(f"The body is nested more than {most_depth} levels deep.", "Send a flatter body.")
    if isinstance(error, UnicodeDecodeError):
        raise invalid("The body is not valid UTF-8.", "Encode the body as UTF-8.")
    if isinstance(error, msgspec.ValidationError):
        raise invalid(
            "The body holds a number that is out of range.", "Send it as a string, or leave it out."
        )
    if _only_surrogates_are_wrong(raw):
        raise invalid("The body holds half of a surrogate pair.", "Escape characters above U+FFFF as pairs.")
    raise invalid(
        f"The body is not valid JSON: {_plain(str(error))}.", "Send one JSON object, and nothing after it."
    )


def _only_surrogates_are_wrong(raw: bytes) -> bool:
    """True if a parser that lets lone surrogates pass (RFC 8259 §8.2) finds nothing else wrong."""
    try:
        json.loads(raw.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _plain(parser_message: str) -> str:
    return parser_message.removeprefix("JSON is malformed: ").removesuffix(".").lower()


def invalid(message: str, hint: str) -> Refusal:
    """The refusal of a body that is no JSON as every reader understands it."""
    return Refusal("invalid_json", message, hint=hint)
