"""The suites of sealed keys: one literal table. A suite is added here, and in web/shared/suites.ts, alone.

Counterparts: `keys`, whose keys name their suite, and `hpke`, which computes with a row. A reader refuses
every number that is not in the table; a number that was given once never means anything else.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as LibrarySuite

from sealgate.envelope.curves import Nist
from sealgate.envelope.hkdf import expanded, extracted, extracting, finish

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


class Steps(NamedTuple):
    """Each step of HPKE, as far as the suite alone decides it; nothing in here is secret."""

    eae_prk: HMAC
    """RFC 9180 section 4.1: its LabeledExtract, up to the result of Diffie-Hellman."""
    shared_secret: bytes
    """The same: what its LabeledExpand begins with."""
    start: bytes
    """RFC 9180 section 5.1: mode and psk_id_hash, how every key_schedule_context of base mode begins."""
    info_hash: HMAC
    secret: bytes
    key: bytes
    base_nonce: bytes


@dataclass(frozen=True, slots=True)
class Suite:
    """One way to seal; what HPKE derives from its identifiers alone is computed once."""

    id: int
    """The byte that names it in an envelope."""
    name: str
    kem: Kem
    kdf: Kdf
    aead: Aead
    steps: Steps = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", _steps(self))

    @property
    def kem_suite_id(self) -> bytes:
        """RFC 9180 section 4.1."""
        return b"KEM" + self.kem.id.to_bytes(2, "big")

    @property
    def suite_id(self) -> bytes:
        """RFC 9180 section 5.1."""
        return b"HPKE" + b"".join(each.id.to_bytes(2, "big") for each in (self.kem, self.kdf, self.aead))

    def library(self) -> LibrarySuite:
        """The library's HPKE of this suite, which seals."""
        return LibrarySuite(self.kem.library, self.kdf.library, self.aead.library)


def _steps(suite: Suite) -> Steps:
    kem, digest = suite.kem, suite.kdf.digest
    return Steps(
        eae_prk=extracting(kem.digest, suite.kem_suite_id, b"eae_prk"),
        shared_secret=expanded(suite.kem_suite_id, b"shared_secret", kem.secret_bytes),
        start=_MODE_BASE + finish(extracting(digest, suite.suite_id, b"psk_id_hash"), b""),
        info_hash=extracting(digest, suite.suite_id, b"info_hash"),
        secret=extracted(suite.suite_id, b"secret"),
        key=expanded(suite.suite_id, b"key", suite.aead.key_bytes),
        base_nonce=expanded(suite.suite_id, b"base_nonce", NONCE_BYTES),
    )


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
