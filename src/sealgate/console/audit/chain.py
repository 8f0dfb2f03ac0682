"""The chain of the record of changes: each entry's hash covers the hash before it and every field.

Pure. The hash is not keyed: who may write the database can make a whole new chain, and the head that stands
beside the database file (`head`), or one that was noted elsewhere, is what such a chain does not fit.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from msgspec import Struct

_LABEL: Final = b"sealgate audit 1\n"


class Link(Struct, frozen=True):
    """Where a chain stands: how many entries it has, and the hash of the last."""

    position: int
    hash: bytes

    def text(self) -> str:
        """`12:9f0c…`, to be noted elsewhere."""
        return f"{self.position}:{self.hash.hex()}"


START: Final = Link(0, bytes(32))
"""Before the first entry."""


class Fields(Struct, frozen=True):
    """Everything that an entry says. `position` counts from 1 without a gap."""

    position: int
    at: float
    organization: str
    application: str | None
    user: str | None
    what: str
    detail: str
    token: str | None = None


def entry_hash(before: bytes, fields: Fields) -> bytes:
    """SHA-256 over the hash before and the fields in one unambiguous form (JSON, the time in hexadecimal)."""
    form = [
        fields.position,
        float(fields.at).hex(),
        fields.organization,
        fields.application,
        fields.user,
        fields.what,
        fields.detail,
        fields.token,
    ]
    canonical = json.dumps(form, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return hashlib.sha256(_LABEL + before + canonical).digest()


def parse_link(text: str) -> Link:
    """A noted `position:hash`; raises `ValueError` with a hint."""
    position, _colon, digest = text.strip().partition(":")
    try:
        link = Link(int(position), bytes.fromhex(digest))
    except ValueError:
        link = Link(-1, b"")
    if link.position < 0 or len(link.hash) != len(START.hash):
        msg = f"{text[:80]!r} is no head; hint: it looks like 12:9f0c… with 64 hexadecimal digits"
        raise ValueError(msg)
    return link
