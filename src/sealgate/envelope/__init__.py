"""The sealed-key format: a provider key, encrypted to one vault for one purpose.

Its counterpart is web/shared/envelope.ts; docs/spec/envelope.md says both in words.
Pure functions: nothing here reads a file, a clock or a socket, and no key is ever logged or quoted.
"""

from sealgate.envelope.context import MAX_VERSION, Context
from sealgate.envelope.fingerprints import Fingerprint, fingerprint
from sealgate.envelope.keys import SealingPrivateKey, SealingPublicKey
from sealgate.envelope.layout import (
    KEY_ID_BYTES,
    SLOT_BYTES,
    EnvelopeError,
    Header,
    decode_text,
    encode_text,
    envelope_bytes,
    read_header,
)
from sealgate.envelope.opening import Binding, bind, open_bound, open_into
from sealgate.envelope.provider_key import (
    MAX_KEY_BYTES,
    MIN_KEY_BYTES,
    KeyFormatError,
    check_provider_key,
)
from sealgate.envelope.sealing import seal, seal_slot
from sealgate.envelope.suites import SUITE_1, SUITE_1P, Suite, find_suite, suite_of

__all__ = [
    "KEY_ID_BYTES",
    "MAX_KEY_BYTES",
    "MAX_VERSION",
    "MIN_KEY_BYTES",
    "SLOT_BYTES",
    "SUITE_1",
    "SUITE_1P",
    "Binding",
    "Context",
    "EnvelopeError",
    "Fingerprint",
    "Header",
    "KeyFormatError",
    "SealingPrivateKey",
    "SealingPublicKey",
    "Suite",
    "bind",
    "check_provider_key",
    "decode_text",
    "encode_text",
    "envelope_bytes",
    "find_suite",
    "fingerprint",
    "open_bound",
    "open_into",
    "read_header",
    "seal",
    "seal_slot",
    "suite_of",
]
