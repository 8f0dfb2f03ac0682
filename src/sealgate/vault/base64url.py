"""Bytes in JSON: base64url without padding (RFC 4648 section 5), strictly read.

Counterpart: web/shared, which writes and reads the same.
"""

from __future__ import annotations

import base64
import re

_FORM = re.compile(r"[A-Za-z0-9_-]*")


def encode(raw: bytes) -> str:
    """Its text."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Its bytes; raises `ValueError` for anything but the one text of these bytes."""
    if not _FORM.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(raw) != text:
        raise ValueError("not base64url")
    return raw
