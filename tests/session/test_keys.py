"""Session keys: they come and go as PEM and JWK, and never show themselves."""

import base64
import json
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealgate.session import SessionKeyError, SessionPublicKey, SigningKey
from tests.session.tokens import KEY, KID, P256_KEY, P256_KID


def test_a_fresh_key_has_an_id() -> None:
    assert SigningKey.generate().kid.startswith("key_")


BOTH = pytest.mark.parametrize("key", [KEY, P256_KEY], ids=["Ed25519", "ES256"])


@BOTH
def test_a_key_survives_its_pem(key: SigningKey) -> None:
    assert SigningKey.from_pem(key.to_pem(), key.kid).public == key.public


@BOTH
def test_a_key_survives_its_jwk(key: SigningKey) -> None:
    again = SigningKey.from_jwk(key.to_jwk())
    assert (again.kid, again.public) == (key.kid, key.public)


@BOTH
def test_a_public_key_survives_its_pem(key: SigningKey) -> None:
    assert SessionPublicKey.from_pem(key.public.to_pem(), key.kid) == key.public


@BOTH
def test_a_public_key_is_read_from_a_jwk_without_its_private_half(key: SigningKey) -> None:
    jwk = {name: value for name, value in json.loads(key.to_jwk()).items() if name != "d"}
    assert SessionPublicKey.from_jwk(json.dumps(jwk)) == key.public
    del jwk["kid"]
    assert SessionPublicKey.from_jwk(json.dumps(jwk), key.kid) == key.public
    with pytest.raises(SessionKeyError, match="kid"):
        SessionPublicKey.from_jwk(json.dumps(jwk))


@BOTH
def test_the_private_half_is_not_taken_where_the_public_one_belongs(key: SigningKey) -> None:
    with pytest.raises(SessionKeyError, match="private half"):
        SessionPublicKey.from_jwk(key.to_jwk())
    with pytest.raises(SessionKeyError, match="private half"):
        SessionPublicKey.from_pem(key.to_pem(), key.kid)


def test_a_key_knows_its_algorithm() -> None:
    assert (KEY.algorithm, KEY.public.algorithm, len(KEY.public.public_key)) == ("Ed25519", "Ed25519", 32)
    assert (P256_KEY.algorithm, P256_KEY.public.algorithm) == ("ES256", "ES256")
    assert len(P256_KEY.public.public_key) == 65


def test_a_compressed_point_in_a_pem_is_kept_uncompressed() -> None:
    point = P256_KEY.public.public_key
    compressed = bytes([2 + point[64] % 2]) + point[1:33]
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    pem = "-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(head + compressed).decode()
    assert SessionPublicKey.from_pem(pem + "-----END PUBLIC KEY-----\n", P256_KID) == P256_KEY.public


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


@pytest.mark.parametrize(
    "changed",
    [
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"kty": "OKP"},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"y": None},
        {"y": "AAAA"},
        {"d": None},
        {"x": "A" * 43, "y": "A" * 43},
    ],
    ids=str,
)
def test_a_jwk_that_is_not_of_p256_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(SessionKeyError):
        SigningKey.from_jwk(json.dumps({**json.loads(P256_KEY.to_jwk()), **changed}))


def test_halves_of_two_p256_jwks_are_refused() -> None:
    other = json.loads(SigningKey.generate(algorithm="ES256").to_jwk())
    mixed = {**json.loads(P256_KEY.to_jwk()), "d": other["d"]}
    with pytest.raises(SessionKeyError, match="halves"):
        SigningKey.from_jwk(json.dumps(mixed))


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


@pytest.mark.parametrize("pem", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_broken_public_pem_is_refused(pem: str) -> None:
    with pytest.raises(SessionKeyError):
        SessionPublicKey.from_pem(pem, KID)


@pytest.mark.parametrize("length", [0, 32, 33, 64, 66])
def test_a_p256_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(SessionKeyError, match="65 bytes"):
        SessionPublicKey(KID, "ES256", b"\x04" * length)


def test_a_key_of_an_algorithm_that_sessions_do_not_use_is_refused() -> None:
    with pytest.raises(SessionKeyError, match="neither"):
        SessionPublicKey(KID, "ES384", KEY.public.public_key)  # type: ignore[arg-type]


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
