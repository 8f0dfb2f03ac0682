"""The token endpoint that people copy: for signed-in people, meant by them, and good for one application."""

from __future__ import annotations

import time

import pytest
from examples.newsletter.config import NewsletterConfig
from starlette.testclient import TestClient

from sealgate.session import SigningKey, verify

from .conftest import OURS, PUBLIC_URL, csrf_of, signed_in

ENDPOINT = "/assistant/session"


def test_its_token_verifies_and_says_who_may_do_what(
    mara: TestClient, config: NewsletterConfig, signing_key: SigningKey
) -> None:
    answer = mara.post(ENDPOINT, headers=OURS | {"x-csrf-token": csrf_of(mara)})
    session = verify(answer.json()["token"], [signing_key.public], config.instance, time.time())
    assert session.application == config.application
    assert session.subject == "member-4017"
    assert session.origin == PUBLIC_URL
    assert session.permissions == {"action:*", "prompt"}
    assert session.permits("action:shorten")
    assert not session.permits("api:chat.completions")
    assert 0 <= answer.json()["expires_at"] - session.expires_at <= 1


def test_all_tokens_of_one_sign_in_share_their_session_id(
    mara: TestClient, config: NewsletterConfig, signing_key: SigningKey
) -> None:
    headers = OURS | {"x-csrf-token": csrf_of(mara)}
    tokens = [mara.post(ENDPOINT, headers=headers).json()["token"] for _ in range(2)]
    sids = {verify(token, [signing_key.public], config.instance, time.time()).sid for token in tokens}
    assert len(sids) == 1


def test_its_answer_is_not_kept_by_any_cache(mara: TestClient) -> None:
    answer = mara.post(ENDPOINT, headers=OURS | {"x-csrf-token": csrf_of(mara)})
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


def test_nobody_gets_a_token_without_signing_in(browser: TestClient) -> None:
    answer = browser.post(ENDPOINT, headers=OURS | {"x-csrf-token": "0" * 64})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "signed_out"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "origin"),
        ({"origin": "null"}, "origin"),
        ({"origin": "https://evil.example"}, "origin"),
        ({"origin": PUBLIC_URL + ".evil.example"}, "origin"),
        ({"origin": "http://letters.example"}, "origin"),
        ({"origin": PUBLIC_URL}, "csrf"),
        ({"origin": PUBLIC_URL, "x-csrf-token": ""}, "csrf"),
        ({"origin": PUBLIC_URL, "x-csrf-token": "0" * 64}, "csrf"),
        ({"origin": PUBLIC_URL, "x-csrf-token": "ü"}, "csrf"),
    ],
)
def test_a_request_that_the_page_did_not_make_is_refused(
    mara: TestClient, headers: dict[str, str], code: str
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    answer = mara.post(ENDPOINT, headers=raw)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == code


def test_the_csrf_token_of_one_sign_in_is_worth_nothing_in_another(mara: TestClient) -> None:
    old = csrf_of(mara)
    again = signed_in(mara, "member-4017")
    assert again.post(ENDPOINT, headers=OURS | {"x-csrf-token": old}).status_code == 403


def test_it_answers_to_post_only(mara: TestClient) -> None:
    assert mara.get(ENDPOINT).status_code == 405
