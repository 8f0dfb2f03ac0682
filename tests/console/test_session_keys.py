"""Session public keys: the two forms that are taken, and everything that is not."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sealgate.console.applications.session_keys import PublicHalf, parse_public_key
from sealgate.console.forms import InputError

PRIVATE = Ed25519PrivateKey.generate()
RAW = PRIVATE.public_key().public_bytes_raw()
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PRIVATE_PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
OTHER_PEM = (
    x25519.X25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.mark.parametrize(
    "text",
    [
        base64.urlsafe_b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        base64.b64encode(RAW).decode(),
        PEM,
        PEM.replace("\n", "\r\n"),
    ],
    ids=["base64url", "base64url unpadded", "base64", "PEM", "PEM with CR LF"],
)
def test_base64_and_pem_give_the_same_32_bytes(text: str) -> None:
    assert parse_public_key(text) == PublicHalf("Ed25519", RAW)


P256 = ec.generate_private_key(ec.SECP256R1()).public_key()
POINT = P256.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
P384_PEM = (
    ec.generate_private_key(ec.SECP384R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.mark.parametrize(
    "text",
    [
        P256.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        base64.urlsafe_b64encode(POINT).decode().rstrip("="),
    ],
    ids=["PEM", "base64url"],
)
def test_a_key_on_p_256_is_for_es256(text: str) -> None:
    assert parse_public_key(text) == PublicHalf("ES256", POINT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "A" * 42,
        "A" * 44,
        "é" * 43,
        base64.b64encode(RAW + b"x").decode(),
        OTHER_PEM,
        P384_PEM,
        base64.urlsafe_b64encode(POINT[:-1] + bytes([POINT[-1] ^ 1])).decode(),
        base64.urlsafe_b64encode(bytes(65)).decode(),
        PEM[:60],
        "BEGIN",
    ],
    ids=[
        "empty",
        "letter",
        "short",
        "long",
        "accents",
        "33 bytes",
        "other kind",
        "other curve",
        "off the curve",
        "65 zeros",
        "half a PEM",
        "BEGIN",
    ],
)
def test_what_is_no_public_key_for_sessions_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not an Ed25519 or P-256 public key"):
        parse_public_key(text)


def test_the_private_half_is_refused_without_quoting_it() -> None:
    with pytest.raises(InputError, match="private half") as caught:
        parse_public_key(PRIVATE_PEM)
    assert PRIVATE_PEM.splitlines()[1] not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\xff"])
def test_a_key_that_verifies_forgeries_is_refused(point: bytes) -> None:
    with pytest.raises(InputError, match="Forged"):
        parse_public_key(base64.urlsafe_b64encode(point).decode())
