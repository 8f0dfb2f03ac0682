"""Identifiers: a prefix that says what it names, and 100 random bits in lower-case base32.

Not secrets: an id may stand in a log, a URL and an error message.
"""

from __future__ import annotations

import os
import re
import secrets
from typing import Literal, get_args

Prefix = Literal[
    "inst", "org", "app", "cred", "key", "usr", "req", "inv", "prx", "ep", "tok", "rcpt", "adm", "prop"
]

_LENGTH = 20
_FORMS = {prefix: re.compile(rf"{prefix}_[a-z2-7]{{{_LENGTH}}}") for prefix in get_args(Prefix)}
# Each random byte gives one character by its lower five bits: uniform, and one pass in C.
_CHARACTERS = bytes(b"abcdefghijklmnopqrstuvwxyz234567"[byte & 31] for byte in range(256))


_AT_ONCE = 64
_ready: list[str] = []
os.register_at_fork(after_in_child=_ready.clear)


def new_id(prefix: Prefix) -> str:
    """A fresh id such as `app_3kq…` (RFC 4648 §6 alphabet, lower case)."""
    while True:
        try:
            return f"{prefix}_{_ready.pop()}"
        except IndexError:
            _make_ready()


def _make_ready() -> None:
    """Have the system make random bytes for many ids: asking for each costs more than all the rest of it."""
    made = secrets.token_bytes(_AT_ONCE * _LENGTH).translate(_CHARACTERS).decode()
    _ready.extend(made[at : at + _LENGTH] for at in range(0, len(made), _LENGTH))


def is_id(prefix: Prefix, text: str) -> bool:
    """True if `text` has the form of such an id."""
    return _FORMS[prefix].fullmatch(text) is not None
