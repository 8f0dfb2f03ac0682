"""Identifiers: a prefix that says what it names, and 100 random bits in lower-case base32.

Not secrets: an id may stand in a log, a URL and an error message.
"""

from __future__ import annotations

import re
import secrets
from typing import Literal

Prefix = Literal["inst", "org", "app", "cred", "key", "usr", "req", "inv", "prx", "ep"]

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 20


def new_id(prefix: Prefix) -> str:
    """A fresh id such as `app_3kq…` (RFC 4648 §6 alphabet, lower case)."""
    bits = secrets.randbits(5 * _LENGTH)
    return f"{prefix}_" + "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(0, 5 * _LENGTH, 5))


def is_id(prefix: Prefix, text: str) -> bool:
    """True if `text` has the form of such an id."""
    return re.fullmatch(rf"{prefix}_[a-z2-7]{{{_LENGTH}}}", text) is not None
