"""The sealed-key format: a provider key, encrypted to one vault for one purpose.

Its counterpart is web/shared/envelope.ts; docs/spec/envelope.md says both in words.
Pure functions: nothing here reads a file, a clock or a socket, and no key is ever logged or quoted.
"""

from sealgate.envelope.context import MAX_VERSION, Context
from sealgate.envelope.keys import SealingPrivateKey, SealingPublicKey
from sealgate.envelope.layout import (
    ENVELOPE_BYTES,
    KEY_ID_BYTES,
    SLOT_BYTES,
    SUITE_1,
    EnvelopeError,
    decode_text,
    encode_text,
)
from sealgate.envelope.opening import open_into
from sealgate.envelope.provider_key import (
    MAX_KEY_BYTES,
    MIN_KEY_BYTES,
    KeyFormatError,
    check_provider_key,
)
from sealgate.envelope.sealing import seal

__all__ = [
    "ENVELOPE_BYTES",
    "KEY_ID_BYTES",
    "MAX_KEY_BYTES",
    "MAX_VERSION",
    "MIN_KEY_BYTES",
    "SLOT_BYTES",
    "SUITE_1",
    "Context",
    "EnvelopeError",
    "KeyFormatError",
    "SealingPrivateKey",
    "SealingPublicKey",
    "check_provider_key",
    "decode_text",
    "encode_text",
    "open_into",
    "seal",
]
