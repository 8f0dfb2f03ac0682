"""The feed over its real socket: documents out, changes within a second, usage counted once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import delete, func, select

from sealgate.console.feed.models import Change
from sealgate.console.usage.models import Usage
from sealgate.ids import new_id
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.feed import (
    Application,
    AskApplication,
    AskChanges,
    Changes,
    FeedReply,
    Outcome,
    UnknownApplication,
    UsageBatch,
    UsageCounted,
    UsageRecord,
)
from sealgate.messages.frames import PROTOCOL, Hello, Message, RefusedError
from sealgate.policy.document import decode_policy
from tests.console.running import Browser, Running


class Proxy:
    """The asking end, as a proxy has it."""

    def __init__(self, world: Running, instance: str | None = None) -> None:
        config = world.console.config
        hello = Hello(protocol=PROTOCOL, instance=instance or config.instance, process=new_id("prx"))
        self.up = asyncio.Event()
        self.client = Client(config.feed_socket, hello, FeedReply, on_connected=self.up.set)

    async def ask(self, message: Message) -> Message:
        return await self.client.ask(message, timeout_s=30.0)

    async def changes(self, cursor: int, wait_s: float = 0.0) -> Changes:
        reply = await self.ask(AskChanges(cursor=cursor, wait_s=wait_s))
        assert isinstance(reply, Changes)
        return reply


@contextlib.asynccontextmanager
async def connected(world: Running) -> AsyncIterator[Proxy]:
    proxy = Proxy(world)
    running = asyncio.create_task(proxy.client.run())
    await proxy.up.wait()
    try:
        yield proxy
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def record(sequence: int, application: str, organization: str = "", **changed: object) -> UsageRecord:
    usual = UsageRecord(
        sequence=sequence,
        request=new_id("req"),
        started_at=1_700_000_000.0 + sequence,
        organization=organization,
        application=application,
        pseudonym="p",
        endpoint="chat.completions",
        action="shorten",
        model="gpt-4o-mini",
        outcome=Outcome.COMPLETED,
        status=200,
        input_tokens=10,
        output_tokens=3,
        cached_tokens=0,
        estimated=False,
        first_byte_ms=200,
        duration_ms=1_500,
    )
    return msgspec.structs.replace(usual, **changed)


async def count(world: Running) -> int:
    async with world.console.database.reading() as tx:
        return await tx.scalar(select(func.count()).select_from(Usage)) or 0


async def test_a_document_holds_what_a_proxy_must_know(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    await ada.submit(f"/applications/{app}/origins", {"origin": "https://app.example.com"})
    async with connected(world) as proxy:
        document = await proxy.ask(AskApplication(application=app))
    assert isinstance(document, Application)
    assert (document.name, document.origins) == ("Larkspur", ("https://app.example.com",))
    assert not document.active, "there is no add-on yet"
    assert document.credential is None
    assert decode_policy(document.policy).models == ("gpt-4o-mini",)


@pytest.mark.parametrize(
    "app", [new_id("app"), "", "x" * 1000, "' OR 1=1 --"], ids=["unknown", "empty", "long", "sql"]
)
async def test_an_unknown_application_is_said_to_be_unknown(world: Running, app: str) -> None:
    async with connected(world) as proxy:
        assert await proxy.ask(AskApplication(application=app)) == UnknownApplication(application=app)


async def test_changes_are_told_from_a_cursor_on(world: Running, ada: Browser) -> None:
    async with connected(world) as proxy:
        assert await proxy.changes(0) == Changes(cursor=0, applications=())
        first, second = await world.application(ada), await world.application(ada, "Other")
        both = await proxy.changes(0)
        assert set(both.applications) == {first, second}
        assert await proxy.changes(both.cursor) == Changes(cursor=both.cursor, applications=())


async def test_a_waiting_proxy_is_woken_by_a_change_within_a_second(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    token = await ada.form_token(f"/applications/{app}")
    async with connected(world) as proxy:
        cursor = (await proxy.changes(0)).cursor
        waiting = asyncio.create_task(proxy.changes(cursor, wait_s=25.0))
        await proxy.ask(AskApplication(application=app))  # the long poll stands before it
        started = time.monotonic()
        await ada.post(f"/applications/{app}/pause", {"form_token": token})
        told = await asyncio.wait_for(waiting, 5)
        assert told.applications == (app,)
        assert time.monotonic() - started < 1.0


async def test_a_change_by_another_process_is_seen_within_a_second(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    async with connected(world) as proxy:
        cursor = (await proxy.changes(0)).cursor
        waiting = asyncio.create_task(proxy.changes(cursor, wait_s=25.0))
        await proxy.ask(AskApplication(application=app))
        database = type(world.console.database)(world.console.config.database_path)
        started = time.monotonic()
        async with database.writing() as tx:
            tx.add(Change(application_id=app, changed_at=1.0))
        told = await asyncio.wait_for(waiting, 5)
        await database.close()
        assert told.applications == (app,)
        assert time.monotonic() - started < 1.0


async def test_an_empty_wait_ends_when_it_said(world: Running) -> None:
    async with connected(world) as proxy:
        assert await proxy.changes(0, wait_s=0.1) == Changes(cursor=0, applications=())


@pytest.mark.parametrize("cursor", [999, 2**62])
async def test_a_cursor_of_another_database_means_ask_for_all_anew(
    world: Running, ada: Browser, cursor: int
) -> None:
    await world.application(ada)
    async with connected(world) as proxy:
        told = await proxy.changes(cursor)
        assert told.reset
        assert not (await proxy.changes(told.cursor)).reset


async def test_a_cursor_older_than_the_log_means_ask_for_all_anew(world: Running, ada: Browser) -> None:
    await world.application(ada)
    await world.application(ada, "Other")
    async with world.console.database.writing() as tx:
        await tx.execute(delete(Change).where(Change.cursor == 1))
    async with connected(world) as proxy:
        assert (await proxy.changes(0)).reset
        assert not (await proxy.changes(1)).reset


async def test_usage_is_counted_once_however_often_it_is_sent(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    records = tuple(record(number, app) for number in range(1, 4))
    async with connected(world) as proxy:
        for sent in (records[:2], records, records[1:], records):
            reply = await proxy.ask(UsageBatch(proxy="prx", epoch="e1", records=sent))
            assert reply == UsageCounted(epoch="e1", through=sent[-1].sequence)
        assert await count(world) == 3
        await proxy.ask(UsageBatch(proxy="prx", epoch="e2", records=records[:1]))
        await proxy.ask(UsageBatch(proxy="other", epoch="e1", records=records[:1]))
        assert await count(world) == 5


async def test_two_proxies_sending_at_once_lose_and_double_nothing(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    records = tuple(record(number, app) for number in range(1, 21))
    async with connected(world) as one, connected(world) as two:
        await asyncio.gather(
            *(proxy.ask(UsageBatch(proxy="prx", epoch="e", records=records)) for proxy in (one, two) * 3)
        )
    assert await count(world) == 20


async def test_a_long_batch_is_counted_whole(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    records = tuple(record(number, app) for number in range(1, 2_000))
    async with connected(world) as proxy:
        reply = await proxy.ask(UsageBatch(proxy="prx", epoch="e", records=records))
    assert reply == UsageCounted(epoch="e", through=len(records))
    assert await count(world) == len(records)


async def test_an_empty_batch_is_harmless(world: Running) -> None:
    async with connected(world) as proxy:
        reply = await proxy.ask(UsageBatch(proxy="prx", epoch="e", records=()))
    assert reply == UsageCounted(epoch="e", through=0)


async def test_a_batch_that_cannot_be_stored_is_refused_whole_and_the_feed_goes_on(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    records = (record(1, app), record(2, app, input_tokens=2**63))
    async with connected(world) as proxy:
        with pytest.raises(RefusedError):
            await proxy.ask(UsageBatch(proxy="prx", epoch="e", records=records))
        assert await count(world) == 0
        await proxy.ask(UsageBatch(proxy="prx", epoch="e", records=records[:1]))
    assert await count(world) == 1
    assert "feed_failed" in world.lines.getvalue()


async def test_usage_belongs_to_the_organization_that_our_own_table_names(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    other = await world.owner("eve@example.com", "Elsewhere")
    async with connected(world) as proxy:
        await proxy.ask(UsageBatch(proxy="prx", epoch="e", records=(record(1, app, organization=other),)))
    assert "1.5\u00a0s" in (await ada.get("/usage")).text
    eve = await world.signed_in("eve@example.com")
    assert "Nothing used yet" in (await eve.get("/usage")).text


async def test_a_proxy_of_another_instance_is_refused(world: Running) -> None:
    proxy = Proxy(world, instance=new_id("inst"))
    running = asyncio.create_task(proxy.client.run())
    async with asyncio.timeout(5):
        while proxy.client.refusal is None:
            await asyncio.sleep(0)
    assert proxy.client.refusal.code == "other_instance"
    with pytest.raises(NotConnectedError):
        await proxy.ask(AskChanges(cursor=0))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nobody_else_may_open_the_socket(world: Running) -> None:
    assert world.console.config.feed_socket.stat().st_mode & 0o777 == 0o600
