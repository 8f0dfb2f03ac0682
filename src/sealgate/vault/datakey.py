"""Envelope encryption of the vault's own secrets: a fresh data key each, wrapped by the KEK.

Counterparts: `kek` wraps; `keyring`, `peppers` and `root` keep what comes out. The context is authenticated
in both layers, so a sealed secret moved to another row opens nowhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from sealgate.vault.kek import KekError, KekProvider

_NONCE_BYTES = 12
_TAG_BYTES = 16
_DATA_KEY_BYTES = 32


class SealedSecret(Struct, frozen=True):
    """What is stored: ciphertext (nonce, ciphertext, tag), its wrapped data key, and the KEK's version."""

    ciphertext: bytes
    wrapped_data_key: bytes
    kek_version: str


def seal_secret(kek: KekProvider, secret: bytes | bytearray, context: bytes) -> SealedSecret:
    """Encrypt a secret under a fresh AES-256 data key; the data key is wiped."""
    data_key = bytearray(secrets.token_bytes(_DATA_KEY_BYTES))
    try:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = nonce + AESGCM(data_key).encrypt(nonce, secret, context)
        return SealedSecret(ciphertext, kek.wrap(data_key, context), kek.version)
    finally:
        wipe(data_key)


@contextmanager
def opened_secret(kek: KekProvider, sealed: SealedSecret, context: bytes) -> Iterator[bytearray]:
    """The secret for the length of a `with`, wiped after it; raises `KekError` for anything altered."""
    data_key = kek.unwrap(sealed.wrapped_data_key, context, sealed.kek_version)
    secret = bytearray(max(len(sealed.ciphertext) - _NONCE_BYTES - _TAG_BYTES, 0))
    try:
        _decrypt(data_key, sealed.ciphertext, context, secret)
        yield secret
    finally:
        wipe(data_key)
        wipe(secret)


def wipe(secret: bytearray) -> None:
    """Overwrite in place."""
    secret[:] = bytes(len(secret))


def _decrypt(data_key: bytearray, ciphertext: bytes, context: bytes, into: bytearray) -> None:
    try:
        AESGCM(data_key).decrypt_into(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], context, into)
    except (InvalidTag, ValueError) as error:
        raise KekError("a sealed secret does not open in this place") from error
