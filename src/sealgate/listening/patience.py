"""Uvicorn's connection with a deadline for the head of a request: idle ones do not hold a place.

Uvicorn itself waits for ever for a first byte, so that a few hundred silent connections would shut a page.
What it would answer without asking the application (no HTTP, too many connections) has our headers here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
_HEADERS = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"connection", b"close"),
)
_NO_HTTP = b"This is no HTTP/1.1.\n"
_TOO_MANY = b"Too many connections just now; hint: try again in a few seconds.\n"

_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]


async def _too_many(_scope: object, _receive: object, send: _Send) -> None:
    headers = [*_HEADERS, _length(_TOO_MANY), (b"retry-after", b"5")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_MANY})


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


class DeadlinedProtocol(HttpToolsProtocol):
    """Closes a connection whose head is not whole within `head_s` of its first chance to come."""

    head_s = HEAD_S
    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limit, self.limit_concurrency = self.limit_concurrency, None
        self._whole_app = self.app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock starts with the connection."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for."""
        self._stop_clock()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A further request on the same connection."""
        self._start_clock()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole; the body has a limit of its own."""
        self._stop_clock()
        full = self._limit is not None and max(len(self.connections), len(self.tasks)) >= self._limit
        self.app = _too_many if full else self._whole_app
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser cannot read never reaches the application, whose answers have these headers."""
        lines = [b"%b: %b\r\n" % field for field in (_length(_NO_HTTP), *_HEADERS)]
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + b"".join(lines) + b"\r\n" + _NO_HTTP)
        self.transport.close()

    def _start_clock(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_s, self._expire)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        self.transport.abort()
