"""Proxies in processes of their own that share a limit store: exact together, over every crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from sealgate.policy.budgets import Budget
from sealgate.policy.document import Limits
from sealgate.proxy.store_config import StoreConfig
from tests.proxy.redis_server import RedisServer, a_redis_server
from tests.proxy.test_process import Child, a_process
from tests.proxy.world import Answer, World, prompt, until

pytestmark = pytest.mark.redis

DAY = Budget("user", "tokens", "day", 100_000)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with a_redis_server() as server:
        yield server


@asynccontextmanager
async def a_proxy(world: World, server: RedisServer, name: str = "one", **how: Any) -> AsyncIterator[Child]:
    """One of several proxies, with its own folder."""
    before = world.config
    store = StoreConfig(address=server.address, **how)
    folder = world.folder / name
    world.config = msgspec.structs.replace(before, data_dir=folder, limit_store=store)
    try:
        async with a_process(world) as child:
            await until_connected(world, child)
            yield child
    finally:
        world.config = before


async def until_connected(world: World, child: Child, connected: int = 1) -> None:
    line = f"sealgate_proxy_limit_store_connected {connected}\n".encode()
    async with asyncio.timeout(10):
        while line not in (await page(world, child, "/metrics")).body:
            await asyncio.sleep(0.01)


async def page(world: World, child: Child, target: str) -> Answer:
    browser = await world.browser(child.admin_port)
    browser.send(f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
    return await browser.answer()


async def chat(world: World, child: Child, **how: Any) -> Answer:
    browser = await world.browser(child.port)
    browser.send(world.request(**how))
    return await browser.answer()


async def used(world: World, child: Child) -> dict[str, int]:
    """What all have used, as this proxy last heard."""
    top = (await page(world, child, "/-/limits")).json()["top"]
    return {each["measure"]: each["used"] for each in top if each["window"] == "day"}


LIMITED: dict[str, dict[str, Any]] = {
    "rate_limited": {"limits": Limits(requests_per_minute=30, concurrent_streams=100)},
    "budget_used_up": {
        "limits": Limits(requests_per_minute=1_000, concurrent_streams=100),
        "rules": {"budgets": (Budget("application", "requests", "day", 30),)},
    },
    "too_many_streams": {
        "limits": Limits(requests_per_minute=1_000, concurrent_streams=100),
        "rules": {"budgets": (Budget("application", "streams", "at_once", 30),)},
    },
}


@pytest.mark.parametrize("code", LIMITED)
async def test_of_a_hundred_at_once_over_two_proxies_exactly_thirty_pass(
    stopped: World, server: RedisServer, code: str
) -> None:
    world = stopped
    world.publish(**LIMITED[code])
    async with a_proxy(world, server) as one, a_proxy(world, server, "other") as other:
        token, waits = world.token(), code == "too_many_streams"
        body = prompt("hang", stream=True) if waits else prompt()
        asked = [
            asyncio.ensure_future(chat(world, (one, other)[number % 2], token=token, body=body))
            for number in range(100)
        ]
        if waits:
            await until(lambda: sum(each.done() for each in asked) == 70, 20)
        answers = [each.result() for each in (await asyncio.wait(asked, timeout=0 if waits else 20))[0]]
        refused = [each for each in answers if each.status != 200]
        assert [each.error["code"] for each in refused] == [code] * 70
        await until(lambda: len(world.provider.calls) >= 30)
        assert len(world.provider.calls) == 30
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_what_both_used_is_told_by_each(stopped: World, server: RedisServer) -> None:
    world = stopped
    world.publish(rules={"budgets": (Budget("user", "requests", "day", 4),)})
    async with a_proxy(world, server) as one, a_proxy(world, server, "other") as other:
        left = [
            (await chat(world, each)).headers["x-sealgate-budget"].partition("remaining=")[2]
            for each in (one, other, one, other)
        ]
        assert left == ["3", "2", "1", "0"]
        assert (await chat(world, one)).error["code"] == "budget_used_up"
        assert (await page(world, other, "/-/limits")).json()["top"][0]["most"] == 4


@pytest.mark.parametrize("moment", ["running", "ended"])
async def test_kill_9_neither_loses_nor_doubles_what_the_store_counts(
    stopped: World, server: RedisServer, moment: str
) -> None:
    world = stopped
    world.publish(rules={"budgets": (DAY,)})
    async with a_proxy(world, server, lease_s=0.3) as one, a_proxy(world, server, "other") as other:
        for _ in range(3):
            assert (await chat(world, one)).status == 200
        if moment == "running":
            browser = await world.browser(one.port)
            browser.send(world.request(prompt("hang", stream=True, max_completion_tokens=100)))
            await until(lambda: len(world.provider.calls) == 4)
        one.kill()
        await one.process.wait()
        expected = 45 + (100 + 32 + 11 if moment == "running" else 0)
        for _ in range(2):  # and a second start counts nothing again
            async with a_proxy(world, server) as again:
                await until_owes_nothing(world, again)
                again.kill()
                await again.process.wait()
        assert (await chat(world, other)).status == 200
        assert await used(world, other) == {"tokens": expected + 15}


async def until_owes_nothing(world: World, child: Child) -> None:
    async with asyncio.timeout(10):
        while b"sealgate_proxy_limit_store_owed 0\n" not in (await page(world, child, "/metrics")).body:
            await asyncio.sleep(0.01)


async def test_answers_at_once_of_a_proxy_that_was_killed_are_free_after_its_lease(
    stopped: World, server: RedisServer
) -> None:
    world = stopped
    world.publish(rules={"budgets": (Budget("user", "streams", "at_once", 1),)})
    async with a_proxy(world, server, lease_s=0.5) as one, a_proxy(world, server, "other") as other:
        browser = await world.browser(one.port)
        browser.send(world.request(prompt("wait", stream=True)))
        assert (await browser.head())[0] == 200
        assert (await chat(world, other)).error["code"] == "too_many_streams"
        one.kill()
        async with asyncio.timeout(10):
            while (await chat(world, other)).status != 200:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(("way", "status"), [("refuse", 503), ("allow", 200), ("local", 429)])
async def test_while_the_store_is_away_each_kind_does_what_was_declared_and_then_all_is_as_before(
    stopped: World, server: RedisServer, way: str, status: int
) -> None:
    world = stopped
    world.publish(rules={"budgets": (Budget("user", "requests", "day", 2),)})
    async with a_proxy(world, server, budgets_while_away=way) as one:
        assert (await chat(world, one)).status == 200
        server.kill()
        await until_connected(world, one, 0)
        if way != "refuse":
            assert (await chat(world, one)).status == 200
        answer = await chat(world, one)
        assert answer.status == status
        if way == "refuse":
            assert (answer.error["code"], answer.error["who"]) == ("limits_unavailable", "administrator")
            assert len(world.provider.calls) == 1
        server.start()
        await until_connected(world, one)
        await until_owes_nothing(world, one)
        again = (await chat(world, one)).status
        assert again == (200 if way == "refuse" else 429), "what was used meanwhile counts"


async def test_an_answer_grows_as_long_as_all_have_room_and_is_cut_at_the_end(
    stopped: World, server: RedisServer
) -> None:
    world = stopped
    world.publish(rules={"budgets": (Budget("user", "tokens", "day", 3_000),)})
    async with a_proxy(world, server) as one:
        answer = await chat(world, one, body=prompt("flood", stream=True))
        assert answer.complete
        assert b'"budget_cut"' in answer.body
        assert (await used(world, one))["tokens"] > 1_000
