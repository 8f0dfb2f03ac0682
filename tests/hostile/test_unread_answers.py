"""Clients that ask and never read: they fill no memory of ours, and do not stay for ever."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from sealgate.proxy import server
from sealgate.proxy.server import ClientConnection
from tests.proxy.provider import FAULTS, WHOLE, Call, Provider, whole
from tests.proxy.world import Browser, World, until

ASKS = b"OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: proxy.localhost\r\n\r\n"
MEMORY_BYTES = 4_096


class DeafClient:
    """A client whose system takes next to nothing until it reads."""

    def __init__(self, browser: Browser, connection: ClientConnection) -> None:
        self.browser, self.connection = browser, connection

    @classmethod
    async def connect(cls, world: World) -> DeafClient:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", world.running.port))
        browser = Browser(*await asyncio.open_connection(sock=sock, limit=1_024))
        browser.reader._transport.pause_reading()  # type: ignore[attr-defined]
        world.browsers.append(browser)
        await until(lambda: len(world.running.listener.connections) == 1)
        (connection,) = world.running.listener.connections
        client = cls(browser, connection)
        client.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, MEMORY_BYTES
        )
        return client

    @property
    def transport(self) -> asyncio.Transport:
        transport = self.connection._transport
        assert transport is not None
        return transport

    @property
    def unsent_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    async def ask_until_it_stalls(self) -> None:
        for _ in range(2_000):
            if self.unsent_bytes:
                return
            self.browser.send(ASKS)
            await asyncio.sleep(0)
        raise AssertionError("every answer was taken")

    async def ask_many_more(self) -> None:
        for _ in range(500):
            self.browser.send(ASKS)
            await asyncio.sleep(0)


async def large(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    body = {**WHOLE, "system_fingerprint": "x" * 2_000_000}
    writer.write(whole(200, "application/json", json.dumps(body).encode()))
    return True


async def test_requests_without_reading_answers_fill_no_memory(world: World) -> None:
    client = await DeafClient.connect(world)
    await client.ask_until_it_stalls()
    before_bytes = client.unsent_bytes
    await client.ask_many_more()
    assert client.unsent_bytes <= before_bytes + 2_048


async def test_a_client_that_reads_again_is_served_again(world: World) -> None:
    client = await DeafClient.connect(world)
    await client.ask_until_it_stalls()
    client.browser.reader._transport.resume_reading()  # type: ignore[attr-defined]
    while client.unsent_bytes:
        await client.browser.reader.read(1_024)
    client.browser.send(ASKS.replace(b"HTTP/1.1", b"HTTP/1.1\r\nconnection: close"))
    assert b"connection: close" in await client.browser.closed()


async def test_a_client_that_never_reads_is_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FLUSH_S", 0.1)
    client = await DeafClient.connect(world)
    await client.ask_until_it_stalls()
    await until(lambda: not world.running.listener.connections)


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
async def test_a_large_answer_that_nobody_reads_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch, connection: str
) -> None:
    monkeypatch.setattr(server, "FLUSH_S", 0.1)
    monkeypatch.setattr(server, "FLUSH_LEAST_BYTES_PER_S", 1 << 24)
    monkeypatch.setitem(FAULTS, "gpt-test", large)
    client = await DeafClient.connect(world)
    client.browser.send(world.request(connection=connection))
    await until(lambda: client.connection._transport is None or client.unsent_bytes > MEMORY_BYTES)
    await until(lambda: not world.running.listener.connections)
