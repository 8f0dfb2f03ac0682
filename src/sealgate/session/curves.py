"""The two kinds of session keys, Ed25519 and ES256, as bytes, as JWKs and as `cryptography`'s handles.

Counterpart: `keys.py`, whose classes are the only callers. Every public key is checked before it is used: for
some points anybody can make signatures that verify.
"""

import base64
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePrivateNumbers,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey

Algorithm = Literal["Ed25519", "ES256"]
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

PUBLIC_KEY_BYTES: Final[dict[str, int]] = {"Ed25519": 32, "ES256": 65}
COORDINATE_BYTES: Final = 32
_CURVE: Final = SECP256R1()
_ES256: Final = ECDSA(SHA256())

# Points of small order, sign bit cleared: for these anybody can make signatures that verify, and RFC 8032
# §5.1.7 leaves the check to us. An all-zero key, the commonest programming mistake, is the first of them.
# P-256 has no such points: its order is prime.
_WEAK_PUBLIC_KEYS: Final = frozenset(
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


class SessionKeyError(ValueError):
    """A key that cannot be used for sessions; the message never quotes it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = "session_key_invalid"
        self.hint = hint


class Jwk(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of a JWK that matter (RFC 8037 §2, RFC 7518 §6.2); `d` makes it a private one."""

    kty: str
    crv: str
    x: str
    y: str | None = None
    d: str | None = None
    kid: str | None = None
    alg: str | None = None

    def __repr__(self) -> str:
        return f"<JWK {self.kid}>"


def check_public(algorithm: Algorithm, raw: bytes) -> None:
    """Raise SessionKeyError unless these bytes are a public key that only its owner can sign for."""
    length = PUBLIC_KEY_BYTES.get(algorithm)
    if length is None:
        raise SessionKeyError(
            "the key's algorithm is neither Ed25519 nor ES256", "Make an Ed25519 or a P-256 key pair."
        )
    if len(raw) != length:
        raise SessionKeyError(
            f"a public key for {algorithm} has {length} bytes", "Register the raw public key."
        )
    if algorithm == "Ed25519":
        if raw[:31] + bytes([raw[31] & 0x7F]) in _WEAK_PUBLIC_KEYS:
            raise SessionKeyError("this public key verifies forged signatures", "Make a new key pair.")
    else:
        public_from_raw(algorithm, raw)


def public_from_raw(algorithm: Algorithm, raw: bytes) -> PublicKey:
    """The handle of a public key; raises SessionKeyError for a point that is not on the curve."""
    if algorithm == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(raw)
    try:
        return EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)
    except ValueError as error:
        raise SessionKeyError(
            "this public key is no point of P-256", "Register the key's uncompressed point, unchanged."
        ) from error


def check_signature(public: PublicKey, signature: bytes, signed: bytes) -> None:
    """Raise InvalidSignature unless a signature of 64 bytes, as tokens have it, is this key's."""
    if isinstance(public, Ed25519PublicKey):
        public.verify(signature, signed)
        return
    r, s = int.from_bytes(signature[:COORDINATE_BYTES]), int.from_bytes(signature[COORDINATE_BYTES:])
    public.verify(encode_dss_signature(r, s), signed, _ES256)


def raw_public(public: object) -> bytes:
    """The bytes of a public key: 32 of Ed25519, or the 65 of an uncompressed point of P-256."""
    if isinstance(public, Ed25519PublicKey):
        return public.public_bytes_raw()
    assert isinstance(public, EllipticCurvePublicKey)
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def algorithm_of(public: object) -> Algorithm:
    """What this kind of key signs with; raises SessionKeyError for kinds that sessions do not use."""
    if isinstance(public, Ed25519PublicKey):
        return "Ed25519"
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name == _CURVE.name:
        return "ES256"
    raise SessionKeyError("this is a key of another kind", "Make an Ed25519 or a P-256 key pair.")


