"""Seal a provider key to a vault: what the command line and the tests do.

Its counterparts are `seal` in web/shared/envelope.ts, which does it in the browser, and `open_into`.
It must never keep the key: the padded copy that it makes is wiped before it returns.
"""

from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sealgate.envelope.context import Context
from sealgate.envelope.keys import SealingPublicKey
from sealgate.envelope.layout import LENGTH_BYTES, SLOT_BYTES, join
from sealgate.envelope.provider_key import check_provider_key


def seal(key: bytes | bytearray | memoryview, public: SealingPublicKey, context: Context) -> bytes:
    """Give the 578 bytes of an envelope that only `public`'s vault can open, and only under `context`.

    RFC 9180 section 6.1, base mode, empty AAD. Raises KeyFormatError for an impossible key and
    ValueError for a public key of low order.
    """
    check_provider_key(key)
    plaintext = bytearray(SLOT_BYTES)
    try:
        plaintext[:LENGTH_BYTES] = len(key).to_bytes(LENGTH_BYTES, "big")
        plaintext[LENGTH_BYTES : LENGTH_BYTES + len(key)] = key
        suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        return join(context.key_id, suite.encrypt(plaintext, public.handle(), info=context.info()))
    finally:
        plaintext[:] = bytes(SLOT_BYTES)
