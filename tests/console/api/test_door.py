"""The door of the management API: tokens, scopes, sizes, rates, and that browsers cannot come through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sealgate.console.api import door
from sealgate.console.api.errors import ERRORS
from sealgate.console.api.routes import DOCUMENT, WAYS, Way
from sealgate.console.api.tokens import Scope
from sealgate.ids import new_id
from sealgate.messages.frames import Refusal
from tests.console.api.program import ALL, API, Program, code, token_of
from tests.console.lived import Lived
from tests.console.running import URL, Browser, Running

shared = pytest.mark.asyncio(loop_scope="module")


def named(way: Way) -> str:
    return f"{way.method} {way.path}"


def path_of(way: Way, application: str) -> str:
    path = way.path.replace("{application}", application).replace("{kid}", new_id("key"))
    return path.removeprefix(API)


@shared
@pytest.mark.parametrize("way", WAYS, ids=named)
async def test_every_way_needs_a_token(lived: Lived, way: Way) -> None:
    answer = await Program(lived.world.site).send(way.method, path_of(way, new_id("app")), {})
    assert (answer.status_code, code(answer)) == (401, "token_missing")
    assert answer.headers["www-authenticate"] == "Bearer"


@shared
@pytest.mark.parametrize("way", WAYS, ids=named)
async def test_every_way_needs_its_own_scope(lived: Lived, way: Way) -> None:
    others = [scope.value for scope in Scope if scope is not way.needs]
    program = Program(lived.world.site, await token_of(lived.world, scopes=others))
    answer = await program.send(way.method, path_of(way, lived.parts["application"]), {})
    assert (answer.status_code, code(answer)) == (403, "scope_missing")
    assert f"'{way.needs.value}'" in answer.text


@shared
@pytest.mark.parametrize("way", [way for way in WAYS if "{application}" in way.path], ids=named)
async def test_anothers_application_and_none_at_all_look_the_same(lived: Lived, way: Way) -> None:
    eve = Program(lived.world.site, await token_of(lived.world, "eve@example.com"))
    body = {"name": "x", "kid": new_id("key"), "public_key": "A" * 42 + "E", "origins": [], "active": True}
    body |= {
        "provider": "openai",
        "origin": "https://api.openai.com",
        "credential": new_id("cred"),
        "version": 1,
        "confirm": "Letters",
    }
    known = {} if way.takes is None else {n: body[n] for n in way.takes.__struct_fields__ if n in body}
    applications = (lived.parts["application"], new_id("app"))
    answers = [await eve.send(way.method, path_of(way, each), known) for each in applications]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


@shared
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer sgt_short", "Basic eDp5", "Bearer " + "x" * 47, "sgt_" + "x" * 43]
)
async def test_what_is_no_token_is_refused(lived: Lived, header: str) -> None:
    answer = await Program(lived.world.site).get("/applications", authorization=header)
    assert answer.status_code == 401
    assert code(answer) in {"token_missing", "token_refused"}


async def test_two_tokens_at_once_are_refused(world: Running) -> None:
    token = await token_of(world)
    program = Program(world.site)
    pairs = [("authorization", f"Bearer {token}")] * 2
    answer = await program.client.get(f"{API}/applications", headers=pairs)
    assert code(answer) == "token_missing"


async def test_a_sign_in_cookie_opens_nothing_here_and_none_is_set(ada: Browser) -> None:
    answer = await ada.get(f"{API}/applications")
    assert code(answer) == "token_missing"
    assert "set-cookie" not in answer.headers


async def test_there_are_no_cors_headers_and_preflights_are_refused(deploy: Program) -> None:
    for answer in (
        await deploy.get("/applications", origin="https://evil.example"),
        await deploy.client.options(f"{API}/applications", headers={"origin": "https://evil.example"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.status_code == 405


async def test_wrong_tokens_are_slowed_by_address_and_never_hold_up_a_good_one(world: Running) -> None:
    guesser = Program(world.site, "sgt_" + "g" * 43)
    answers = [await guesser.get("/applications") for _ in range(61)]
    assert code(answers[-2]) == "token_refused"
    assert (answers[-1].status_code, code(answers[-1])) == (429, "rate_limited")
    assert int(answers[-1].headers["retry-after"]) >= 1
    neighbour = Program(world.site, await token_of(world))
    assert (await neighbour.get("/applications")).status_code == 200


async def test_a_token_has_a_rate(world: Running, deploy: Program) -> None:
    answers = [await deploy.get("/status") for _ in range(301)]
    assert [answer.status_code for answer in answers[-2:]] == [200, 429]
    world.clock.now_s += 1
    assert (await deploy.get("/status")).status_code == 200


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (b'{"name": "a", "name": "b"}', "malformed"),
        (b'{"name": NaN}', "malformed"),
        (b'{"name": "\\ud800"}', "malformed"),
        (b"\xff", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"name": 1}', "invalid"),
        (b'{"name": "a", "surprise": 1}', "invalid"),
        (b"{}", "invalid"),
        (b'{"name": "' + b"x" * door.BODY_LIMIT_BYTES + b'"}', "body_too_large"),
    ],
    ids=range(12),
)
async def test_a_body_that_is_not_what_it_should_be_is_refused_with_the_reason(
    deploy: Program, body: bytes, wanted: str
) -> None:
    answer = await deploy.send("PUT", "/applications/newsletter", body)
    assert code(answer) == wanted
    assert answer.status_code == ERRORS[wanted].status
    assert (await deploy.get("/applications")).json()["items"] == []


async def test_a_body_of_another_type_is_refused(deploy: Program) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await deploy.send("PUT", "/applications/newsletter", {"name": "x"}, content_type=kind)
        assert code(answer) == "not_json"


async def test_a_slow_body_is_given_up(deploy: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_TIME_S", 0.01)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = {"content-type": "application/json"}
    answer = await deploy.client.put(f"{API}/applications/newsletter", content=slowly(), headers=headers)
    assert code(answer) == "body_slow"


async def test_a_wrong_field_is_named_by_its_path(deploy: Program) -> None:
    body = {"name": "x", "policy": {"limits": {"requests_per_minute": 0}}}
    error = (await deploy.put("/applications/newsletter", body)).json()["error"]
    assert error["field"] == "policy.limits.requests_per_minute"
    body = {"name": "x", "policy": {"limits": {"request_per_minute": 9}}}
    error = (await deploy.put("/applications/newsletter", body)).json()["error"]
    assert error["field"] == "policy.limits.request_per_minute"


@pytest.mark.parametrize(
    "query", ["?surprise=1", "?limit=0", "?limit=101", "?limit=x", "?limit=1&limit=2", "?cursor=-1"]
)
async def test_a_query_that_cannot_be_meant_is_refused(deploy: Program, query: str) -> None:
    assert code(await deploy.get(f"/audit{query}")) == "malformed"


async def test_another_method_and_another_path_say_so(deploy: Program) -> None:
    answer = await deploy.send("DELETE", "/applications", {})
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    for path in ("/nowhere", "/applications/", "", "/applications/newsletter/add-on/"):
        assert code(await deploy.get(path)) == "not_found"
    assert code(await deploy.client.get("/api")) == "not_found"


async def test_the_vaults_refusal_and_absence_are_told(world: Running, deploy: Program) -> None:
    await deploy.newsletter()
    world.desk.refusal = Refusal(code="busy", message="Too many tickets.", hint="Wait.")
    answer = await deploy.get("/destinations")
    assert (answer.status_code, code(answer)) == (409, "vault_refused")
    await world.desk.server.close()
    async with asyncio.timeout(10):
        while world.console.desk.connected:
            await asyncio.sleep(0.01)
    answer = await deploy.get("/destinations")
    assert (answer.status_code, code(answer)) == (503, "vault_away")
    assert (await deploy.get("/applications/newsletter/add-on")).json()["state"] == "none"
    assert (await deploy.get("/status")).json()["vault_connected"] is False


async def test_a_failure_tells_and_logs_no_details(
    world: Running, deploy: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: object) -> None:
        raise RuntimeError("canary-in-an-exception")

    monkeypatch.setattr(type(world.console.desk), "connected", property(fail))
    answer = await deploy.get("/status")
    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "canary" not in answer.text + world.lines.getvalue()
    assert "request_failed kind=RuntimeError" in world.lines.getvalue()


async def test_answers_carry_the_strict_headers_and_are_not_stored(deploy: Program) -> None:
    answer = await deploy.get("/applications")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["content-type"] == "application/json"


async def test_the_document_is_open_to_everybody(world: Running) -> None:
    answer = await Program(world.site).client.get(URL + DOCUMENT)
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"


def test_the_scopes_are_used_and_every_error_is_of_its_status() -> None:
    assert {way.needs for way in WAYS} == set(Scope)
    assert len(ALL) == 5
    assert all(400 <= failure.status < 600 for failure in ERRORS.values())
