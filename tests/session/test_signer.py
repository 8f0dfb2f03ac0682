"""Signing: what a host's server mints is what the proxy accepts, and a mistake shows where it is made."""

import base64
import json

import pytest

from sealgate.session import MalformedClaims, SessionSigner, peek, verify
from tests.session.tokens import APPLICATION, INSTANCE, KEY, KEYS, KID, NOW_S, P256_HEADER, P256_KEY, P256_KID

SIGNER = SessionSigner(APPLICATION, INSTANCE, KEY, clock=lambda: NOW_S + 0.7)


def test_a_minted_token_verifies() -> None:
    minted = SIGNER.token(user="user-17", permissions=["action:*"], origin="https://a.example", locale="en")
    session = verify(minted, KEYS, INSTANCE, NOW_S)
    assert (session.subject, session.origin, session.locale) == ("user-17", "https://a.example", "en")
    assert session.permits("action:shorten")


def test_a_minted_token_lives_a_quarter_of_an_hour() -> None:
    session = verify(SIGNER.token(user="user-17"), KEYS, INSTANCE, NOW_S)
    assert (session.issued_at, session.expires_at) == (NOW_S, NOW_S + 900)


def test_a_minted_token_names_its_type_algorithm_and_key() -> None:
    header = SIGNER.token(user="user-17").split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {
        "alg": "Ed25519",
        "typ": "sealgate-session+jwt",
        "kid": KID,
    }


def test_a_key_of_p256_mints_es256() -> None:
    minted = SessionSigner(APPLICATION, INSTANCE, P256_KEY, clock=lambda: NOW_S).token(user="user-17")
    header, _, signature = minted.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == P256_HEADER
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64
    assert verify(minted, KEYS, INSTANCE, NOW_S).kid == P256_KID


def test_a_look_shows_application_and_key() -> None:
    unverified = peek(SIGNER.token(user="user-17"))
    assert (unverified.application, unverified.kid) == (APPLICATION, KID)


def test_asking_for_another_token_gains_nothing_since_the_sid_follows_from_the_user() -> None:
    def sid_of(user: str, sid: str | None = None) -> str:
        return verify(SIGNER.token(user=user, sid=sid), KEYS, INSTANCE, NOW_S).sid

    assert sid_of("u") == sid_of("u") != sid_of("v")
    assert sid_of("u", "s1") == "s1"


@pytest.mark.parametrize(
    ("mistake", "claim"),
    [
        ({"user": ""}, "sub"),
        ({"user": "u", "lifetime_s": 3_601}, "exp"),
        ({"user": "u", "lifetime_s": 0}, "exp"),
        ({"user": "u", "permissions": ["shorten"]}, "perm"),
        ({"user": "u", "origin": "https://a.example/page"}, "origin"),
        ({"user": "u", "locale": "english please"}, "locale"),
        ({"user": "u", "permissions": ["action:" + "a" * 48] * 64}, "perm"),
    ],
)
def test_a_mistake_is_told_when_signing(mistake: dict[str, object], claim: str) -> None:
    with pytest.raises(MalformedClaims) as caught:
        SIGNER.token(**mistake)  # type: ignore[arg-type]
    assert caught.value.claim == claim


def test_a_wrong_application_id_is_told_when_signing() -> None:
    with pytest.raises(MalformedClaims, match="app"):
        SessionSigner("my-app", INSTANCE, KEY).token(user="u")


def test_a_signer_does_not_show_its_key() -> None:
    assert repr(SIGNER) == f"<SessionSigner for {APPLICATION} with <SigningKey {KID}>>"
