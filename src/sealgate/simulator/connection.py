"""One HTTP/1.1 connection: the only file of the simulator that touches sockets.

Its counterpart is a handler that answers one `Request` through a `Reply`. The handler is cancelled in the
moment the client leaves, even while it sleeps: that moment is what the simulator exists to measure.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Final, TypeAlias, cast

import httptools
from msgspec import Struct

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_MAX_HEAD_BYTES: Final = 64 * 1024

Headers: TypeAlias = tuple[tuple[str, str], ...]
Handler: TypeAlias = Callable[["Request", "Reply"], Coroutine[None, None, None]]


class Request(Struct, frozen=True):
    """One request with its whole body."""

    method: str
    path: str
    headers: Headers
    body: bytes
    too_large: bool
    keep_alive: bool

    def header(self, name: str) -> str:
        """Give the first header of that name, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")


class Reply:
    """Writes one answer: `send` for a whole one, or `start`, `chunk` … `end` for a stream."""

    def __init__(self, connection: Connection, *, keep_alive: bool) -> None:
        self._connection = connection
        self._closing: Headers = () if keep_alive else (("connection", "close"),)
        self.left_ns: int | None = None  # when the client left
        self.last_byte_ns = 0

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Write a whole answer."""
        head = _head(status, (*headers, *self._closing, ("content-length", str(len(body)))))
        await self._write(head + body)
        self._connection.answered()

    async def start(self, status: int, headers: Headers, *, length_bytes: int | None = None) -> None:
        """Write the head of an answer that follows in pieces; chunked unless its length is given."""
        framing = (
            ("transfer-encoding", "chunked")
            if length_bytes is None
            else ("content-length", str(length_bytes))
        )
        await self._write(_head(status, (*headers, *self._closing, framing)))

    async def chunk(self, data: bytes) -> None:
        """Write one chunk; nothing for no bytes, which would say that the answer has ended."""
        if data:
            await self._write(b"%x\r\n%b\r\n" % (len(data), data))

    async def raw(self, data: bytes) -> None:
        """Write bytes of a body whose length was given."""
        await self._write(data)

    async def end(self) -> None:
        """End a chunked answer."""
        await self._write(b"0\r\n\r\n")
        self._connection.answered()

    def reset(self) -> None:
        """Cut the connection with a TCP reset."""
        self._connection.reset()

    async def _write(self, data: bytes) -> None:
        await self._connection.write(data)
        self.last_byte_ns = time.monotonic_ns()


class Connection(asyncio.Protocol):
    """Reads requests one after another and has each answered; `closed` is told when it is over."""

    def __init__(
        self, handler: Handler, opened: Callable[[Connection], None], closed: Callable[[Connection], None]
    ):
        self._handler = handler
        self._opened = opened
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._reply: Reply | None = None
        self._waiting: list[Request] = []
        self._draining = False
        self.idle = asyncio.Event()  # set while no answer is under way
        self.idle.set()
        self.gone = asyncio.Event()
        self._begin_request()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # A cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came; anything that is no HTTP ends the connection with a 400."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            self._refuse()

    def eof_received(self) -> bool:
        """The client sends no more: it has left, for no client of this API half-closes."""
        self._client_left()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._client_left()
        self._writable.set()
        self.gone.set()
        self._closed(self)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._writable.set()

    def on_url(self, url: bytes) -> None:
        """Parser callback."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser callback; an endless head is refused."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > _MAX_HEAD_BYTES:
            self._refuse()
            return
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Parser callback; a client that asks first is told to go on."""
        if any(name == "expect" and value.lower() == "100-continue" for name, value in self._headers):
            self._transport_write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Parser callback; what is over the limit is read and forgotten, so that the refusal arrives."""
        self._body_bytes += len(body)
        if self._body_bytes <= MAX_BODY_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Parser callback: the request is whole."""
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.partition(b"?")[0].decode("latin-1"),
            headers=tuple(self._headers),
            body=b"".join(self._body),
            too_large=self._body_bytes > MAX_BODY_BYTES,
            keep_alive=self._parser.should_keep_alive() and not self._draining,
        )
        self._begin_request()
        if self._task is None:
            self._answer(request)
        else:
            self._waiting.append(request)

    async def write(self, data: bytes) -> None:
        """Write, waiting while the client is behind."""
        await self._writable.wait()
        self._transport_write(data)

    def answered(self) -> None:
        """The answer is whole: a client that leaves from now on interrupts nothing."""
        self._reply = None

    def reset(self) -> None:
        """Close with a TCP reset: what the client sees when a server dies."""
        if self._transport is None:
            return
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._reply = None
        self._transport.abort()

    def drain(self) -> None:
        """Close as soon as nothing is under way."""
        self._draining = True
        if self._task is None:
            self.close()

    def close(self) -> None:
        """Close now; an answer under way is cut."""
        self._reply = None
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection without waiting for the client's side of TLS."""
        if self._transport is not None:
            self._transport.abort()

    def _begin_request(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    def _answer(self, request: Request) -> None:
        self.idle.clear()
        self._reply = Reply(self, keep_alive=request.keep_alive)
        self._task = asyncio.ensure_future(self._handler(request, self._reply))
        self._task.add_done_callback(partial(self._next, request))

    def _next(self, request: Request, task: asyncio.Task[None]) -> None:
        self._task = None
        failed = task.cancelled() or self._report(task.exception())
        if failed or self._draining or not request.keep_alive:
            self.close()
        elif self._waiting:
            self._answer(self._waiting.pop(0))
        if self._task is None:
            self.idle.set()

    def _report(self, error: BaseException | None) -> bool:
        if error is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an answer failed", "exception": error}
            )
        return error is not None

    def _client_left(self) -> None:
        if self._reply is not None:
            self._reply.left_ns = time.monotonic_ns()
            self._reply = None
            if self._task is not None:
                self._task.cancel()

    def _refuse(self) -> None:
        self._transport_write(_head(400, (("connection", "close"), ("content-length", "0"))))
        self.close()

    def _transport_write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _head(status: int, headers: Headers) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
