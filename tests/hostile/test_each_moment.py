"""Vault, console, limit store and disk fail at each moment of an exchange: one answer, one outcome."""

from __future__ import annotations

import errno
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Never

import pytest

from sealgate.messages.feed import Outcome
from sealgate.policy.budgets import Budget
from sealgate.proxy.epoch import Epoch
from sealgate.proxy.store_config import StoreConfig
from tests.proxy.redis_server import RedisServer, a_redis_server
from tests.proxy.world import Answer, World, prompt, until

pytestmark = pytest.mark.redis

SERVED = Counter([Outcome.COMPLETED])


@pytest.fixture(scope="module")
def store() -> Iterator[RedisServer]:
    with a_redis_server() as server:
        yield server


@pytest.fixture
async def house(stopped: World, store: RedisServer) -> World:
    """A world with budgets that a limit store counts, a key that is held and an application that is known."""
    stopped.publish(rules={"budgets": (Budget("application", "requests", "day", 1_000),)})
    await stopped.start_proxy(limit_store=StoreConfig(address=store.address))
    await stopped.connected()
    await until(lambda: "limit_store_connected" in stopped.log.getvalue())
    assert (await stopped.chat()).status == 200
    await until(lambda: len(stopped.records()) == 1)
    return stopped


@asynccontextmanager
async def away(world: World, store: RedisServer, what: str) -> AsyncIterator[None]:
    """One of them is gone within, and back afterwards."""
    patch = pytest.MonkeyPatch()
    if what == "vault":
        await world.vault.server.close()
    elif what == "console":
        await world.console.server.close()
    elif what == "store":
        store.kill()
    else:
        patch.setattr(Epoch, "_append", _no_space)
    try:
        yield
    finally:
        patch.undo()
    if what == "vault":
        await world.vault.server.start()
    elif what == "console":
        await world.console.server.start()
    elif what == "store":
        store.start()
    await until(world.running.parts.journal.ready)
    await world.connected()


def _no_space(*_arguments: object) -> Never:
    raise OSError(errno.ENOSPC, "no space")


Moment = Callable[[World, Callable[[], Awaitable[None]]], Awaitable[Answer]]


async def before_the_request(world: World, fail: Callable[[], Awaitable[None]]) -> Answer:
    await fail()
    return await world.chat()


async def within_the_request(world: World, fail: Callable[[], Awaitable[None]]) -> Answer:
    browser, raw = await world.browser(), world.request()
    browser.send(raw[:-20])
    await until(lambda: bool(world.running.parts.running))
    await fail()
    browser.send(raw[-20:])
    return await browser.answer()


async def within_the_answer(world: World, fail: Callable[[], Awaitable[None]]) -> Answer:
    world.provider.gate.clear()
    browser = await world.stream()
    await fail()
    world.provider.gate.set()
    return Answer(200, {}, await browser.answer_body())


async def before_the_first_byte(world: World, fail: Callable[[], Awaitable[None]]) -> Answer:
    world.provider.gate.clear()
    browser = await world.browser()
    browser.send(world.request(prompt("slow-end", stream=True)))
    await world.provider.started.wait()
    await fail()
    world.provider.gate.set()
    return await browser.answer()


MOMENTS: dict[str, Moment] = {
    each.__name__: each
    for each in (before_the_request, within_the_request, within_the_answer, before_the_first_byte)
}
# What was not begun is refused, by a disk that cannot write it down; whatever runs is served.
REFUSED = {("disk", "before_the_request"), ("disk", "within_the_request")}


@pytest.mark.parametrize("what", ["vault", "console", "store", "disk"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_whatever_fails_whenever_there_is_one_answer_and_one_outcome(
    house: World, store: RedisServer, what: str, moment: str
) -> None:
    async with AsyncExitStack() as outage:
        fail = partial(outage.enter_async_context, away(house, store, what))
        answer = await MOMENTS[moment](house, fail)
        assert not house.running.parts.running
    if (what, moment) in REFUSED:
        assert (answer.status, answer.error["code"]) == (503, "journal_unavailable")
        served = 1
    else:
        assert answer.status == 200
        served = 2
    assert (await house.chat()).status == 200, "and then all is as before"
    await until(lambda: len(house.records()) == served + 1, 10.0)
    assert Counter(house.console.outcomes()) == {Outcome.COMPLETED: served + 1}
    assert "exchange_broken" not in house.log.getvalue()


async def test_answers_that_end_while_the_disk_refuses_are_each_counted_by_the_store(
    house: World, store: RedisServer
) -> None:
    house.provider.gate.clear()
    browsers = [await house.stream() for _ in range(3)]
    async with away(house, store, "disk"):
        house.provider.gate.set()
        for browser in browsers:
            assert b"[DONE]" in await browser.answer_body()
    assert (await house.chat()).status == 200
    (requests,) = [each for each in (await house.admin("/-/limits")).json()["top"] if each["window"] == "day"]
    assert requests["used"] + requests["held"] == 5, "what the store says: one before, three, one after"


async def test_a_disk_that_is_put_back_counts_nothing_twice_and_loses_nothing(world: World) -> None:
    for _ in range(2):
        assert (await world.chat()).status == 200
    backup = world.folder / "backup"
    shutil.copytree(world.config.data_dir, backup)
    for _ in range(3):
        assert (await world.chat()).status == 200
    await until(lambda: len(world.records()) == 5)
    await world.stop_proxy()
    shutil.rmtree(world.config.data_dir)
    shutil.copytree(backup, world.config.data_dir)
    await world.start_proxy()
    await world.connected()
    assert (await world.chat()).status == 200
    await until(lambda: len(world.records()) == 6)
    await until(lambda: world.running.parts.journal.unshipped(1) is None)
    assert Counter(world.console.outcomes()) == {Outcome.COMPLETED: 6}
    assert len({record.request for record in world.records()}) == 6
