"""Open an envelope into memory that can be wiped: what the vault does, and nobody else.

Its counterpart is `seal`. The provider key exists in the caller's slot and nowhere else: no `bytes` of it is
made, and the slot is all zeros whenever an error leaves this module.
"""

import re
from typing import NamedTuple

from cryptography.exceptions import InvalidTag

from sealgate.envelope.context import Context
from sealgate.envelope.hpke import decapsulate, schedule, schedule_context
from sealgate.envelope.keys import SealingPrivateKey
from sealgate.envelope.layout import LENGTH_BYTES, SLOT_BYTES, EnvelopeError, split
from sealgate.envelope.provider_key import MAX_KEY_BYTES, MIN_KEY_BYTES, KeyFormatError, check_provider_key
from sealgate.envelope.suites import Suite

_ZEROS = bytes(SLOT_BYTES)
_KEY_AND_ZEROS = re.compile(rb"([\x21-\x7e]{%d,%d})\x00*" % (MIN_KEY_BYTES, MAX_KEY_BYTES))
"""Looks, and copies nothing."""


class Binding(NamedTuple):
    """A context as HPKE takes it, worked out once for every open under it; nothing in it is secret."""

    key_id: bytes
    schedule: bytes


def bind(context: Context, suite: Suite) -> Binding:
    """What `open_bound` needs of a context, for envelopes of one suite."""
    return Binding(context.key_id, schedule_context(suite, context.info(suite)))


def open_into(
    envelope: bytes | bytearray | memoryview, private: SealingPrivateKey, context: Context, slot: memoryview
) -> int:
    """Decrypt into `slot`, 512 writable bytes; the key stands at `slot[2 : 2 + n]`, n is the result.

    Raises EnvelopeError, always the same one, for any altered bit, wrong vault key or other context; once the
    envelope has proved itself, KeyFormatError where what was sealed is no possible key. Raises ValueError for
    a slot that does not fit.
    """
    return open_bound(envelope, private, bind(context, private.suite), slot)


def open_bound(
    envelope: bytes | bytearray | memoryview, private: SealingPrivateKey, binding: Binding, slot: memoryview
) -> int:
    """The same, for a context that was bound before."""
    if slot.readonly or slot.nbytes != SLOT_BYTES or slot.format != "B" or not slot.c_contiguous:
        raise ValueError(f"a slot is {SLOT_BYTES} writable bytes")
    try:
        _decrypt_into(envelope, private, binding, slot)
        return _check_plaintext(slot)
    except BaseException:
        slot[:] = _ZEROS
        raise


def _decrypt_into(
    envelope: bytes | bytearray | memoryview, private: SealingPrivateKey, binding: Binding, slot: memoryview
) -> None:
    suite = private.suite
    key_id, enc, ciphertext = split(envelope, suite)
    if key_id != binding.key_id:
        raise EnvelopeError
    try:
        aead = schedule(suite, decapsulate(bytes(enc), private), binding.schedule)
        suite.aead.cipher(aead.key).decrypt_into(aead.nonce, ciphertext, None, slot)
    except (InvalidTag, ValueError):
        # ValueError: `enc` is a point of low order, or none of the curve. It must look like all alterations.
        raise EnvelopeError from None


def _check_plaintext(slot: memoryview) -> int:
    """The charset gate once more: base mode lets anyone who has the public key seal anything."""
    length_bytes = int.from_bytes(slot[:LENGTH_BYTES], "big")
    whole = _KEY_AND_ZEROS.fullmatch(slot, LENGTH_BYTES)
    if whole is None or whole.end(1) != LENGTH_BYTES + length_bytes:
        _tell_what_is_wrong(slot, length_bytes)
    return length_bytes


def _tell_what_is_wrong(slot: memoryview, length_bytes: int) -> None:
    end = LENGTH_BYTES + length_bytes
    if length_bytes > MAX_KEY_BYTES or slot[end:] != _ZEROS[end:]:
        raise KeyFormatError("layout")
    check_provider_key(slot[LENGTH_BYTES:end])
