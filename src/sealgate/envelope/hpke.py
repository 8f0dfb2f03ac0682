"""The receiving half of HPKE (RFC 9180), base mode, single shot: from `enc` to the AEAD key and nonce.

`cryptography` has HPKE whole, but its `decrypt` returns bytes that nobody can wipe; so the KEM and the key
schedule stand here, on its primitives, and the caller decrypts into memory of its own. It must never decrypt
by itself. Sealing uses the library's HPKE.
"""

from typing import NamedTuple

from sealgate.envelope.curves import exchange, public_from
from sealgate.envelope.hkdf import labeled_expand, labeled_extract
from sealgate.envelope.keys import SealingPrivateKey
from sealgate.envelope.suites import NONCE_BYTES, Suite


class AeadKey(NamedTuple):
    """The key and the nonce of the first, and here only, message."""

    key: bytes
    nonce: bytes

    def __repr__(self) -> str:
        return "<AeadKey>"


def decapsulate(enc: bytes, private: SealingPrivateKey) -> bytes:
    """RFC 9180 section 4.1, Decap: the shared secret. Raises ValueError on a bad point (7.1.4)."""
    suite, kem = private.suite, private.suite.kem
    dh = exchange(private.handle(), public_from(kem.nist, enc))
    eae_prk = labeled_extract(kem.digest, suite.kem_suite_id, b"", b"eae_prk", dh)
    return labeled_expand(
        kem.digest,
        suite.kem_suite_id,
        eae_prk,
        b"shared_secret",
        enc + private.public.raw,
        length_bytes=kem.secret_bytes,
    )


def schedule(suite: Suite, shared_secret: bytes, info: bytes) -> AeadKey:
    """RFC 9180 section 5.1, KeySchedule in base mode: no psk, sequence number 0."""
    digest, suite_id = suite.kdf.digest, suite.suite_id
    context = suite.schedule_start + labeled_extract(digest, suite_id, b"", b"info_hash", info)
    secret = labeled_extract(digest, suite_id, shared_secret, b"secret", b"")
    return AeadKey(
        labeled_expand(digest, suite_id, secret, b"key", context, length_bytes=suite.aead.key_bytes),
        labeled_expand(digest, suite_id, secret, b"base_nonce", context, length_bytes=NONCE_BYTES),
    )
