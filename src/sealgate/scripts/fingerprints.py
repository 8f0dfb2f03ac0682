"""Fingerprints of a vault's sealing key, as people compare them: digits, or words that can be read aloud.

Pure. 128 bits of SHA-256; the words are proquints (Wilkerson, “A Proposal for Proquints”, 2009): 16 bits in
each, no list needed. It is public: it may be written down, mailed and pinned in a script.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from msgspec import Struct

_LABEL: Final = b"sealgate sealing key v1\n"
_BYTES: Final = 16
_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"


class Fingerprint(Struct, frozen=True):
    """128 bits that name a sealing key."""

    raw: bytes

    @property
    def hexadecimal(self) -> str:
        """`3f9a 77c1 …`, eight groups."""
        text = self.raw.hex()
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))

    @property
    def words(self) -> str:
        """`lusab-babad-…`, eight words."""
        return "-".join(
            _word(int.from_bytes(self.raw[at : at + 2], "big")) for at in range(0, len(self.raw), 2)
        )

    def fits(self, written: str) -> bool:
        """True if these words or digits are this fingerprint, whole; signs between them do not matter."""
        plain = "".join(each for each in written.lower() if each.isalnum())
        forms = (self.raw.hex(), self.words.replace("-", ""))
        return any(hmac.compare_digest(plain.encode(), form.encode()) for form in forms)


def fingerprint(public_key: bytes) -> Fingerprint:
    """The fingerprint of a sealing key's 32 raw public bytes."""
    return Fingerprint(hashlib.sha256(_LABEL + public_key).digest()[:_BYTES])


def _word(bits: int) -> str:
    return "".join(
        (
            _CONSONANTS[bits >> 12 & 15],
            _VOWELS[bits >> 10 & 3],
            _CONSONANTS[bits >> 6 & 15],
            _VOWELS[bits >> 4 & 3],
            _CONSONANTS[bits & 15],
        )
    )
