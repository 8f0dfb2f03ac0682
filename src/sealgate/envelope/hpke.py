"""The receiving half of HPKE (RFC 9180), base mode, single shot: from `enc` to the AEAD key and nonce.

`cryptography` has HPKE whole, but its `decrypt` returns bytes that nobody can wipe; so the KEM and the key
schedule stand here, on its primitives, and the caller decrypts into memory of its own. It must never decrypt
by itself. Sealing uses the library's HPKE.
"""

from typing import NamedTuple

from sealgate.envelope.curves import exchange, public_from
from sealgate.envelope.hkdf import FIRST_BLOCK, expand, finish, keyed, mac
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
    eae_prk = finish(suite.steps.eae_prk, exchange(private.handle(), public_from(kem.nist, enc)))
    labeled = suite.steps.shared_secret + enc + private.public.raw + FIRST_BLOCK
    return mac(kem.digest, eae_prk, labeled)[: kem.secret_bytes]


def schedule_context(suite: Suite, info: bytes) -> bytes:
    """RFC 9180 section 5.1, key_schedule_context in base mode: not secret, and one for each `info`."""
    return suite.steps.start + finish(suite.steps.info_hash, info)


def schedule(suite: Suite, shared_secret: bytes, context: bytes) -> AeadKey:
    """RFC 9180 section 5.1, the rest of KeySchedule in base mode: no psk, sequence number 0."""
    digest, steps = suite.kdf.digest, suite.steps
    secret = keyed(digest, mac(digest, shared_secret, steps.secret))
    return AeadKey(
        expand(secret, steps.key, context, suite.aead.key_bytes),
        expand(secret, steps.base_nonce, context, NONCE_BYTES),
    )
