"""A deadline for heads: silent and dripping connections are closed, working ones are not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sealgate.listening.patience import DeadlinedProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Hasty(DeadlinedProtocol):
    head_s = 0.2


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def slow(_request: object) -> PlainTextResponse:
        await asyncio.sleep(0.5)
        return PlainTextResponse("here")

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/", slow)])
    server = uvicorn.Server(uvicorn.Config(app, http=Hasty, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await task


@contextlib.asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", REQUEST[:-2]], ids=["nothing", "half a line", "half a head"]
)
async def test_a_head_that_does_not_come_closes_the_connection(port: int, sent: bytes) -> None:
    async with connection(port) as (reader, writer):
        writer.write(sent)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_dripping_bytes_buy_no_time(port: int) -> None:
    async with connection(port) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(5):
                while not reader.at_eof():
                    writer.write(b"G")
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.05)
        assert writer.is_closing() or reader.at_eof()


async def test_an_answer_may_take_longer_than_a_head_and_the_next_request_has_its_own_time(port: int) -> None:
    async with connection(port) as (reader, writer):
        for _ in range(2):
            writer.write(REQUEST)
            answer = await asyncio.wait_for(reader.readuntil(b"here"), 5)
            assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent", [b"HELLO\r\n\r\n", b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n"], ids=["no request", "no header"]
)
async def test_what_cannot_be_read_is_refused_with_the_strict_headers(port: int, sent: bytes) -> None:
    async with connection(port) as (reader, writer):
        writer.write(sent)
        head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"content-length: %d\r\n" % len(body) in head
        for strict in (b"default-src 'none'", b"nosniff", b"no-store", b"x-frame-options: DENY"):
            assert strict in head


async def test_one_connection_too_many_is_told_so_with_the_headers_of_every_answer() -> None:
    async def here(_request: object) -> PlainTextResponse:
        return PlainTextResponse("here")

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Starlette(routes=[Route("/", here)]),
        http=DeadlinedProtocol,
        lifespan="off",
        log_config=None,
        limit_concurrency=2,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    port = listener.getsockname()[1]
    async with connection(port) as (reader, writer):
        writer.write(REQUEST)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        async with connection(port) as (second, second_writer):
            second_writer.write(REQUEST)
            refused = await asyncio.wait_for(second.read(), 5)
    assert refused.startswith(b"HTTP/1.1 503")
    for line in (b"x-frame-options: DENY", b"retry-after: 5", b"cache-control: no-store", b"try again"):
        assert line in refused
    server.should_exit = True
    await task
