"""Identifiers: a prefix that says what it names, and 100 random bits in lower-case base32.

Not secrets: an id may stand in a log, a URL and an error message.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Literal

Prefix = Literal["inst", "org", "app", "cred", "key", "usr", "req", "inv", "prx", "ep"]

_LENGTH = 20
_BYTES = 13  # 104 bits: base32 of them has more than 20 characters


def new_id(prefix: Prefix) -> str:
    """A fresh id such as `app_3kq…` (RFC 4648 §6 alphabet, lower case)."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(_BYTES))[:_LENGTH].decode().lower()}"


def is_id(prefix: Prefix, text: str) -> bool:
    """True if `text` has the form of such an id."""
    return re.fullmatch(rf"{prefix}_[a-z2-7]{{{_LENGTH}}}", text) is not None
