"""Session public keys: the two forms that are taken, and everything that is not."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sealgate.console.applications.session_keys import PublicHalf, parse_public_key
from sealgate.console.feed.services import application_document
from sealgate.console.forms import InputError
from sealgate.ids import new_id
from sealgate.messages.feed import SessionKeyEntry
from tests.console.running import Browser, Running

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


def pem(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (pem(rsa.generate_private_key(65_537, 2048).public_key()), "RSA"),
        (P384_PEM, "secp384r1"),
        (pem(ec.generate_private_key(ec.SECP256K1()).public_key()), "secp256k1"),
        (OTHER_PEM, "another algorithm"),
    ],
    ids=["RSA", "P-384", "secp256k1", "X25519"],
)
def test_a_public_key_of_another_kind_is_told_what_it_is(text: str, named: str) -> None:
    with pytest.raises(InputError, match=f"public key for .*{named}"):
        parse_public_key(text)


async def test_a_p_256_key_is_registered_on_the_page_and_told_to_proxies(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    fields = {"name": "production", "kid": new_id("key"), "public_key": pem(P256)}
    answer = await ada.submit(f"/applications/{app}/session-keys", fields)
    assert answer.status_code == 303, answer.text
    async with world.console.database.reading() as tx:
        told = await application_document(tx, app)
    assert told is not None
    assert told.session_keys == (SessionKeyEntry(fields["kid"], "ES256", POINT),)
    assert "ES256, added" in (await ada.get(f"/applications/{app}/session-keys")).text


@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
async def test_a_private_key_is_refused_loudly_and_not_shown_again(
    world: Running, ada: Browser, label: str
) -> None:
    app = await world.application(ada)
    pasted = PRIVATE_PEM.replace("PRIVATE KEY", label)
    fields = {"name": "production", "kid": new_id("key"), "public_key": pasted}
    answer = await ada.submit(f"/applications/{app}/session-keys", fields)
    assert answer.status_code == 422
    assert "Never use this key again" in answer.text
    assert PRIVATE_PEM.splitlines()[1] not in answer.text + world.lines.getvalue()
