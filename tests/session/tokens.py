"""Tokens as an attacker or a careless library would write them: any header, any bytes, any key."""

import base64
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sealgate.session import SessionPublicKey, SigningKey

APPLICATION = "app_" + "a" * 20
OTHER_APPLICATION = "app_" + "b" * 20
INSTANCE = "inst_" + "c" * 20
KID = "key_" + "d" * 20
NOW_S = 1_900_000_000
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

KEY = SigningKey.generate(KID)
P256_KID = "key_" + "f" * 20
P256_KEY = SigningKey.generate(P256_KID, "ES256")
KEYS: tuple[SessionPublicKey, ...] = (KEY.public, P256_KEY.public)

HEADER: dict[str, object] = {"alg": "Ed25519", "typ": "sealgate-session+jwt", "kid": KID}
P256_HEADER: dict[str, object] = {"alg": "ES256", "typ": "sealgate-session+jwt", "kid": P256_KID}
CLAIMS: dict[str, object] = {
    "aud": INSTANCE,
    "app": APPLICATION,
    "sub": "user-17",
    "sid": "sign-in-1",
    "iat": NOW_S - 10,
    "exp": NOW_S + 890,
    "perm": ["action:*"],
}


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw_private(key: SigningKey) -> Ed25519PrivateKey | EllipticCurvePrivateKey:
    private = load_pem_private_key(key.to_pem().encode(), None)
    assert isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey)
    return private


def signature(signing_input: str, key: SigningKey) -> bytes:
    """64 bytes: an Ed25519 signature, or R and S of ECDSA (RFC 7518 §3.4)."""
    private = raw_private(key)
    if isinstance(private, Ed25519PrivateKey):
        return private.sign(signing_input.encode())
    r, s = decode_dss_signature(private.sign(signing_input.encode(), ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def signed(header: bytes, payload: bytes, key: SigningKey = KEY) -> str:
    """A correct signature over any header and payload bytes."""
    signing_input = f"{b64url(header)}.{b64url(payload)}"
    return f"{signing_input}.{b64url(signature(signing_input, key))}"


def token(
    header: Mapping[str, object] | None = None,
    claims: Mapping[str, object] | None = None,
    *,
    without: str = "",
    key: SigningKey = KEY,
) -> str:
    """A correctly signed token with some members changed, and one left out."""
    head = {name: value for name, value in {**HEADER, **(header or {})}.items() if name != without}
    body = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if name != without}
    return signed(json.dumps(head).encode(), json.dumps(body).encode(), key)
