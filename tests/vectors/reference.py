"""A second implementation of the envelope, from docs/spec/envelope.md and RFC 9180, for the vectors alone.

It shares no line with src/sealgate/envelope and takes its ephemeral key as a parameter, so that vectors come
out the same every time. It must never seal a real key.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEM = b"KEM\x00\x20"
_HPKE = b"HPKE\x00\x20\x00\x01\x00\x02"


@dataclass(frozen=True, slots=True)
class Steps:
    """What an implementer compares on the way: RFC 9180's names."""

    enc: bytes
    shared_secret: bytes
    aead_key: bytes
    nonce: bytes


def public_of(private: bytes) -> bytes:
    """The X25519 public key of 32 raw private bytes."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def info_of(
    instance: str,
    organization: str,
    application: str,
    credential: str,
    version: int,
    provider: str,
    origin: str,
    key_id: bytes,
) -> bytes:
    """docs/spec/envelope.md, "What it is bound to"."""
    info = b"sealgate envelope v1" + b"\x00\x01\x01"
    for text in (instance, organization, application, credential):
        info += _sized(text.encode())
    info += b"\x00\x08" + version.to_bytes(8, "big")
    for text in (provider, origin):
        info += _sized(text.encode())
    return info + b"\x00\x10" + key_id


def steps(ephemeral: bytes, recipient_public: bytes, info: bytes) -> Steps:
    """RFC 9180 sections 4.1 (Encap, with a given ephemeral key) and 5.1 (KeySchedule, base mode)."""
    enc = public_of(ephemeral)
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    dh = private.exchange(X25519PublicKey.from_public_bytes(recipient_public))
    eae_prk = _extract(_KEM, b"", b"eae_prk", dh)
    shared_secret = _expand(_KEM, eae_prk, b"shared_secret", enc + recipient_public, 32)
    schedule = b"\x00" + _extract(_HPKE, b"", b"psk_id_hash", b"") + _extract(_HPKE, b"", b"info_hash", info)
    secret = _extract(_HPKE, shared_secret, b"secret", b"")
    key = _expand(_HPKE, secret, b"key", schedule, 32)
    return Steps(enc, shared_secret, key, _expand(_HPKE, secret, b"base_nonce", schedule, 12))


def seal(at: Steps, key_id: bytes, plaintext: bytes, aad: bytes = b"", sequence: int = 0) -> bytes:
    """The envelope; `aad` and `sequence` are there to be wrong."""
    nonce = (int.from_bytes(at.nonce, "big") ^ sequence).to_bytes(12, "big")
    return b"\x01\x01" + key_id + at.enc + AESGCM(at.aead_key).encrypt(nonce, plaintext, aad)


def pad(key: bytes, length: int | None = None) -> bytes:
    """The plaintext: length, key, zeros to 512; `length` is there to be wrong."""
    stated = len(key) if length is None else length
    return (stated.to_bytes(2, "big") + key).ljust(512, b"\x00")


def _sized(field: bytes) -> bytes:
    return len(field).to_bytes(2, "big") + field


def _extract(suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite_id + label + ikm, hashlib.sha256)


def _expand(suite_id: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + info
    return hmac.digest(prk, labeled + b"\x01", hashlib.sha256)[:length]
