"""Each bad input its clear error, against the running system: who can fix it, a hint, and no key."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sealgate.ids import new_id
from sealgate.session import SessionSigner, SigningKey
from tests.e2e.running_demo import RunningDemo

ASK = {"model": "gpt-sim", "messages": [{"role": "user", "content": "Hello"}]}


def post(
    demo: RunningDemo, body: object, token: str | None, headers: dict[str, str] | None = None
) -> httpx.Response:
    sent = {"authorization": f"Bearer {token}"} if token is not None else {}
    with httpx.Client(timeout=30) as client:
        return client.post(
            f"{demo.proxy_url}/v1/chat/completions", json=body, headers={**sent, **(headers or {})}
        )


def error_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-request-id"].startswith("req_")
    error = answer.json()["error"]
    assert error["who"] in {"user", "time", "administrator"}
    assert error["message"]
    assert error["hint"]
    assert "sk-sim-" not in answer.text
    return dict(error)


def tokens(demo: RunningDemo) -> dict[str, str]:
    """Sessions that must all be refused alike: nothing verified, nothing told."""
    good = demo.token()
    head, claims, signature = good.split(".")
    stranger = SigningKey.generate(_key(demo).kid)
    return {
        "no token": "not-a-token",
        "forged with another key": demo.signer(key=stranger).token("reader-1"),
        "signed by an unknown key": demo.signer(key=SigningKey.generate()).token("reader-1"),
        "of an unknown application": demo.signer(application=new_id("app")).token("reader-1"),
        "signature cut": f"{head}.{claims}.{signature[:-4]}",
        "claims changed": f"{head}.{claims[:-2]}AA.{signature}",
        "an API key instead": "sk-sim-" + "a" * 40,
    }


@pytest.mark.parametrize(
    "kind",
    [
        "no token",
        "forged with another key",
        "signed by an unknown key",
        "of an unknown application",
        "signature cut",
        "claims changed",
        "an API key instead",
    ],
)
def test_until_a_signature_verifies_there_is_one_error(demo: RunningDemo, kind: str) -> None:
    answer = post(demo, ASK, tokens(demo)[kind])
    error = error_of(answer)
    assert answer.status_code == 401
    assert error["code"] == "invalid_session"
    assert answer.headers["x-should-retry"] == "false"
    assert error == error_of(post(demo, ASK, "another.bad.one"))


def test_an_expired_session_is_told_that_it_expired(demo: RunningDemo) -> None:
    signer = demo.signer()
    old = SessionSigner(demo.application, demo.settings.instance, _key(demo), clock=lambda: 1_700_000_000.0)
    error = error_of(post(demo, ASK, old.token("reader-1")))
    assert error["code"] == "session_expired"
    assert post(demo, ASK, signer.token("reader-1", ["api:*"])).status_code == 200


def test_a_session_for_another_installation_is_told_so(demo: RunningDemo) -> None:
    signer = SessionSigner(demo.application, new_id("inst"), _key(demo))
    error = error_of(post(demo, ASK, signer.token("reader-1", ["api:*"])))
    assert error["code"] == "session_wrong_audience"
    assert error["who"] == "administrator"


def test_a_session_without_the_right_is_told_which(demo: RunningDemo) -> None:
    answer = post(demo, ASK, demo.token(permissions=("action:shorten",)))
    assert answer.status_code == 403
    assert "api:chat.completions" in error_of(answer)["message"]


def test_a_browser_of_another_origin_is_refused_after_the_token(demo: RunningDemo) -> None:
    answer = post(demo, ASK, demo.token(), {"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "origin_not_allowed"
    assert post(demo, ASK, demo.token(), {"origin": demo.newsletter_url}).status_code == 200


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"surprise": 1}, "surprise"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages",
        ),
        ({"messages": "hello"}, "messages"),
        ({"temperature": "warm"}, "temperature"),
    ],
)
def test_an_unlisted_field_is_a_400_that_names_it(
    demo: RunningDemo, change: dict[str, object], param: str
) -> None:
    answer = post(demo, {**ASK, **change}, demo.token())
    assert answer.status_code == 400
    assert str(error_of(answer)["param"]).startswith(param)


def test_an_oversized_body_is_refused_while_it_arrives(demo: RunningDemo) -> None:
    big = {**ASK, "messages": [{"role": "user", "content": "x" * 1_200_000}]}
    answer = post(demo, big, demo.token())
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "body_too_large"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files",
        "/v1/batches",
        "/v1/assistants",
        "/v1/fine_tuning/jobs",
        "/v1/organization/users",
        "/v1/nothing",
    ],
)
def test_other_endpoints_are_refused_with_the_reason(demo: RunningDemo, path: str) -> None:
    with httpx.Client() as client:
        answer = client.get(f"{demo.proxy_url}{path}", headers={"authorization": f"Bearer {demo.token()}"})
    assert answer.status_code in {403, 404}
    error_of(answer)


# Each fault of the provider: (model, status, code, who).
FAULTS = [
    ("sim-401-echo", 502, "provider_rejected_key", "administrator"),
    ("sim-429-rate", 429, "provider_rate_limited", "time"),
    ("sim-429-quota", 429, "provider_quota_exhausted", "administrator"),
    ("sim-500-html", 502, "provider_error", "time"),
    ("sim-redirect", 502, "provider_redirected", "administrator"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "status", "code", "who"), FAULTS)
def test_a_providers_error_is_mapped_and_never_relayed(
    demo: RunningDemo, model: str, status: int, code: str, who: str, stream: bool
) -> None:
    answer = post(demo, {**ASK, "model": model, "stream": stream}, demo.token(f"fault-{model}-{stream}"))
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["who"]) == (status, code, who)
    assert "openai-organization" not in answer.headers
    assert "<html" not in answer.text.lower()
    assert all("sk-" not in value for value in answer.headers.values())


def test_a_stream_that_the_provider_cuts_is_told_from_a_finished_one(demo: RunningDemo) -> None:
    answer: list[str] = []
    with (
        httpx.Client(timeout=30) as client,
        client.stream(
            "POST",
            f"{demo.proxy_url}/v1/chat/completions",
            json={**ASK, "model": "sim-reset", "stream": True},
            headers={"authorization": f"Bearer {demo.token('cut-user')}"},
        ) as stream,
    ):
        try:
            answer += list(stream.iter_lines())
        except httpx.RemoteProtocolError:
            answer.append("cut")
    assert "data: [DONE]" not in answer


def test_a_request_without_a_session_is_told_so(demo: RunningDemo) -> None:
    answer = post(demo, ASK, None)
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "session_missing"


def _key(demo: RunningDemo) -> SigningKey:
    return demo.signer()._signing_key  # the same key, for another clock or audience
