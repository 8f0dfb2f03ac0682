"""Crowds: thousands who wait, hundreds who leave in the middle. Others are served, and nothing stays."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.messages.feed import Outcome
from sealgate.policy.budgets import Budget
from sealgate.policy.document import Limits
from tests.proxy.world import World, prompt, until

IDLE = 2_000
LEAVING = 300
ROOM = Limits(requests_per_minute=10_000, concurrent_streams=LEAVING, retries=0)


@pytest.fixture(autouse=True)
def open_files() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * IDLE), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def files() -> int:
    return sum(1 for _each in Path("/proc/self/fd").iterdir())


async def test_two_thousand_who_say_nothing_keep_nobody_from_being_served(world: World) -> None:
    await world.chat()
    before, tasks = files(), len(asyncio.all_tasks())
    loop = asyncio.get_running_loop()
    idle = await asyncio.gather(
        *(loop.create_connection(asyncio.Protocol, "127.0.0.1", world.running.port) for _ in range(IDLE))
    )
    connections = world.running.listener.connections
    await until(lambda: len(connections) > IDLE)
    assert len(asyncio.all_tasks()) < tasks + 5, "who waits costs no task"
    for stream in (True, False):
        assert (await world.chat(prompt(stream=stream))).status == 200
    for transport, _protocol in idle:
        transport.close()
    await until(lambda: len(connections) <= 3)
    await until(lambda: files() <= before + 4)


async def test_hundreds_who_leave_within_a_stream_end_every_call_and_leave_nothing(world: World) -> None:
    world.publish(ROOM, rules={"budgets": (Budget("application", "streams", "at_once", LEAVING),)})
    token = world.token()
    await world.chat(token=token)
    parts, before, tasks = world.running.parts, files(), len(asyncio.all_tasks())
    browsers = await asyncio.gather(*(world.stream(token=token) for _ in range(LEAVING)))
    assert (await world.chat(token=token)).status == 429, "there is no room for one more"
    for browser in browsers[::2]:
        browser.writer.close()
    for browser in browsers[1::2]:
        browser.close()
    await until(lambda: not parts.running)
    await until(lambda: len(world.records()) == LEAVING + 1)
    outcomes = Counter(record.outcome for record in world.records())
    assert outcomes == {Outcome.CANCELLED: LEAVING, Outcome.COMPLETED: 1}
    await until(lambda: all(call.ended_by for call in world.provider.calls))
    assert Counter(call.ended_by for call in world.provider.calls) == {"client_left": LEAVING, "completed": 1}
    assert (await world.chat(token=token)).status == 200
    (streams,) = (await world.admin("/-/limits")).json()["top"]
    assert (streams["used"], streams["held"]) == (0, 0), "every place is free again"
    await until(lambda: len(asyncio.all_tasks()) < tasks + 20)
    await until(lambda: files() < before + 20)
