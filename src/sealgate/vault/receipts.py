"""Receipts of erasure: what one says, how it is signed, and how anybody checks one.

Counterparts: `erasures`, which fills them in; `sealgate vault verify-receipt`, which needs no vault. A
receipt is a JWS in flattened JSON (RFC 7515 section 7.2.2) under Ed25519 (RFC 9864): the exact bytes that
were signed travel in it, so nothing has to be made canonical.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

TYPE = "sealgate-erasure-receipt+json"
PUBLIC_KEY_BYTES = 32


class ReceiptError(ValueError):
    """This is no receipt that the holder of that key signed."""


class ErasedEnvelope(Struct, frozen=True):
    """One version that was destroyed: SHA-256 of its envelope, by which a copy of it is known again."""

    credential: str
    version: int
    sha256: str
    """Hexadecimal; empty where a revocation had destroyed the envelope before."""


class KekThen(Struct, frozen=True):
    """A KEK version under which a backup could still hold what was erased."""

    version: str
    state: str
    destroyed_at: str | None


class Receipt(Struct, frozen=True):
    """What is signed. Times are RFC 3339, in UTC."""

    receipt: str
    instance: str
    kind: str
    subject: str
    organization: str
    application: str
    ordered_at: str
    erased_at: str
    credentials: int
    versions: int
    envelopes: tuple[ErasedEnvelope, ...]
    """By credential and version; the first `ENVELOPES_LIMIT`."""
    envelopes_digest: str
    """SHA-256 over all of them: each a line `credential version sha256`, ending in a line feed."""
    sealing_keys_gone_at: str | None
    kek_versions: tuple[KekThen, ...]
    final_by: str
    final_at: str | None
    signed_at: str


class _Header(Struct, frozen=True):
    alg: str
    kid: str
    typ: str


class _Signed(Struct, frozen=True):
    payload: str
    protected: str
    signature: str


def sign(receipt: Receipt, private: Ed25519PrivateKey) -> str:
    """The receipt as a file: one line of JSON."""
    header = _Header("Ed25519", key_name(private.public_key().public_bytes_raw()), TYPE)
    payload, protected = _text(msgspec.json.encode(receipt)), _text(msgspec.json.encode(header))
    signature = _text(private.sign(_input(protected, payload)))
    return msgspec.json.encode(_Signed(payload, protected, signature)).decode() + "\n"


def verify(text: str, public_key: bytes) -> Receipt:
    """What a receipt says; raises `ReceiptError` unless it is one, whole, and of this key (32 bytes)."""
    try:
        signed = msgspec.json.decode(text, type=_Signed)
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            _bytes(signed.signature), _input(signed.protected, signed.payload)
        )
        header = msgspec.json.decode(_bytes(signed.protected), type=_Header)
        if (header.alg, header.typ) != ("Ed25519", TYPE):
            raise ReceiptError("it is signed, but no receipt")
        return msgspec.json.decode(_bytes(signed.payload), type=Receipt)
    except InvalidSignature:
        raise ReceiptError("it was altered, or another vault signed it") from None
    except (msgspec.MsgspecError, UnicodeError, binascii.Error) as error:
        raise ReceiptError("it is no receipt") from error


def key_name(public_key: bytes) -> str:
    """A public key as it is shown and pinned: base64url without padding (43 characters)."""
    return _text(public_key)


def key_of(name: str) -> bytes:
    """A public key from its text; raises `ReceiptError`."""
    try:
        key = _bytes(name.strip())
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != PUBLIC_KEY_BYTES:
        raise ReceiptError("that is no receipt key: it has 43 characters")
    return key


def _input(protected: str, payload: str) -> bytes:
    return f"{protected}.{payload}".encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
