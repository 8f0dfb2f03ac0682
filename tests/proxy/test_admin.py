"""The operator's pages."""

from __future__ import annotations

import pytest

from sealgate.proxy.admin import PAGES
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
    host = world.provider.origin.removeprefix("https://")
    assert (await world.admin("/-/pool")).json() == {
        "origins": {host: {"open": 1, "idle": 1}},
        "credentials_held": 1,
    }
    known = (await world.admin("/-/applications")).json()["known"]
    assert known == [{"application": world.application, "version": 1}]


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
