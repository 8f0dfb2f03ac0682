"""The elliptic curves of DHKEM (RFC 9180 section 4.1): keys from bytes, keys to bytes, and the exchange.

Counterpart: `suites`, whose rows name a curve. Points go uncompressed (section 7.1.1); a point that is not on
its curve, or of low order, is a ValueError (section 7.1.4). It must never choose a curve by itself.
"""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateHandle = X25519PrivateKey | ec.EllipticCurvePrivateKey
PublicHandle = X25519PublicKey | ec.EllipticCurvePublicKey
Nist = ec.EllipticCurve | None
"""A curve of NIST's; None is X25519, which has no name among them."""


def generate(nist: Nist) -> PrivateHandle:
    """Make a private key from the operating system's randomness."""
    return X25519PrivateKey.generate() if nist is None else ec.generate_private_key(nist)


def private_from(nist: Nist, raw: bytes | bytearray | memoryview) -> PrivateHandle:
    """Take a raw private key; a scalar of a NIST curve passes through an `int`, which cannot be wiped."""
    if nist is None:
        return X25519PrivateKey.from_private_bytes(raw)
    return ec.derive_private_key(int.from_bytes(raw, "big"), nist)


def private_bytes(private: PrivateHandle) -> bytes:
    """Give the raw private key, with leading zeros."""
    if isinstance(private, X25519PrivateKey):
        return private.private_bytes_raw()
    return private.private_numbers().private_value.to_bytes((private.key_size + 7) // 8, "big")


def public_from(nist: Nist, raw: bytes) -> PublicHandle:
    """Take a serialized public key; raises ValueError for a point that is not on the curve."""
    if nist is None:
        return X25519PublicKey.from_public_bytes(raw)
    return ec.EllipticCurvePublicKey.from_encoded_point(nist, raw)


def public_bytes(public: PublicHandle) -> bytes:
    """Serialize a public key."""
    if isinstance(public, X25519PublicKey):
        return public.public_bytes_raw()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def exchange(private: PrivateHandle, public: PublicHandle) -> bytes:
    """Diffie-Hellman; raises ValueError for a result of zeros, or keys of two curves."""
    if isinstance(private, X25519PrivateKey) and isinstance(public, X25519PublicKey):
        return private.exchange(public)
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(public, ec.EllipticCurvePublicKey):
        return private.exchange(ec.ECDH(), public)
    raise ValueError("keys of two curves")
