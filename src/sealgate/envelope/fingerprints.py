"""Fingerprints of a vault's sealing keys, as people compare them: digits, or words that can be read aloud.

Pure; its counterpart is web/shared/fingerprint.ts. 128 bits of SHA-256; the words are proquints (Wilkerson,
“A Proposal for Proquints”, 2009): 16 bits in each, no list needed. It is public: it may be written down,
mailed and pinned in a script.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_LABEL: Final = b"sealgate sealing keys v1"
_BYTES: Final = 16
_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """128 bits that name every sealing key of one epoch."""

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


def fingerprint(keys: Iterable[tuple[int, bytes]]) -> Fingerprint:
    """The fingerprint of an epoch's public keys: suite and raw bytes of all that the vault offers.

    SHA-256 of the label, then of each key, by its suite's number: that number in one byte, the key's length
    in two, the key. Of any order, and with keys of suites that this release does not know.
    """
    digest = hashlib.sha256(_LABEL)
    for suite, raw in sorted(keys):
        digest.update(bytes((suite,)) + len(raw).to_bytes(2, "big") + raw)
    return Fingerprint(digest.digest()[:_BYTES])


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
