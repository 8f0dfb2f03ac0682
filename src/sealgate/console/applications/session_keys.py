"""Session public keys: reads what a developer hands in, and refuses everything but the public half.

Pure. Counterparts: the key maker of the session keys page, which posts the raw bytes in base64url, and
`sealgate.session`, which verifies with what is kept here.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from msgspec import Struct

from sealgate.console.forms import InputError

ED25519 = "Ed25519"
ES256 = "ES256"

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


class PublicHalf(Struct, frozen=True):
    """A public key that sessions may be signed for, and the algorithm that it alone is good for.

    `Ed25519`: 32 raw bytes (RFC 8032 §5.1.2). `ES256`: 65, an uncompressed point of P-256 (SEC 1 §2.3.3).
    """

    algorithm: str
    raw: bytes


def parse_public_key(text: str) -> PublicHalf:
    """The key in a PEM or in raw bytes as base64url; raises `InputError`, which never quotes it."""
    if "PRIVATE" in text:
        raise InputError(
            "public_key",
            "This is the private half. Never use this key again: it has left your hands.",
            "Nothing of it was kept here. Make a new pair, and paste the public half of that.",
        )
    half = _from_pem(text) if "BEGIN" in text else _from_base64(text)
    if isinstance(half, str):
        raise InputError(
            "public_key",
            f"This is a public key for {half}, which session tokens do not use.",
            "Make an Ed25519 or a P-256 pair: openssl genpkey -algorithm ed25519",
        )
    if half is None:
        raise InputError(
            "public_key",
            "This is not an Ed25519 or P-256 public key.",
            "Paste the PEM that begins with BEGIN PUBLIC KEY, or the 32 or 65 raw bytes in base64url.",
        )
    if half.algorithm == ED25519 and half.raw[:31] + bytes([half.raw[31] & 0x7F]) in _WEAK:
        raise InputError("public_key", "Forged signatures would verify under this key.", "Make a new pair.")
    return half


def _from_pem(text: str) -> PublicHalf | str | None:
    """The key, or the name of the kind that it is of, or nothing."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, Ed25519PublicKey):
        return PublicHalf(ED25519, key.public_bytes_raw())
    if isinstance(key, EllipticCurvePublicKey):
        return _of_curve(key) or f"the curve {key.curve.name}"
    return "RSA" if isinstance(key, RSAPublicKey) else "another algorithm"


def _from_base64(text: str) -> PublicHalf | None:
    plain = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) == 32:
        return PublicHalf(ED25519, raw)
    if len(raw) != 65:
        return None
    try:  # a point that is not on the curve is refused here (SEC 1 §3.2.2.1)
        return _of_curve(EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw))
    except ValueError:
        return None


def _of_curve(key: EllipticCurvePublicKey) -> PublicHalf | None:
    if key.curve.name != SECP256R1().name:
        return None
    return PublicHalf(ES256, key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
