"""What the proxy refuses before anything is forwarded: each bad request its own clear error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.messages.feed import Outcome
from sealgate.policy.document import Limits
from sealgate.session import Claims, SigningKey, sign
from tests.proxy.world import ORIGIN, World, prompt


def _flipped(world: World) -> str:
    head, payload, signature = world.token().split(".")
    return ".".join((head, payload, ("B" if signature[0] == "A" else "A") + signature[1:]))


def _signed_in_the_past(world: World) -> str:
    now_s = int(time.time()) - 7200
    claims = Claims(
        aud=world.config.instance,
        app=world.application,
        sub="u",
        sid="s",
        iat=now_s,
        exp=now_s + 900,
        perm=("api:*",),
    )
    return sign(world.key, claims)


SESSIONS: dict[str, tuple[Callable[[World], str], str]] = {
    "no token at all": (lambda world: "x", "invalid_session"),
    "forged signature": (_flipped, "invalid_session"),
    "a stranger's key": (lambda world: world.token(key=SigningKey.generate()), "invalid_session"),
    "a stranger's key under our kid": (
        lambda world: world.token(key=SigningKey.generate(world.key.kid)),
        "invalid_session",
    ),
    "another application": (lambda world: world.token(application=new_id("app")), "invalid_session"),
    "another instance": (lambda world: world.token(instance=new_id("inst")), "session_wrong_audience"),
    "expired": (_signed_in_the_past, "session_expired"),
    "five kilobytes": (lambda world: world.token() + "A" * 5000, "invalid_session"),
}


@pytest.mark.parametrize("case", SESSIONS)
async def test_a_session_that_does_not_hold_is_refused_and_nothing_goes_up(world: World, case: str) -> None:
    make, code = SESSIONS[case]
    answer = await world.chat(token=make(world))
    assert (answer.status, answer.error["code"]) == (401, code)
    assert answer.headers["x-should-retry"] == "false"
    assert not world.provider.calls
    assert not world.vault.opens


async def test_until_a_signature_verifies_every_refusal_reads_alike(world: World) -> None:
    tokens = [SESSIONS[case][0](world) for case in SESSIONS if SESSIONS[case][1] == "invalid_session"]
    bodies = {(await world.chat(token=token)).body for token in tokens}
    assert len(bodies) == 1


async def test_a_request_without_a_token_says_what_to_send(world: World) -> None:
    answer = await world.chat(authorization="")
    assert (answer.status, answer.error["code"]) == (401, "session_missing")


ORIGINS = {
    "another page": "https://evil.example",
    "http instead of https": "http://app.example",
    "another port": f"{ORIGIN}:8443",
    "an opaque origin": "null",
    "a longer name": "https://app.example.evil.example",
}


@pytest.mark.parametrize("case", ORIGINS)
async def test_a_page_that_is_not_the_applications_is_refused_after_the_token(
    world: World, case: str
) -> None:
    answer = await world.chat(origin=ORIGINS[case])
    assert (answer.status, answer.error["code"], answer.error["who"]) == (
        403,
        "origin_not_allowed",
        "administrator",
    )
    assert (await world.chat(origin=ORIGINS[case], token=_flipped(world))).status == 401


async def test_a_session_is_bound_to_its_own_origin(world: World) -> None:
    world.publish(origins=(ORIGIN, "https://other.example"))
    token = world.token(origin="https://other.example")
    assert (await world.chat(token=token, origin=ORIGIN)).error["code"] == "origin_not_allowed"
    assert (await world.chat(token=token, origin="https://other.example")).status == 200


BODIES: dict[str, tuple[dict[str, Any] | bytes, int, str, str | None]] = {
    "an unlisted field": (prompt(telemetry=True), 400, "unknown_field", "telemetry"),
    "a stored conversation": (
        prompt(previous_response_id="r"),
        400,
        "field_not_allowed",
        "previous_response_id",
    ),
    "an unknown model": (prompt("gpt-secret"), 403, "model_not_allowed", "model"),
    "no messages": ({"model": "gpt-test"}, 400, "missing_field", "messages"),
    "not JSON": (b"{", 400, "invalid_json", None),
    "a duplicate key": (b'{"model":"gpt-test","model":"gpt-test","messages":[]}', 400, "invalid_json", None),
    "an array": (b"[]", 400, "invalid_json", None),
    "a lone surrogate": (b'{"model":"\\ud800"}', 400, "invalid_json", None),
    "deep nesting": (b'{"a":' * 100 + b"1" + b"}" * 100, 400, "invalid_json", None),
}


@pytest.mark.parametrize("case", BODIES)
async def test_a_body_that_the_table_does_not_list_is_refused_by_name(world: World, case: str) -> None:
    body, status, code, param = BODIES[case]
    browser = await world.browser()
    browser.send(world.request(body))
    answer = await browser.answer()
    assert (answer.status, answer.error["code"], answer.error["param"]) == (status, code, param)
    assert answer.error["hint"]
    assert not world.provider.calls


async def test_a_refusal_never_quotes_the_prompt(world: World) -> None:
    answer = await world.chat(prompt(telemetry="canary text"))
    assert b"canary" not in answer.body


async def test_a_body_that_announces_too_much_is_refused_before_it_comes(world: World) -> None:
    browser = await world.browser()
    head = world.request().split(b"content-length")[0]
    browser.send(head + b"content-length: 2000000\r\n\r\n" + b"x" * 100)
    answer = await browser.answer()
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"


async def test_a_body_that_grows_too_large_is_refused_while_it_streams(world: World) -> None:
    browser = await world.browser()
    head = world.request().split(b"content-length")[0]
    browser.send(head + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(40):
        browser.send(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
    answer = await browser.answer()
    assert answer.status == 413


async def test_the_policys_own_body_limit_holds(world: World) -> None:
    world.publish(Limits(requests_per_minute=100, body_bytes=2048))
    assert (await world.chat(prompt(user="x" * 3000))).status == 413


ACTIONS: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "an unknown action": ("transmute", {"text": "a"}, 404, "action_unknown"),
    "no text": ("shorten", {}, 400, "missing_field"),
    "blank text": ("shorten", {"text": "  "}, 400, "invalid_value"),
    "text that is no string": ("shorten", {"text": ["a"]}, 400, "invalid_value"),
    "an unknown parameter": ("shorten", {"text": "a", "parameters": {"tone": "x"}}, 400, "unknown_field"),
    "an unknown choice": (
        "shorten",
        {"text": "a", "parameters": {"amount": "ignore all"}},
        400,
        "invalid_value",
    ),
    "a field that is not an action's": ("shorten", {"text": "a", "model": "gpt-test"}, 400, "unknown_field"),
    "instructions": ("shorten", {"text": "a", "instructions": "x"}, 400, "unknown_field"),
    "too much text": ("shorten", {"text": "a" * 50_000}, 400, "text_too_long"),
}


@pytest.mark.parametrize("case", ACTIONS)
async def test_an_action_takes_only_what_it_offers(world: World, case: str) -> None:
    action, body, status, code = ACTIONS[case]
    answer = await world.action(body, action)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert not world.provider.calls


PERMISSIONS = {
    "only another action": ("action:simplify",),
    "only direct use": ("api:*",),
    "nothing": (),
}


@pytest.mark.parametrize("case", PERMISSIONS)
async def test_a_session_does_only_what_is_signed_into_it(world: World, case: str) -> None:
    answer = await world.action({"text": "a"}, token=world.token(permissions=PERMISSIONS[case]))
    assert (answer.status, answer.error["code"]) == (403, "permission_missing")


async def test_a_session_for_actions_cannot_use_the_api(world: World) -> None:
    answer = await world.chat(token=world.token(permissions=("action:*",)))
    assert (answer.status, answer.error["code"]) == (403, "permission_missing")


NOT_OFFERED = [
    "/v1/files",
    "/v1/batches/b1",
    "/v1/responses/resp_1",
    "/v1/threads",
    "/v1/vector_stores",
    "/v1/organization",
]


@pytest.mark.parametrize("target", NOT_OFFERED)
async def test_an_endpoint_that_keeps_data_is_refused_with_the_reason(world: World, target: str) -> None:
    answer = await world.get(target, token=world.token())
    assert (answer.status, answer.error["code"]) == (403, "endpoint_not_offered")
    assert "access-control-allow-origin" in answer.headers


@pytest.mark.parametrize(
    "target", ["/", "/v1", "/v1/chat/completions/", "/v1/chat/Completions", "/metrics", "/healthz"]
)
async def test_there_is_nothing_anywhere_else(world: World, target: str) -> None:
    assert (await world.get(target)).status in {403, 404}


async def test_a_form_post_is_refused(world: World) -> None:
    answer = await world.chat(content_type="text/plain")
    assert (answer.status, answer.error["code"]) == (415, "content_type")


async def test_headers_of_the_client_do_not_go_up(world: World) -> None:
    await world.chat(
        openai_organization="org-mine",
        openai_project="p",
        cookie="a=b",
        x_forwarded_for="127.7.7.7",
        user_agent="me",
    )
    (call,) = world.provider.calls
    assert set(call.headers) == {
        "host", "content-length", "content-type", "accept", "accept-encoding", "user-agent",
        "x-client-request-id", "authorization",
    }  # fmt: skip
    assert call.headers["user-agent"] == "sealgate"


async def test_refusals_are_counted_and_never_journaled(world: World) -> None:
    await world.chat(token="x")
    await world.chat(prompt("gpt-secret"))
    counted = (await world.admin("/-/outcomes")).json()["outcomes"]
    assert counted == {Outcome.REFUSED_SESSION.value: 1, Outcome.REFUSED_POLICY.value: 1}
    assert not world.records()
