"""The last line of defence: no byte of a provider's answer passes that spells the key it was asked with.

Counterparts: `held_keys.py`, which takes a mark of each key it holds; `exchange.py`, which has every read
looked through. A mark tells exactly whether bytes are the key and outlives the slot, but is no copy of it:
four characters, which every mask shows as well, the length, and a digest of all. Must never hold a key.
"""

from __future__ import annotations

import hashlib

import msgspec

_BEGINNING_BYTES = 4


class KeyMark(msgspec.Struct, frozen=True):
    """By what a key is known again."""

    beginning: bytes
    length_bytes: int
    digest: bytes

    def __repr__(self) -> str:
        return f"<KeyMark of {self.length_bytes} bytes>"


def mark_of(key: memoryview) -> KeyMark:
    """The mark of the key in this view; OpenSSL reads it where it stands, and clears its own state."""
    return KeyMark(bytes(key[:_BEGINNING_BYTES]), len(key), hashlib.sha256(key).digest())


class KeyWatch:
    """Looks through one answer, read by read; `saw_key` finds the key wherever the reads were split."""

    __slots__ = ("_before", "_mark")

    def __init__(self, mark: KeyMark) -> None:
        self._mark = mark
        self._before = b""

    def __repr__(self) -> str:
        return f"KeyWatch({self._mark!r})"

    def saw_key(self, data: bytes) -> bool:
        """True once the bytes until now hold the whole key."""
        mark = self._mark
        seen = self._before + data
        self._before = seen[1 - mark.length_bytes :]
        at = seen.find(mark.beginning)
        while at >= 0:
            if hashlib.sha256(seen[at : at + mark.length_bytes]).digest() == mark.digest:
                return True
            at = seen.find(mark.beginning, at + 1)
        return False
