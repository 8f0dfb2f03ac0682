"""Passwords: argon2id with the OWASP parameters (m = 46 MiB, t = 1, p = 1), and what a good one looks like.

A password is never kept, logged or put into an exception. Verifying takes the same time whether or not
there is such a user.
"""

from __future__ import annotations

import asyncio
import base64
import os
import unicodedata
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from sealgate.console.forms import InputError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 256
AT_ONCE = 4
"""Hashing takes 46 MiB: so many at a time, the rest wait."""

# OWASP Password Storage Cheat Sheet, argon2id, first choice; the salt and tag lengths are RFC 9106 §4's.
OWASP: Final = PasswordHasher(
    time_cost=1, memory_cost=47_104, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)


class Passwords:
    """Hashes and verifies, off the event loop. Another hasher than OWASP's is for tests alone: no setting
    names one.
    """

    def __init__(self, hasher: PasswordHasher = OWASP) -> None:
        self._hasher = hasher
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody = hash_of_none(hasher)

    async def hash(self, password: str) -> str:
        """A fresh argon2id hash in PHC form."""
        async with self._turns:
            return await asyncio.to_thread(hash_password, password, self._hasher)

    async def verify(self, stored: str | None, password: str) -> bool:
        """True if the password fits; `None` (no such user) takes as long and is False."""
        async with self._turns:
            fits = await asyncio.to_thread(verify_password, stored or self._nobody, password)
        return fits and stored is not None

    def ages(self, stored: str) -> bool:
        """True if the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


def hash_password(password: str, hasher: PasswordHasher = OWASP) -> str:
    """A fresh argon2id hash in PHC form; takes some 50 ms."""
    return hasher.hash(_normal(password))


def hash_of_none(hasher: PasswordHasher) -> str:
    """What looks like a hash of this hasher's and is drawn at random: no password is known that fits it, and
    trying one takes as long as ever. Nothing is hashed for it.
    """
    salt, tag = (_unpadded(os.urandom(length)) for length in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${tag}"


def verify_password(stored: str, password: str) -> bool:
    """True if the password fits; takes some 50 ms. What it costs, the stored hash says."""
    try:
        return OWASP.verify(stored, _normal(password))
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


def _unpadded(drawn: bytes) -> str:
    return base64.b64encode(drawn).decode().rstrip("=")
