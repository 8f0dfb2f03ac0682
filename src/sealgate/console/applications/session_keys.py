"""Session public keys: reads what a developer hands in, and refuses everything but the public half.

Pure. Counterpart: the key maker of the session keys page, which posts the raw 32 bytes in base64url.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sealgate.console.forms import InputError

ALGORITHM = "Ed25519"

# Points of small order, sign bit cleared: anybody can forge for them (RFC 8032 §5.1.7).
_WEAK = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


def parse_public_key(text: str) -> bytes:
    """32 raw bytes (RFC 8032) from base64url or PEM; raises `InputError`, which never quotes it."""
    if "PRIVATE" in text:
        raise InputError(
            "public_key",
            "This is the private half.",
            "It has left your hands now: make a new pair, and paste the public half of that.",
        )
    raw = _from_pem(text) if "BEGIN" in text else _from_base64(text)
    if raw is None:
        raise InputError(
            "public_key",
            "This is not an Ed25519 public key.",
            "Paste the PEM that begins with BEGIN PUBLIC KEY, or the 32 bytes in base64url.",
        )
    if raw[:31] + bytes([raw[31] & 0x7F]) in _WEAK:
        raise InputError("public_key", "Forged signatures would verify under this key.", "Make a new pair.")
    return raw


def _from_pem(text: str) -> bytes | None:
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else None


def _from_base64(text: str) -> bytes | None:
    plain = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == 32 else None
