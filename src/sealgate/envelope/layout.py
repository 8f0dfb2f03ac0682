"""Where each byte of an envelope stands, and its text form.

Envelope: format version | suite | vault key id | enc | ciphertext and tag, always 578 bytes.
Every complaint is the same `EnvelopeError`: who altered an envelope must not learn which part was noticed.
"""

import base64
import binascii
from typing import Final, NamedTuple

FORMAT_VERSION: Final = 1
SUITE_1: Final = 1  # DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM
KEY_ID_BYTES: Final = 16
ENC_BYTES: Final = 32  # RFC 9180 section 7.1, Nenc of DHKEM(X25519)
SLOT_BYTES: Final = 512  # the padded plaintext: HPKE hides no length, so there is only one
LENGTH_BYTES: Final = 2
TAG_BYTES: Final = 16
ENVELOPE_BYTES: Final = 2 + KEY_ID_BYTES + ENC_BYTES + SLOT_BYTES + TAG_BYTES

_HEADER_BYTES: Final = 2 + KEY_ID_BYTES


class EnvelopeError(ValueError):
    """The envelope does not open: one error, one message, whichever bit or context field differs."""

    code = "envelope_invalid"
    hint = "Seal the key again with a new ticket from the console."

    def __init__(self) -> None:
        super().__init__("The envelope does not open.")


class Parts(NamedTuple):
    """An envelope taken apart; the pieces are views, nothing is copied."""

    key_id: memoryview
    enc: memoryview
    ciphertext: memoryview


def join(key_id: bytes, enc_and_ciphertext: bytes) -> bytes:
    """Put a suite 1 envelope together from the vault key id and HPKE's `enc ‖ ciphertext`."""
    return bytes((FORMAT_VERSION, SUITE_1)) + key_id + enc_and_ciphertext


def split(envelope: bytes | bytearray | memoryview) -> Parts:
    """Take an envelope apart; raises EnvelopeError on another size, format version or suite."""
    view = memoryview(envelope)
    if view.nbytes != ENVELOPE_BYTES or view[0] != FORMAT_VERSION or view[1] != SUITE_1:
        raise EnvelopeError
    enc_end = _HEADER_BYTES + ENC_BYTES
    return Parts(view[2:_HEADER_BYTES], view[_HEADER_BYTES:enc_end], view[enc_end:])


def encode_text(envelope: bytes) -> str:
    """Give the text form: base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(envelope).rstrip(b"=").decode("ascii")


def decode_text(text: str) -> bytes:
    """Read the text form; raises EnvelopeError unless it is exactly what `encode_text` writes.

    Python's decoder skips unknown characters and ignores spare bits, so one envelope would have
    many spellings. Writing it again and comparing leaves one.
    """
    try:
        envelope = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise EnvelopeError from None
    if len(envelope) != ENVELOPE_BYTES or encode_text(envelope) != text:
        raise EnvelopeError
    return envelope
