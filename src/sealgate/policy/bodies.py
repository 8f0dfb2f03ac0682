"""Request bodies: strict JSON in, the same meaning out.

Counterparts: `requests.py`, which shapes the object in between; `body_faults.py`, which says what was wrong.
Every reader after us must understand the body as we did, so what parsers disagree about is refused: duplicate
keys, lone surrogates, NaN, huge numbers.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from sealgate.policy.body_faults import explain, invalid, refuse_duplicates

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
        explain(raw, error, MAX_DEPTH)
    if not isinstance(parsed, dict):
        raise invalid("The body is JSON, but not an object.", "Send an object: {…}.")
    keys = _count_keys(parsed, MAX_DEPTH)
    if raw.count(b":") != keys and len(_KEY_END.findall(raw)) != keys:
        refuse_duplicates(raw.decode())
    return parsed


def encode_json_object(body: dict[str, JSON]) -> bytes:
    """The object as UTF-8 JSON without spare whitespace."""
    return _encode(body)


def _count_keys(value: dict[str, JSON] | list[JSON], room: int) -> int:
    """The keys in all objects of this value; raises Refusal where it is nested deeper than `room`."""
    if not room:
        raise invalid(f"The body is nested more than {MAX_DEPTH} levels deep.", "Send a flatter body.")
    members: Iterable[JSON] = value
    keys = 0
    if isinstance(value, dict):
        members = value.values()
        keys = len(value)
    for member in members:
        if isinstance(member, _CONTAINERS):
            keys += _count_keys(member, room - 1)
    return keys
