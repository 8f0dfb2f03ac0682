"""Does JSON within a 200 report an error? A provider's words about one may quote the key: they never pass.

Counterparts: the meters, which read most events in one pass and ask here only about those that name an error
or that they cannot read. What carries no error passes, also when nobody knows it yet.
"""

from __future__ import annotations

import json
from typing import Final

import msgspec

_NULL: Final = msgspec.Raw(b"null")
_EMPTY: Final[tuple[object, ...]] = (None, [], "", False)


class Reporting(msgspec.Struct, frozen=True, gc=False):
    """The names under which providers report errors, undecoded; meters read these beside their own."""

    error: msgspec.Raw = _NULL
    errors: msgspec.Raw = _NULL
    type: msgspec.Raw = _NULL
    message: msgspec.Raw = _NULL

    @property
    def silent(self) -> bool:
        """True where none of them stands, not even as null: nothing to look into."""
        return self.error is _NULL and self.errors is _NULL and self.type is _NULL and self.message is _NULL


class Members(list[tuple[str, object]]):
    """An object's members as they stand: a name that stands twice hides nothing."""


def members(data: bytes) -> Members | None:
    """The members of a JSON object, in order; None for anything else."""
    try:
        found = json.loads(data, object_pairs_hook=Members)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Members) else None


def reports_error(found: Members | None, answer: str) -> bool:
    """True for what is no JSON object, and for one with an error; `answer` is a name that answers have."""
    if found is None:
        return True
    answers = any(name == answer for name, _value in found)
    return any(_is_error(name, value, answers=answers) for name, value in found)


def is_list(raw: msgspec.Raw) -> bool:
    """True for the bytes of a JSON list."""
    return bytes(memoryview(raw)[:1]) == b"["


def has_list(found: Members | None, name: str) -> bool:
    """True for a JSON object with a list of this name."""
    return any(
        each == name and isinstance(value, list) and not isinstance(value, Members)
        for each, value in found or ()
    )


def _is_error(name: str, value: object, *, answers: bool) -> bool:
    if name in ("error", "errors"):
        return value not in _EMPTY
    if name == "type":
        return isinstance(value, str) and "error" in value.lower()
    return name == "message" and not answers and value not in _EMPTY
