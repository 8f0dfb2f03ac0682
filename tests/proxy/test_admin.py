"""The operator's pages."""

from __future__ import annotations

import time

import pytest

from sealgate.proxy.admin import PAGES
from sealgate.proxy.breaker import FAILURES, FIRST_REST_S
from tests.proxy.world import KEY, World, until


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_json_without_content(world: World, page: bytes) -> None:
    await world.chat()
    answer = await world.admin(page.decode())
    assert answer.status == 200
    assert answer.json()
    for secret in (KEY.encode(), b"canary", b"user-1", world.token().split(".")[0].encode()):
        assert secret not in answer.body


async def test_the_pages_count_outcomes_and_connections(world: World) -> None:
    await world.chat()
    assert (await world.admin("/-/outcomes")).json() == {"running": 0, "outcomes": {"completed": 1}}
    row = {"idle": 1, "busy": 0, "addresses": ["127.0.0.1"], "breakers": []}
    assert (await world.admin("/-/pool")).json() == {
        "origins": {world.provider.origin: row},
        "connecting": 0,
        "credentials_held": 1,
    }


async def test_a_running_stream_holds_a_connection_that_is_busy(world: World) -> None:
    await world.stream()
    row = (await world.admin("/-/pool")).json()["origins"][world.provider.origin]
    assert (row["idle"], row["busy"]) == (0, 1)


async def test_the_pool_tells_whom_it_leaves_alone_and_for_how_long(world: World) -> None:
    key = (world.provider.origin, world.credential, "gpt-test")
    for _ in range(FAILURES):
        world.running.parts.breakers.failed(key, time.monotonic(), "provider_failed", whole=False)
    row = (await world.admin("/-/pool")).json()["origins"][world.provider.origin]
    (breaker,) = row["breakers"]
    assert 0 < breaker.pop("left_s") <= FIRST_REST_S
    told = {"credential": world.credential, "model": "gpt-test", "state": "open", "code": "provider_failed"}
    assert breaker == told


async def test_the_applications_are_known_by_id_revision_and_age(world: World) -> None:
    await world.chat()
    page = (await world.admin("/-/applications")).json()
    assert (page["count"], page["confirmed_s_ago"]) == (1, 0.0)
    (known,) = page["known"]
    assert 0 <= known.pop("age_s") < 5
    assert known == {
        "application": world.application,
        "organization": world.organization,
        "version": 1,
        "active": True,
        "session_keys": 1,
        "plans": 0,
        "sources": [{"credential": world.credential, "origin": world.provider.origin}],
    }


async def test_without_the_console_the_page_says_how_old_everything_is(world: World) -> None:
    await world.chat()
    await world.console.server.close()
    await until(lambda: not world.running.console.connected)
    await until(lambda: world.running.parts.applications.confirmed_s_ago() > 0)


async def test_a_start_is_over_once_the_proxy_found_vault_and_console(stopped: World) -> None:
    await stopped.vault.server.close()
    await stopped.start_proxy()
    await until(lambda: stopped.running.console.connected)
    away = await stopped.admin("/-/connected")
    assert (away.status, away.json()) == (503, {"vault": False, "console": True})
    await stopped.vault.server.start()
    await stopped.connected()
    assert (await stopped.admin("/-/connected")).status == 200


async def test_anything_else_is_not_found(world: World) -> None:
    assert (await world.admin("/-/tokens")).status == 404


async def test_a_strangers_host_name_is_refused(world: World) -> None:
    browser = await world.browser(world.running.admin_port)
    browser.send(b"GET /healthz HTTP/1.1\r\nhost: rebound.example\r\n\r\n")
    assert (await browser.answer()).status == 421
