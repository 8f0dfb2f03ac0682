"""The receiving half of HPKE (RFC 9180), base mode, single shot: from `enc` to the AEAD key and nonce.

`cryptography` has HPKE whole, but its `decrypt` returns bytes that nobody can wipe; so the KEM and the key
schedule stand here, on its primitives, and the caller decrypts into memory of its own. It must never decrypt
by itself. Sealing uses the library's HPKE.
"""

from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

_MODE_BASE: Final = b"\x00"


class Suite(NamedTuple):
    """RFC 9180 section 7 identifiers of an HKDF-SHA256 suite, and the length of its AEAD key in bytes."""

    kem_id: int
    kdf_id: int
    aead_id: int
    key_bytes: int

    @property
    def suite_id(self) -> bytes:
        """RFC 9180 section 5.1, suite_id of the key schedule."""
        ids = (self.kem_id, self.kdf_id, self.aead_id)
        return b"HPKE" + b"".join(number.to_bytes(2, "big") for number in ids)


X25519_SHA256_AES256GCM: Final = Suite(kem_id=0x0020, kdf_id=0x0001, aead_id=0x0002, key_bytes=32)
_KEM_SUITE_ID: Final = b"KEM\x00\x20"  # RFC 9180 section 4.1, for DHKEM(X25519, HKDF-SHA256)


class AeadKey(NamedTuple):
    """The key and the nonce of the first, and here only, message."""

    key: bytes
    nonce: bytes

    def __repr__(self) -> str:
        return "<AeadKey>"


def decapsulate(enc: bytes, private: X25519PrivateKey) -> bytes:
    """RFC 9180 section 4.1, Decap: the shared secret. Raises ValueError on a low-order point (7.1.4)."""
    dh = private.exchange(X25519PublicKey.from_public_bytes(enc))
    kem_context = enc + private.public_key().public_bytes_raw()
    eae_prk = _labeled_extract(_KEM_SUITE_ID, b"", b"eae_prk", dh)
    return _labeled_expand(_KEM_SUITE_ID, eae_prk, b"shared_secret", kem_context, 32)


def schedule(suite: Suite, shared_secret: bytes, info: bytes) -> AeadKey:
    """RFC 9180 section 5.1, KeySchedule in base mode: no psk, sequence number 0."""
    suite_id = suite.suite_id
    psk_id_hash = _labeled_extract(suite_id, b"", b"psk_id_hash", b"")
    info_hash = _labeled_extract(suite_id, b"", b"info_hash", info)
    context = _MODE_BASE + psk_id_hash + info_hash
    secret = _labeled_extract(suite_id, shared_secret, b"secret", b"")
    return AeadKey(
        _labeled_expand(suite_id, secret, b"key", context, suite.key_bytes),
        _labeled_expand(suite_id, secret, b"base_nonce", context, 12),
    )


def _labeled_extract(suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """RFC 9180 section 4."""
    return HKDF.extract(SHA256(), salt, b"HPKE-v1" + suite_id + label + ikm)


def _labeled_expand(suite_id: bytes, prk: bytes, label: bytes, info: bytes, length_bytes: int) -> bytes:
    """RFC 9180 section 4."""
    labeled_info = length_bytes.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + info
    return HKDFExpand(SHA256(), length_bytes, labeled_info).derive(prk)
