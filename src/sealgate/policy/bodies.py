"""Request bodies: strict JSON in, the same meaning out.

Counterpart: `requests.py`, which shapes the object in between. Every reader after us must understand the
body as we did, so what parsers disagree about is refused: duplicate keys, lone surrogates, NaN, huge numbers.
"""

import json
import re
from collections.abc import Iterable
from typing import Final, NoReturn

import msgspec

from sealgate.policy.refusals import Refusal

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

MAX_DEPTH: Final = 64
# The quote that closes a key, and its colon. Text can imitate it and no key can do without it, so there
# are at least as many as keys were written: if as many were read, none stood twice.
_KEY_END: Final = re.compile(rb'"[ \t\r\n]*:')

_CONTAINERS: Final = (dict, list)
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def parse_json_object(raw: bytes) -> dict[str, JSON]:
    """The JSON object in these bytes (RFC 8259), integers exact; raises Refusal with the reason."""
    try:
        parsed: JSON = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _explain(raw, error)
    if not isinstance(parsed, dict):
        raise _refusal("The body is JSON, but not an object.", "Send an object: {…}.")
    keys = _count_keys(parsed, MAX_DEPTH)
    if raw.count(b":") != keys and len(_KEY_END.findall(raw)) != keys:
        _refuse_duplicates(raw.decode())
    return parsed


def encode_json_object(body: dict[str, JSON]) -> bytes:
    """The object as UTF-8 JSON without spare whitespace."""
    return _encode(body)


def _count_keys(value: dict[str, JSON] | list[JSON], room: int) -> int:
    """The keys in all objects of this value; raises Refusal where it is nested deeper than `room`."""
    if not room:
        raise _refusal(f"The body is nested more than {MAX_DEPTH} levels deep.", "Send a flatter body.")
    members: Iterable[JSON] = value
    keys = 0
    if isinstance(value, dict):
        members = value.values()
        keys = len(value)
    for member in members:
        if isinstance(member, _CONTAINERS):
            keys += _count_keys(member, room - 1)
    return keys


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        shown = twice if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", twice) else "…"
        raise _refusal(f"The key '{shown}' stands twice in one object.", "Send each key once.")
    return members


# The slow referee, for bodies whose text imitates keys.
_refuse_duplicates: Final = json.JSONDecoder(object_pairs_hook=_unique).decode


def _explain(raw: bytes, error: Exception) -> NoReturn:
    """Say what was wrong, without quoting the body."""
    if isinstance(error, RecursionError):
        raise _refusal(f"The body is nested more than {MAX_DEPTH} levels deep.", "Send a flatter body.")
    if isinstance(error, UnicodeDecodeError):
        raise _refusal("The body is not valid UTF-8.", "Encode the body as UTF-8.")
    if isinstance(error, msgspec.ValidationError):
        raise _refusal(
            "The body holds a number that is out of range.", "Send it as a string, or leave it out."
        )
    if _only_surrogates_are_wrong(raw):
        raise _refusal("The body holds half of a surrogate pair.", "Escape characters above U+FFFF as pairs.")
    raise _refusal(
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


def _refusal(message: str, hint: str) -> Refusal:
    return Refusal("invalid_json", message, hint=hint)
