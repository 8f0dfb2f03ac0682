"""Where each byte of an envelope stands, and its text form.

Envelope: format version | suite | vault key id | enc | ciphertext and tag; the suite alone decides how many
bytes that is. Every complaint is the same `EnvelopeError`: who altered an envelope must not learn which part
was noticed.
"""

import base64
import binascii
from typing import Final, NamedTuple

from sealgate.envelope.suites import TAG_BYTES, Suite, find_suite

FORMAT_VERSION: Final = 1
KEY_ID_BYTES: Final = 16
SLOT_BYTES: Final = 512  # the padded plaintext: HPKE hides no length, so there is only one
LENGTH_BYTES: Final = 2

_HEADER_BYTES: Final = 2 + KEY_ID_BYTES
_SEALED_BYTES: Final = SLOT_BYTES + TAG_BYTES


class EnvelopeError(ValueError):
    """The envelope does not open: one error, one message, whichever bit or context field differs."""

    code = "envelope_invalid"
    hint = "Seal the key again with a new ticket from the console."

    def __init__(self) -> None:
        super().__init__("The envelope does not open.")


class Header(NamedTuple):
    """What an envelope says of itself, before anything of it is proved."""

    suite: int
    key_id: bytes


class Parts(NamedTuple):
    """An envelope taken apart; the pieces are views, nothing is copied."""

    key_id: memoryview
    enc: memoryview
    ciphertext: memoryview


def envelope_bytes(suite: Suite) -> int:
    """How many bytes every envelope of a suite has."""
    return _HEADER_BYTES + suite.kem.public_bytes + _SEALED_BYTES


def join(suite: Suite, key_id: bytes, enc_and_ciphertext: bytes) -> bytes:
    """Put an envelope together from the vault key id and HPKE's `enc ‖ ciphertext`."""
    return bytes((FORMAT_VERSION, suite.id)) + key_id + enc_and_ciphertext


def split(envelope: bytes | bytearray | memoryview, suite: Suite) -> Parts:
    """Take an envelope of this suite apart; raises EnvelopeError on another size, format version or suite."""
    view = memoryview(envelope)
    enc_end = _HEADER_BYTES + suite.kem.public_bytes
    if view.nbytes != enc_end + _SEALED_BYTES or view[0] != FORMAT_VERSION or view[1] != suite.id:
        raise EnvelopeError
    return Parts(view[2:_HEADER_BYTES], view[_HEADER_BYTES:enc_end], view[enc_end:])


def read_header(envelope: bytes) -> Header:
    """Which suite and sealing key an envelope names, to find the key; raises EnvelopeError for none known."""
    suite = find_suite(envelope[1]) if len(envelope) > 1 else None
    if suite is None or len(envelope) != envelope_bytes(suite):
        raise EnvelopeError
    return Header(suite.id, envelope[2:_HEADER_BYTES])


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
    read_header(envelope)
    if encode_text(envelope) != text:
        raise EnvelopeError
    return envelope
