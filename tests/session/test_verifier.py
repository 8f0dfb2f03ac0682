"""Verifying: what a good token yields, how far clocks may differ, and which spellings of it are accepted."""

import base64

import pytest

from sealgate.session import (
    LEEWAY_S,
    MAX_LIFETIME_S,
    MalformedClaims,
    Session,
    SessionExpired,
    SessionNotYetValid,
    SigningKey,
    verify,
)
from tests.session.tokens import (
    APPLICATION,
    INSTANCE,
    KEY,
    KEYS,
    KID,
    NOW_S,
    P256_HEADER,
    P256_KEY,
    P256_KID,
    P256_ORDER,
    b64url,
    token,
)


def test_a_good_token_yields_its_session() -> None:
    claims = {
        "perm": ["action:*", "prompt"],
        "plan": "pro",
        "origin": "https://a.example:8443",
        "locale": "de-CH",
    }
    assert verify(token(claims=claims), KEYS, INSTANCE, NOW_S) == Session(
        application=APPLICATION,
        subject="user-17",
        sid="sign-in-1",
        issued_at=NOW_S - 10,
        expires_at=NOW_S + 890,
        permissions=frozenset({"action:*", "prompt"}),
        plan="pro",
        origin="https://a.example:8443",
        locale="de-CH",
        kid=KID,
    )


def test_optional_claims_may_be_absent_or_null() -> None:
    session = verify(token(claims={"plan": None}), KEYS, INSTANCE, NOW_S)
    assert (session.plan, session.origin, session.locale) == (None, None, None)


def test_a_token_may_come_as_bytes() -> None:
    assert verify(token().encode(), KEYS, INSTANCE, NOW_S).application == APPLICATION


@pytest.mark.parametrize("name", ["Ed25519", "EdDSA"])
def test_both_names_of_the_algorithm_are_accepted(name: str) -> None:
    assert verify(token({"alg": name}), KEYS, INSTANCE, NOW_S).kid == KID


def test_a_token_of_another_library_s_es256_is_accepted() -> None:
    es256 = token(P256_HEADER, key=P256_KEY)
    assert verify(es256, KEYS, INSTANCE, NOW_S).kid == P256_KID


def test_both_spellings_of_an_ecdsa_signature_are_accepted_since_libraries_write_both() -> None:
    head, body, signature = token(P256_HEADER, key=P256_KEY).split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    other = P256_ORDER - int.from_bytes(raw[32:])
    for s in (raw[32:], other.to_bytes(32)):
        assert verify(f"{head}.{body}.{b64url(raw[:32] + s)}", KEYS, INSTANCE, NOW_S).kid == P256_KID


def test_an_audience_list_of_one_is_accepted() -> None:
    assert verify(token(claims={"aud": [INSTANCE]}), KEYS, INSTANCE, NOW_S).kid == KID


def test_unknown_claims_are_ignored() -> None:
    assert verify(token(claims={"iss": "host", "jti": "1"}), KEYS, INSTANCE, NOW_S).kid == KID


def test_the_key_is_found_by_its_id_among_several() -> None:
    keys = (SigningKey.generate().public, KEY.public, SigningKey.generate().public)
    assert verify(token(), keys, INSTANCE, NOW_S).kid == KID


def test_a_token_is_good_until_the_leeway_after_its_end() -> None:
    late = token(claims={"iat": NOW_S - 900, "exp": NOW_S - LEEWAY_S + 1})
    assert verify(late, KEYS, INSTANCE, NOW_S + 0.9).kid == KID
    with pytest.raises(SessionExpired):
        verify(late, KEYS, INSTANCE, NOW_S + 1)


def test_a_token_is_good_from_the_leeway_before_its_issue() -> None:
    early = token(claims={"iat": NOW_S + LEEWAY_S, "exp": NOW_S + 900})
    assert verify(early, KEYS, INSTANCE, NOW_S).kid == KID
    with pytest.raises(SessionNotYetValid):
        verify(early, KEYS, INSTANCE, NOW_S - 1)


def test_a_token_may_live_an_hour() -> None:
    longest = token(claims={"iat": NOW_S, "exp": NOW_S + MAX_LIFETIME_S})
    assert verify(longest, KEYS, INSTANCE, NOW_S).expires_at == NOW_S + 3_600


def test_a_wrong_claim_is_named() -> None:
    with pytest.raises(MalformedClaims) as caught:
        verify(token(claims={"perm": [7]}), KEYS, INSTANCE, NOW_S)
    assert caught.value.claim == "perm"
    with pytest.raises(MalformedClaims) as caught:
        verify(token(without="sid"), KEYS, INSTANCE, NOW_S)
    assert caught.value.claim == "sid"


def test_a_session_does_not_show_its_user() -> None:
    assert "user-17" not in repr(verify(token(), KEYS, INSTANCE, NOW_S))
