"""Seal a provider key to a vault: what the command line and the tests do, and the vault when keys change.

Its counterparts are `seal` in web/shared/envelope.ts, which does it in the browser, and `open_into`.
It must never keep the key: the padded copy that it makes is wiped before it returns.
"""

from sealgate.envelope.context import Context
from sealgate.envelope.keys import SealingPublicKey
from sealgate.envelope.layout import LENGTH_BYTES, SLOT_BYTES, join
from sealgate.envelope.provider_key import check_provider_key


def seal(key: bytes | bytearray | memoryview, public: SealingPublicKey, context: Context) -> bytes:
    """Give an envelope that only `public`'s vault can open, and only under `context`.

    RFC 9180 section 6.1, base mode, empty AAD. Raises KeyFormatError for an impossible key and
    ValueError for a public key of low order, or of no point.
    """
    check_provider_key(key)
    plaintext = bytearray(SLOT_BYTES)
    try:
        plaintext[:LENGTH_BYTES] = len(key).to_bytes(LENGTH_BYTES, "big")
        plaintext[LENGTH_BYTES : LENGTH_BYTES + len(key)] = key
        return seal_slot(plaintext, public, context)
    finally:
        plaintext[:] = bytes(SLOT_BYTES)


def seal_slot(slot: bytearray | memoryview, public: SealingPublicKey, context: Context) -> bytes:
    """Seal what `open_into` left in a slot, from where it stands: no copy of the key is made.

    It seals any 512 bytes; that they hold a key is for the opening that filled them to know.
    """
    suite = public.suite
    enc_and_ciphertext = suite.library().encrypt(slot, public.handle(), info=context.info(suite))
    return join(suite, context.key_id, enc_and_ciphertext)