def generate(algorithm: Algorithm) -> PrivateKey:
    """A fresh private key."""
    return Ed25519PrivateKey.generate() if algorithm == "Ed25519" else generate_private_key(_CURVE)


def jose(handle: PublicKey | PrivateKey) -> "OKPKey | ECKey":
    """The key as joserfc wants it."""
    from joserfc.jwk import ECKey, OKPKey

    if isinstance(handle, Ed25519PublicKey | Ed25519PrivateKey):
        return OKPKey.import_key(handle)
    return ECKey.import_key(handle)


def public_from_jwk(text: bytes | str) -> tuple[Algorithm, bytes, str | None]:
    """Algorithm, raw key and key id of a public JWK; raises SessionKeyError."""
    jwk = _read(text)
    if jwk.d is not None:
        raise SessionKeyError("this is the private half of the key", "Register the public half alone.")
    return (*_public_of(jwk), jwk.kid)


def private_from_jwk(text: bytes | str) -> tuple[PrivateKey, str | None]:
    """The private key and key id of a JWK; raises SessionKeyError."""
    jwk = _read(text)
    if jwk.d is None:
        raise SessionKeyError("the JWK has no private half", "Paste the whole JSON that was saved.")
    algorithm, raw = _public_of(jwk)
    secret = _coordinate(jwk.d)
    private: PrivateKey
    try:
        if algorithm == "Ed25519":
            private = Ed25519PrivateKey.from_private_bytes(secret)
        else:
            numbers = EllipticCurvePublicNumbers(*_point(raw), _CURVE)
            private = EllipticCurvePrivateNumbers(int.from_bytes(secret), numbers).private_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _halves_differ() from error
    if raw_public(private.public_key()) != raw:
        raise _halves_differ()
    return private, jwk.kid


def private_to_jwk(private: PrivateKey, kid: str) -> Jwk:
    """The private key as a JWK, with its id."""
    raw = raw_public(private.public_key())
    if isinstance(private, Ed25519PrivateKey):
        return Jwk("OKP", "Ed25519", _b64url(raw), d=_b64url(private.private_bytes_raw()), kid=kid)
    secret = private.private_numbers().private_value.to_bytes(COORDINATE_BYTES)
    x, y = raw[1 : 1 + COORDINATE_BYTES], raw[1 + COORDINATE_BYTES :]
    return Jwk("EC", "P-256", _b64url(x), _b64url(y), _b64url(secret), kid)


def _read(text: bytes | str) -> Jwk:
    try:
        return msgspec.json.decode(text, type=Jwk)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SessionKeyError("this is no JWK", "Paste the whole JSON that was saved.") from error


def _public_of(jwk: Jwk) -> tuple[Algorithm, bytes]:
    kind = (jwk.kty, jwk.crv)
    if kind == ("OKP", "Ed25519") and jwk.alg in (None, "Ed25519", "EdDSA"):
        return "Ed25519", _coordinate(jwk.x)
    if kind == ("EC", "P-256") and jwk.alg in (None, "ES256") and jwk.y is not None:
        return "ES256", b"\x04" + _coordinate(jwk.x) + _coordinate(jwk.y)
    raise SessionKeyError("this is a JWK of another kind", "Make an Ed25519 or a P-256 key pair.")


def _point(raw: bytes) -> tuple[int, int]:
    return int.from_bytes(raw[1 : 1 + COORDINATE_BYTES]), int.from_bytes(raw[1 + COORDINATE_BYTES :])


def _coordinate(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError as error:
        raise SessionKeyError("a member of the JWK is not base64url", "Paste it again, unchanged.") from error
    if len(raw) != COORDINATE_BYTES:
        raise SessionKeyError("a member of the JWK does not have 32 bytes", "Paste it again, unchanged.")
    return raw


def _halves_differ() -> SessionKeyError:
    return SessionKeyError("the two halves of the JWK do not belong together", "Paste it again, unchanged.")


def _b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
