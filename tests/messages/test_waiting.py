"""How long an asking end waits: each as long as it said, by one timer for all of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.frames import Message
from sealgate.messages.opening import Renew, Renewed
from sealgate.messages.server import Peer, Reply, Server
from tests.messages.test_channel import OURS, connected

LONG_S, SHORT_S = 10.0, 0.03


class Slow:
    """Answers version 1 at once, and every other one when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.go = asyncio.Event()
        self.server = Server(folder / "s.sock", OURS, Renew, self._answer, (os.getuid(),))

    async def _answer(self, peer: Peer, message: Message) -> Reply:
        assert isinstance(message, Renew)
        if message.version != 1:
            await self.go.wait()
        return Renewed(lease_s=float(message.version))


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Slow]:
    vault = Slow(tmp_path)
    await vault.server.start()
    yield vault
    await vault.server.close()


def ask(client: Client, version: int, timeout_s: float) -> asyncio.Task[Message]:
    return asyncio.create_task(client.ask(Renew(credential="cred_1", version=version), timeout_s=timeout_s))


async def test_whoever_waits_shortest_is_told_first_and_ends_the_link(slow: Slow) -> None:
    async with connected(slow.server.path) as (client, _):
        long, short = ask(client, 2, LONG_S), ask(client, 3, SHORT_S)
        with pytest.raises(NotConnectedError, match="no answer in time"):
            await short
        with pytest.raises(NotConnectedError, match="the connection was lost"):
            await long


async def test_nobody_waits_for_one_who_hangs_and_reads_no_more(slow: Slow) -> None:
    async with connected(slow.server.path) as (client, _):
        (peer,), link = slow.server._peers, client._link
        assert peer._transport is not None
        assert link is not None
        assert link._transport is not None
        peer._transport.pause_reading()
        told = [client.tell(Renew(credential="c" * 10_000, version=2))]
        while not link._transport.get_write_buffer_size():
            told.append(client.tell(Renew(credential="c" * 10_000, version=2)))
        long, short = ask(client, 2, LONG_S), ask(client, 3, SHORT_S)
        async with asyncio.timeout(LONG_S / 2):
            ended = await asyncio.gather(short, long, *told, return_exceptions=True)
            await link.lost
        assert {type(each) for each in ended} == {NotConnectedError}


async def test_what_was_answered_in_time_leaves_the_link_to_the_others(slow: Slow) -> None:
    async with connected(slow.server.path) as (client, _):
        assert await ask(client, 1, SHORT_S) == Renewed(lease_s=1.0)
        long = ask(client, 2, LONG_S)
        await asyncio.sleep(0)  # it is under way
        link = client._link
        assert link is not None
        timer = link._timer
        while link._timer is timer:  # the first one's time goes by
            await asyncio.sleep(0.001)
        assert client.connected
        slow.go.set()
        assert await long == Renewed(lease_s=2.0)


async def test_who_does_not_wait_any_more_ends_no_link(slow: Slow) -> None:
    async with connected(slow.server.path) as (client, _):
        gone = ask(client, 2, SHORT_S)
        await asyncio.sleep(0)
        gone.cancel()
        link = client._link
        assert link is not None
        while link._timer is not None:  # the time that it would have waited goes by
            await asyncio.sleep(0.001)
        assert await ask(client, 1, LONG_S) == Renewed(lease_s=1.0)


async def test_what_is_only_told_waits_as_long_as_the_link_stands(slow: Slow) -> None:
    async with connected(slow.server.path) as (client, _):
        link = client._link
        assert link is not None
        while link._timer is not None:  # the hello's
            link._timer.cancel()
            link._end_if_late()
        told = client.tell(Renew(credential="cred_1", version=2))
        assert link._timer is None
        slow.go.set()
        assert await told == Renewed(lease_s=2.0)
