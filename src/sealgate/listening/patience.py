"""Uvicorn's connection with a deadline for the head of a request: idle ones do not hold a place.

Uvicorn itself waits for ever for a first byte, so that a few hundred silent connections would shut a page.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
_REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 21\r\n"
    b"cache-control: no-store\r\n"
    b"content-security-policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'\r\n"
    b"cross-origin-resource-policy: same-origin\r\n"
    b"referrer-policy: no-referrer\r\n"
    b"x-content-type-options: nosniff\r\n"
    b"x-frame-options: DENY\r\n"
    b"connection: close\r\n"
    b"\r\n"
    b"This is no HTTP/1.1.\n"
)


class DeadlinedProtocol(HttpToolsProtocol):
    """Closes a connection whose head is not whole within `head_s` of its first chance to come."""

    head_s = HEAD_S
    _deadline: asyncio.TimerHandle | None = None

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
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser cannot read never reaches the application, whose answers have these headers."""
        self.transport.write(_REFUSED)
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
