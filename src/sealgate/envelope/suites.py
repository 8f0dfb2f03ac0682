"""The suites of sealed keys: one literal table. A suite is added here, and in web/shared/suites.ts, alone.

Counterparts: `keys`, whose keys name their suite, and `hpke`, which computes with a row. A reader refuses
every number that is not in the table; a number that was given once never means anything else.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as LibrarySuite

from sealgate.envelope.curves import Nist
from sealgate.envelope.hkdf import labeled_extract

_MODE_BASE: Final = b"\x00"
NONCE_BYTES: Final = 12
"""RFC 9180 section 7.3, Nn: the same for every AEAD of HPKE."""
TAG_BYTES: Final = 16
"""RFC 9180 section 7.3, Nt: the same."""


@dataclass(frozen=True, slots=True)
class Kem:
    """A DHKEM of RFC 9180 section 7.1; all lengths in bytes."""

    id: int
    library: KEM
    digest: HashAlgorithm
    """HKDF's hash inside the KEM."""
    nist: Nist
    public_bytes: int
    """Npk, and Nenc, which is the same in every DHKEM."""
    private_bytes: int
    secret_bytes: int


@dataclass(frozen=True, slots=True)
class Kdf:
    """A KDF of RFC 9180 section 7.2."""

    id: int
    library: KDF
    digest: HashAlgorithm


@dataclass(frozen=True, slots=True)
class Aead:
    """An AEAD of RFC 9180 section 7.3."""

    id: int
    library: AEAD
    cipher: type[AESGCM | ChaCha20Poly1305]
    key_bytes: int


@dataclass(frozen=True, slots=True)
class Suite:
    """One way to seal; what HPKE derives from its identifiers alone is computed once."""

    id: int
    """The byte that names it in an envelope."""
    name: str
    kem: Kem
    kdf: Kdf
    aead: Aead
    kem_suite_id: bytes = field(init=False, repr=False)
    """RFC 9180 section 4.1."""
    suite_id: bytes = field(init=False, repr=False)
    """RFC 9180 section 5.1."""
    schedule_start: bytes = field(init=False, repr=False)
    """RFC 9180 section 5.1: mode and psk_id_hash, how every key_schedule_context of base mode begins."""

    def __post_init__(self) -> None:
        ids = b"".join(each.id.to_bytes(2, "big") for each in (self.kem, self.kdf, self.aead))
        suite_id = b"HPKE" + ids
        psk_id_hash = labeled_extract(self.kdf.digest, suite_id, b"", b"psk_id_hash", b"")
        object.__setattr__(self, "kem_suite_id", b"KEM" + ids[:2])
        object.__setattr__(self, "suite_id", suite_id)
        object.__setattr__(self, "schedule_start", _MODE_BASE + psk_id_hash)

    def library(self) -> LibrarySuite:
        """The library's HPKE of this suite, which seals."""
        return LibrarySuite(self.kem.library, self.kdf.library, self.aead.library)


X25519: Final = Kem(0x0020, KEM.X25519, SHA256(), None, 32, 32, 32)
P256: Final = Kem(0x0010, KEM.P256, SHA256(), SECP256R1(), 65, 32, 32)
HKDF_SHA256: Final = Kdf(0x0001, KDF.HKDF_SHA256, SHA256())
AES_256_GCM: Final = Aead(0x0002, AEAD.AES_256_GCM, AESGCM, 32)

SUITE_1: Final = 1
SUITE_1P: Final = 2
# 3 is kept for X-Wing (X25519 with ML-KEM-768, KEM 0x647a), which browsers cannot do yet.

SUITES: tuple[Suite, ...] = (
    Suite(SUITE_1, "1", X25519, HKDF_SHA256, AES_256_GCM),
    Suite(SUITE_1P, "1p", P256, HKDF_SHA256, AES_256_GCM),
)
"""Every suite, the preferred one first. A vault makes one key pair for each."""


def find_suite(number: int) -> Suite | None:
    """The suite of a number; None for one that is not in the table."""
    return next((suite for suite in SUITES if suite.id == number), None)


def suite_of(number: int) -> Suite:
    """The suite of a number; raises ValueError for one that is not in the table."""
    suite = find_suite(number)
    if suite is None:
        known = ", ".join(str(each.id) for each in SUITES)
        raise ValueError(f"suite {number} is not known; hint: this release knows {known}")
    return suite
