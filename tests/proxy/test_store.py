"""Counts that several processes share, in a real store: exact, each once, and healed after whatever broke."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.policy.budgets import Budget
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.events import EVENTS
from sealgate.proxy.ledger import Amounts, Ledger, Line, Moment, Reservation, Shortage
from sealgate.proxy.store import Found, SharedCounts
from sealgate.proxy.store_config import StoreConfig
from tests.proxy.redis_server import RedisServer, a_redis_server
from tests.proxy.world import until

pytestmark = pytest.mark.redis

DAY = Line("utd:app:p", 1, Budget("user", "tokens", "day", 100))
MONTH = Line("aqm:app", 0, Budget("application", "requests", "month", 3))
MINUTE = Line("uti:app:p", 1, Budget("user", "tokens", "minute", 60))
STREAMS = Line("usn:app:p", 3, Budget("user", "streams", "at_once", 2))
NOTHING: Amounts = (0, 0, 0, 0)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with a_redis_server() as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """One that a test may kill."""
    with a_redis_server() as server:
        yield server


class Process:
    """The part of a proxy that counts."""

    def __init__(self, server: RedisServer, instance: str, run: str = "", **config: Any) -> None:
        self.log = io.StringIO()
        self.run = run or new_id("ep")
        self.sequence = 0
        config.setdefault("address", server.address)
        self.counts = SharedCounts(
            Ledger(),
            StoreConfig(**config),
            instance,
            self.run,
            LineLog("proxy", EVENTS, self.log),
        )
        self.task: asyncio.Task[None] | None = None

    async def start(self, *, connected: bool = True) -> None:
        self.task = asyncio.create_task(self.counts.run())
        if connected:
            await until(lambda: self.counts.connected)

    def die(self) -> None:
        """As `kill -9`: nothing is said to anybody."""
        if self.task is not None:
            self.task.cancel()

    async def ask(self, *lines: Line, of: int = 10) -> Found:
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self.counts.reserve(lines, (1, of, 0, 1), now(), found.set_result)
        return await found

    async def hold(self, *lines: Line, of: int = 10) -> Reservation:
        found = await self.ask(*lines, of=of)
        assert isinstance(found, Reservation), found
        return found

    async def refusal(self, *lines: Line, of: int = 10) -> Shortage:
        found = await self.ask(*lines, of=of)
        assert isinstance(found, Shortage), found
        return found

    async def extend(self, held: Reservation, of: int) -> bool:
        found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.counts.extend(held, (0, of, 0, 0), now(), found.set_result)
        return await found

    def settle(self, held: Reservation, tokens: int, requests: int = 1) -> None:
        self.sequence += 1
        self.counts.settle(held, (requests, tokens, 0, 0), now(), self.sequence)


class House:
    """Processes of one instance that share a store."""

    def __init__(self, server: RedisServer) -> None:
        self.server, self.instance = server, new_id("inst")
        self.processes: list[Process] = []

    async def process(self, *, connected: bool = True, **how: Any) -> Process:
        process = Process(self.server, self.instance, **how)
        self.processes.append(process)
        await process.start(connected=connected)
        return process


def now() -> Moment:
    return Moment(time.time(), time.monotonic())


@asynccontextmanager
async def a_house(server: RedisServer) -> AsyncIterator[House]:
    house = House(server)
    try:
        yield house
    finally:
        for each in house.processes:
            each.die()


@pytest.fixture
async def house(server: RedisServer) -> AsyncIterator[House]:
    async with a_house(server) as house:
        yield house


async def test_what_one_holds_is_not_there_for_the_other(house: House) -> None:
    one, other = await house.process(), await house.process()
    held = await one.hold(DAY, of=60)
    assert (await other.refusal(DAY, of=41)).left == [40]
    await other.hold(DAY, of=40)
    one.settle(held, 10)
    await until_paid(one)
    assert (await other.refusal(DAY, of=51)).left == [50]
    assert other.counts.ledger.left(DAY, now()) == 50, "what it says is what all have left"


async def test_all_or_nothing_over_all_lines(house: House) -> None:
    one, other = await house.process(), await house.process()
    for each in (one, one, other):
        await each.hold(MONTH)
    found = await other.refusal(DAY, MONTH)
    assert found.line is MONTH
    assert found.frees_s > 0
    assert (await one.refusal(DAY, of=101)).left == [100]


async def test_of_a_hundred_at_once_in_two_processes_exactly_as_many_pass_as_there_is_room_for(
    house: House,
) -> None:
    line = Line("ard:app", 0, Budget("application", "requests", "day", 30))
    processes = [await house.process(), await house.process()]
    found = await asyncio.gather(*(processes[number % 2].ask(line) for number in range(100)))
    assert sum(isinstance(each, Reservation) for each in found) == 30


async def test_a_minute_is_shared_and_drains(house: House) -> None:
    one, other = await house.process(), await house.process()
    line = msgspec.structs.replace(MINUTE, budget=Budget("user", "tokens", "minute", 6_000))
    held = await one.hold(line, of=6_000)
    short = await other.refusal(line, of=100)
    assert 0 < short.frees_s <= 1
    one.settle(held, 5_000)
    await until_holds(other, line, 900)  # what was not used is there again at once
    await until_holds(other, line, 50)  # and the rest as time goes by: 100 a second


async def until_holds(process: Process, line: Line, tokens: int) -> None:
    async with asyncio.timeout(5):
        while not isinstance(await process.ask(line, of=tokens), Reservation):
            await asyncio.sleep(0.01)


async def until_paid(process: Process) -> None:
    await until(lambda: process.counts.owed == 0)


async def test_more_is_held_for_what_runs_where_there_is_room_for_all(house: House) -> None:
    one, other = await house.process(), await house.process()
    held = await one.hold(DAY, of=50)
    await other.hold(DAY, of=30)
    assert await one.extend(held, 20)
    assert not await one.extend(held, 1)
    one.settle(held, 70)
    await until_paid(one)
    assert (await other.refusal(DAY, of=1)).left == [0]


async def test_what_is_settled_while_it_asks_for_more_leaves_nothing_held(house: House) -> None:
    one, other = await house.process(), await house.process()
    held = await one.hold(DAY, of=50)
    asked = asyncio.ensure_future(one.extend(held, 20))
    await asyncio.sleep(0)
    one.settle(held, 10)
    await until_paid(one)
    asked.cancel()
    await other.hold(DAY, of=90)


async def test_streams_of_a_process_that_died_are_free_again_after_its_lease(house: House) -> None:
    one, other = await house.process(lease_s=0.3), await house.process()
    for _ in range(2):
        await one.hold(STREAMS)
    await other.refusal(STREAMS)
    one.die()
    await until_holds(other, STREAMS, 10)


async def test_an_orderly_end_frees_its_streams_at_once(house: House) -> None:
    one, other = await house.process(), await house.process()
    for _ in range(2):
        await one.hold(STREAMS)
    await one.counts.close()
    await other.hold(STREAMS)


async def test_keys_name_no_person_and_every_one_of_them_expires(house: House) -> None:
    one = await house.process()
    one.settle(await one.hold(DAY, MONTH, MINUTE, STREAMS), 10)
    await one.hold(DAY, MONTH, MINUTE, STREAMS)
    await until_paid(one)
    keys = await house.server.asked("KEYS", f"sg:{{{house.instance}}}:*")
    assert isinstance(keys, list)
    lasting = {key for key in map(str, keys) if not key.endswith(("living'", "store'"))}
    assert len(lasting) == 5
    for key in keys:
        assert isinstance(key, bytes)
        ttl = await house.server.asked("TTL", key.decode())
        assert isinstance(ttl, int)
        assert ttl > 0 or key.endswith((b":living", b":store")), key


async def test_a_minute_and_streams_leave_no_key_behind(house: House) -> None:
    one = await house.process()
    one.settle(await one.hold(STREAMS), 10)
    one.settle(await one.hold(MINUTE), 0)
    await asyncio.sleep(0)
    await one.hold(DAY)
    keys = await house.server.asked("KEYS", f"sg:{{{house.instance}}}:us*")
    assert keys == []
    key = f"sg:{{{house.instance}}}:{MINUTE.key}"
    ttl = await house.server.asked("PTTL", key)
    assert isinstance(ttl, int)
    assert ttl <= 61_000


async def test_what_an_earlier_run_owed_counts_once_however_often_it_is_said(house: House) -> None:
    day = int(time.time() // 86_400)
    for _ in range(3):
        one = Process(house.server, house.instance)
        house.processes.append(one)
        for sequence in (1, 2):
            one.counts.owe("ep_earlier", sequence, [(DAY.key, day, 20)])
        await one.start()
        await until_paid(one)
    assert (await one.refusal(DAY, of=61)).left == [60]


async def test_what_was_settled_while_the_store_was_away_is_counted_once_it_is_back(
    own_server: RedisServer,
) -> None:
    async with a_house(own_server) as house:
        one, other = await house.process(), await house.process()
        one.settle(await one.hold(DAY), 10)
        await until_paid(one)
        own_server.kill()
        await until(lambda: not one.counts.connected and not other.counts.connected)
        for _ in range(3):
            one.settle(await one.hold(DAY), 10)
            other.settle(await other.hold(DAY), 5)
        assert one.counts.ledger.left(DAY, now()) == 60, "it counts alone from what all had used"
        running = await one.hold(DAY, of=20)
        own_server.start()  # empty: it kept nothing
        await until(lambda: one.counts.connected and other.counts.connected)
        await until_paid(one)
        await until_paid(other)
        await until(lambda: one.counts.alone > 0)
        # 40 of one alone, then what each added while it was away; 20 are held.
        assert (await other.refusal(DAY, of=100)).left[0] in range(25, 41)
        one.settle(running, 20)
        assert "limit_store_lost" in one.log.getvalue()
        assert one.log.getvalue().count("limit_store_lost") == 1
        assert one.log.getvalue().count("limit_store_connected") == 2


WAYS = {"refuse": ProxyError, "allow": Reservation, "local": Shortage}


@pytest.mark.parametrize("way", WAYS)
async def test_each_limit_does_what_was_declared_while_the_store_is_away(
    server: RedisServer, way: Any
) -> None:
    async with a_house(server) as house:
        how = {"address": "unix:///nowhere.sock", "budgets_while_away": way}
        one = await house.process(connected=False, **how)
        found = [await one.ask(DAY, of=60) for _ in range(2)]
        assert isinstance(found[1], WAYS[way])
        assert isinstance(found[0], ProxyError if way == "refuse" else Reservation)
        assert isinstance(await one.ask(STREAMS), Reservation), "other kinds have their own way"
        if way == "refuse":
            assert isinstance(found[0], ProxyError)
            assert found[0].code == "limits_unavailable"


async def test_a_store_that_hangs_is_away_after_its_time_and_nobody_waits_longer(
    own_server: RedisServer,
) -> None:
    async with a_house(own_server) as house:
        one = await house.process(timeout_s=0.1)
        own_server.pause()
        async with asyncio.timeout(2):
            held = await one.hold(DAY, of=60)
        assert one.counts.alone == 1
        own_server.resume()
        await until(lambda: one.counts.connected)
        assert (await one.refusal(DAY, of=41)).left == [40], "held once, though it was asked twice"
        one.settle(held, 0, requests=0)
        await one.hold(DAY, of=100)


async def test_a_store_that_lost_its_counts_is_told_what_everybody_knows(house: House) -> None:
    one = await house.process(lease_s=0.15)
    one.settle(await one.hold(DAY, of=30), 30)
    await one.hold(DAY, of=20)
    await until_paid(one)
    await house.server.asked("FLUSHALL")
    await until(lambda: "limit_store_emptied" in one.log.getvalue())
    other = await house.process()
    assert (await other.refusal(DAY, of=51)).left == [50]


async def test_a_process_that_was_thought_dead_holds_again(house: House) -> None:
    one, other = await house.process(lease_s=0.3), await house.process()
    held = await one.hold(DAY, of=60)
    await house.server.asked("DEL", f"sg:{{{house.instance}}}:living")
    await until_left(other, 40)
    one.settle(held, 10)
    await until_paid(one)
    await until_left(other, 90)


async def until_left(process: Process, left: int) -> None:
    async with asyncio.timeout(5):
        while (await process.refusal(DAY, of=101)).left != [left]:
            await asyncio.sleep(0.01)


async def test_scripts_that_the_store_forgot_are_loaded_again(house: House) -> None:
    one = await house.process()
    await house.server.asked("SCRIPT", "FLUSH")
    await one.hold(DAY, of=60)
    await until(lambda: one.counts.connected)
    await until_left(one, 40)


@pytest.mark.parametrize("right", [True, False])
async def test_a_password_is_read_from_its_file(tmp_path: Any, right: bool) -> None:
    with a_redis_server("--requirepass", "correct-horse") as server:
        secret = tmp_path / "password"
        secret.write_text("correct-horse\n" if right else "wrong\n")
        async with a_house(server) as house:
            one = await house.process(connected=right, password_file=secret)
            if right:
                await one.hold(DAY)
            else:
                await until(lambda: "WRONGPASS" in one.log.getvalue())
                assert "correct" not in one.log.getvalue()
