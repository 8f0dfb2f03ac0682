"""Session keys: they come and go as PEM and JWK, and never show themselves."""

import json
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealgate.session import SessionKeyError, SessionPublicKey, SigningKey
from tests.session.tokens import KEY, KID


def test_a_fresh_key_has_an_id() -> None:
    assert SigningKey.generate().kid.startswith("key_")


def test_a_key_survives_its_pem() -> None:
    assert SigningKey.from_pem(KEY.to_pem(), KID).public == KEY.public


def test_a_key_survives_its_jwk() -> None:
    again = SigningKey.from_jwk(KEY.to_jwk())
    assert (again.kid, again.public) == (KID, KEY.public)


def test_a_browser_s_jwk_is_accepted_with_its_other_members() -> None:
    jwk = {**json.loads(KEY.to_jwk()), "key_ops": ["sign"], "ext": True, "alg": "Ed25519"}
    assert SigningKey.from_jwk(json.dumps(jwk)).public == KEY.public


def test_a_jwk_without_an_id_needs_one() -> None:
    jwk = json.loads(KEY.to_jwk())
    del jwk["kid"]
    with pytest.raises(SessionKeyError, match="kid"):
        SigningKey.from_jwk(json.dumps(jwk))
    assert SigningKey.from_jwk(json.dumps(jwk), KID).kid == KID


@pytest.mark.parametrize(
    "changed",
    [{"kty": "EC"}, {"crv": "X25519"}, {"d": "AAAA"}, {"d": "!"}, {"x": "AAAA"}, {"d": 7}, {"kid": 7}],
    ids=str,
)
def test_a_jwk_of_another_kind_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(SessionKeyError):
        SigningKey.from_jwk(json.dumps({**json.loads(KEY.to_jwk()), **changed}))


def test_halves_of_two_jwks_are_refused() -> None:
    mixed = {**json.loads(KEY.to_jwk()), "x": json.loads(SigningKey.generate().to_jwk())["x"]}
    with pytest.raises(SessionKeyError, match="halves"):
        SigningKey.from_jwk(json.dumps(mixed))


@pytest.mark.parametrize("pem", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_broken_pem_is_refused(pem: str) -> None:
    with pytest.raises(SessionKeyError):
        SigningKey.from_pem(pem, KID)


def test_a_pem_of_another_curve_is_refused() -> None:
    other = generate_private_key(SECP384R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SessionKeyError, match="another kind"):
        SigningKey.from_pem(pem, KID)


def test_a_public_key_of_another_length_is_refused() -> None:
    with pytest.raises(SessionKeyError, match="32 bytes"):
        SessionPublicKey(KID, "Ed25519", b"\x05" * 31)


def test_a_signing_key_shows_only_its_id() -> None:
    assert repr(KEY) == str(KEY) == f"<SigningKey {KID}>"


def test_a_signing_key_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(KEY)


def test_an_error_never_quotes_the_key() -> None:
    jwk = json.loads(KEY.to_jwk())
    with pytest.raises(SessionKeyError) as caught:
        SigningKey.from_jwk(json.dumps({**jwk, "crv": "X25519"}))
    assert jwk["d"] not in f"{caught.value} {caught.value.hint}"
