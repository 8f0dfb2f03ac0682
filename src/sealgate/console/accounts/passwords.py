"""Passwords: argon2id with the OWASP parameters (m = 46 MiB, t = 1, p = 1), and what a good one looks like.

A password is never kept, logged or put into an exception. Verifying takes the same time whether or not
there is such a user.
"""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from sealgate.console.forms import InputError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 256
AT_ONCE = 4
"""Hashing takes 46 MiB: so many at a time, the rest wait."""

# OWASP Password Storage Cheat Sheet, argon2id, first choice; the salt and tag lengths are RFC 9106 §4's.
_HASHER = PasswordHasher(
    time_cost=1, memory_cost=47_104, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)


class Passwords:
    """Hashes and verifies, off the event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody = _HASHER.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """A fresh argon2id hash in PHC form."""
        async with self._turns:
            return await asyncio.to_thread(hash_password, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """True if the password fits; `None` (no such user) takes as long and is False."""
        async with self._turns:
            fits = await asyncio.to_thread(verify_password, stored or self._nobody, password)
        return fits and stored is not None

    def ages(self, stored: str) -> bool:
        """True if the hash was made with other parameters than today's."""
        return _HASHER.check_needs_rehash(stored)


def hash_password(password: str) -> str:
    """A fresh argon2id hash in PHC form; takes some 50 ms."""
    return _HASHER.hash(_normal(password))


def verify_password(stored: str, password: str) -> bool:
    """True if the password fits; takes some 50 ms."""
    try:
        return _HASHER.verify(stored, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def check_password(password: str, *, email: str, name: str) -> None:
    """Raise `InputError` for a password that is too short, too long or too easily guessed."""
    length = len(_normal(password))
    if length < LEAST_CHARACTERS:
        raise InputError(
            "password",
            f"This password has {length} characters.",
            f"Use at least {LEAST_CHARACTERS}; several words in a row are good.",
        )
    if length > MOST_CHARACTERS:
        raise InputError(
            "password", f"This password has {length} characters.", f"Use at most {MOST_CHARACTERS}."
        )
    plain = password.casefold()
    easy = len(set(plain)) < 5 or any(word and plain.startswith(word.casefold()) for word in (email, name))
    if easy:
        raise InputError(
            "password",
            "This password is easy to guess.",
            "Do not use your name, your e-mail or one character often.",
        )


def _normal(password: str) -> str:
    # The same characters typed on another system must give the same bytes (NIST SP 800-63B §3.1.1.2).
    return unicodedata.normalize("NFC", password)
