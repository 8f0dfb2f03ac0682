"""The client's end: the one file that touches client sockets. One request at a time, one answer each.

Counterparts: `wire/requests.py` reads, `visit.py` and `exchange.py` decide, this writes. One write per read
of the provider; clients that close, stall or break HTTP are dealt with here, by one clock.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Final, cast

from sealgate.ids import new_id
from sealgate.policy.document import UPLOAD_MOST_BYTES
from sealgate.proxy.assistant import Introduction
from sealgate.proxy.cors import EVERY_ANSWER, NOT_STORED, PREFLIGHT
from sealgate.proxy.departure import GONE_CHECKS_S, has_left
from sealgate.proxy.endpoints import Kind, find
from sealgate.proxy.errors import ProxyError, from_wire
from sealgate.proxy.exchange import Exchange
from sealgate.proxy.models import Models
from sealgate.proxy.parts import Parts
from sealgate.proxy.visit import Visit
from sealgate.proxy.wire.errors import WireError
from sealgate.proxy.wire.events import BodyPart, RequestEvent, RequestHead, WireLimits
from sealgate.proxy.wire.requests import RequestReader
from sealgate.proxy.wire.write import CONTINUE, LAST_CHUNK, Field, chunk, response_head

BODY_MOST_BYTES = UPLOAD_MOST_BYTES
"""No policy may allow more; the policy's own limit holds as soon as the session is known."""
LINGER_S = 2.0
FLUSH_S = 20.0
FLUSH_LEAST_BYTES_PER_S = 8_192
"""A client has this long to take an answer, and longer for a long one; then it is cut."""
BODY_LEAST_BYTES_PER_S = 65_536
"""A long body may take longer than a short one: 25 MB come over a telephone, too."""
CHECK_S = 0.2
FRESH_S = 2.0
"""Whoever connected just before a drain may still ask."""
VISITS: Final[Mapping[Kind, type[Visit]]] = {
    Kind.PROVIDER: Exchange,
    Kind.MODELS: Models,
    Kind.ME: Introduction,
}
_COMMENT = b": \n\n"


class Listener:
    """All client connections of one proxy."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.limits = WireLimits(body_bytes=BODY_MOST_BYTES)
        self.hosts = frozenset(host.encode() for host in parts.config.hosts)
        self.connections: set[ClientConnection] = set()
        self._next_check_s = 0.0

    def connection(self) -> ClientConnection:
        """The protocol of a new connection."""
        return ClientConnection(self)

    def tick(self, now_s: float) -> None:
        """Enforce every connection's times; a few looks a second are enough for thousands."""
        if now_s < self._next_check_s:
            return
        self._next_check_s = now_s + CHECK_S
        for connection in tuple(self.connections):
            connection.check(now_s)

    def drain(self) -> None:
        """Close at once what waits for nothing."""
        self._next_check_s = 0.0
        self.tick(time.monotonic())

    def close(self) -> None:
        """Close every connection."""
        for connection in tuple(self.connections):
            connection.cut()


class ClientConnection(asyncio.Protocol):
    """One connection: reads requests, writes answers, watches whether the client is still there."""

    def __init__(self, listener: Listener) -> None:
        self._listener, self._parts = listener, listener.parts
        self._reader = RequestReader(listener.limits, listener.hosts)
        self._transport: asyncio.Transport | None = None
        self._visit: Visit | None = None
        self._head: RequestHead | None = None
        self._request = new_id("req")
        self._unreadable = False
        self._chunked = self._streaming = self._held_back = self._half_closed = self._lingering = False
        self._flushing = self._served = False
        self._due_s = self._fresh_until_s = math.inf

    # What the socket says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here; beyond the cap it is told so and closed."""
        # A cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._fresh_until_s = time.monotonic() + FRESH_S
        self._due_s = time.monotonic() + self._parts.config.keep_alive_s
        if len(self._listener.connections) >= self._parts.config.connection_limit:
            self._refuse(ProxyError("too_busy", retry_after_s=5))
        self._listener.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._lingering:
            return
        if self._reader.idle():
            self._due_s = time.monotonic() + self._parts.config.head_s
        try:
            events = self._reader.feed(data)
        except WireError as error:
            self._broken(error)
            return
        for event in events:
            self._take(event)

    def eof_received(self) -> bool:
        """The client sends no more: it has left, or it is half-closed and waits for its answer."""
        try:
            self._reader.eof()
        except WireError:
            return False
        tls = self._transport is None or not self._transport.can_write_eof()  # it closes both ways at once
        if self._visit is None or self._lingering or tls:
            return False
        self._half_closed = True
        self._probe()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whatever runs for it ends."""
        self._listener.connections.discard(self)
        self._transport = None
        visit, self._visit = self._visit, None
        if visit is not None:
            visit.client_left()

    def pause_writing(self) -> None:
        """The client is slower than the provider."""
        if self._visit is not None:
            self._visit.client_paused()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._flushing:
            self._flushed()
        elif self._visit is not None:
            self._visit.client_resumed()

    # Requests.

    def _take(self, event: RequestEvent) -> None:
        if isinstance(event, RequestHead):
            self._begin(event)
        elif self._visit is None:
            return  # it was answered by its head alone
        elif isinstance(event, BodyPart):
            self._visit.body_received(event.data)
        else:
            self._due_s = math.inf
            self._visit.body_ended()

    def _begin(self, head: RequestHead) -> None:
        self._head = head
        body_s = self._parts.config.body_s + (head.content_length or 0) / BODY_LEAST_BYTES_PER_S
        self._due_s = time.monotonic() + body_s
        if head.method == b"OPTIONS":
            self.answer(204, list(PREFLIGHT), b"")
            return
        try:
            route = find(head.method, head.target)
            kind = VISITS.get(route.endpoint.kind)
            if kind is None:
                self.answer(*self._parts.script.answer(route.rest, head.headers))
                return
        except ProxyError as error:
            self._refuse(error)
            return
        visit = self._visit = kind(self._parts, self, route, head, self._request)
        visit.request_received()
        # Until we know whose it is, the body waits in the kernel.
        if self._visit is visit and visit.session is None and self._reader.body_pending():
            self._hold_back()

    def _broken(self, error: WireError) -> None:
        """The client broke HTTP: answer if nothing was answered yet, and close."""
        self._unreadable = True
        if self._streaming:
            self.cut()
        elif self._visit is not None:
            self._visit.fail(from_wire(error))
        else:
            self._refuse(from_wire(error))

    def _refuse(self, error: ProxyError) -> None:
        """Answer with an error before there is a visit."""
        self._parts.outcomes[error.row.outcome] += 1
        self.answer(error.status, [NOT_STORED, *error.headers()], error.to_json())

    # What an exchange may do (`ClientSide`).

    def limit_body(self, limit_bytes: int) -> None:
        """Refuse a larger body (raises `WireError`)."""
        self._reader.limit_body(limit_bytes)

    def take_body(self) -> None:
        """Let the body come; a client that waits to be asked is asked."""
        if self._held_back and self._transport is not None:
            self._held_back = False
            self._transport.resume_reading()
        if self._head is not None and self._head.expect_continue and self._reader.body_pending():
            self._write(CONTINUE)

    def answer(
        self, status: int, headers: list[Field], body: bytes, shared: tuple[Field, ...] = EVERY_ANSWER
    ) -> None:
        """One whole answer; the connection goes on if the request was whole and nothing speaks against it."""
        keep = self._may_keep()
        fields = [(b"x-request-id", self._request.encode()), *headers]
        head = response_head(status, fields, length_bytes=len(body), keep_alive=keep, shared=shared)
        self._write(head if self._head is not None and self._head.method == b"HEAD" else head + body)
        self._answered(keep=keep)

    def start(self, headers: list[Field], shared: tuple[Field, ...]) -> None:
        """Begin a streamed 200."""
        self._streaming = True
        self._chunked = self._head is not None and not self._head.http10
        fields = [(b"x-request-id", self._request.encode()), *headers]
        keep = self._may_keep()
        self._write(response_head(200, fields, chunked=self._chunked, keep_alive=keep, shared=shared))

    def send(self, data: bytes) -> None:
        """The next bytes of the stream."""
        self._write(chunk(data) if self._chunked else data)

    def finish(self, data: bytes) -> None:
        """The last bytes of the stream, and its end."""
        if self._chunked:
            self._write(chunk(data) + LAST_CHUNK)
        elif data:
            self._write(data)
        self._answered(keep=self._chunked and self._may_keep())

    def cut(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # After an answer.

    def _may_keep(self) -> bool:
        return (
            self._head is not None
            and self._head.keep_alive
            and not self._half_closed
            and not self._unreadable
            and not self._parts.draining
            and not self._reader.body_pending()
            and not self._reader.head_pending()
        )

    def _answered(self, *, keep: bool) -> None:
        self._visit, self._streaming, self._served = None, False, True
        if keep:
            self._reader.next()
            self._head, self._request = None, new_id("req")
            self._due_s = time.monotonic() + self._parts.config.keep_alive_s
            self._flush()
        elif self._transport is not None:
            self._linger()

    def _flush(self) -> None:
        """Take no other request while the client has not taken this answer: else it could fill our memory."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size():
            self._flushing = True
            transport.pause_reading()
            self._due_s = self._flush_due_s(transport)
            transport.set_write_buffer_limits(high=0)  # so that `resume_writing` means: everything has left

    def _flushed(self) -> None:
        transport, self._flushing = self._transport, False
        if transport is not None:
            transport.set_write_buffer_limits()
            transport.resume_reading()
            self._due_s = time.monotonic() + self._parts.config.keep_alive_s

    def _flush_due_s(self, transport: asyncio.Transport) -> float:
        unsent_bytes = transport.get_write_buffer_size()
        return time.monotonic() + FLUSH_S + unsent_bytes / FLUSH_LEAST_BYTES_PER_S

    def _linger(self) -> None:
        """Close so that the answer arrives: a reset for unread bytes could overtake it (RFC 9112 §9.6)."""
        transport = self._transport
        assert transport is not None
        self._lingering = True
        self._due_s = self._flush_due_s(transport)
        if self._half_closed or not (self._reader.body_pending() or self._head is None):
            transport.close()
            return
        self._due_s += LINGER_S - FLUSH_S
        if self._held_back:
            self._held_back = False
            transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _hold_back(self) -> None:
        assert self._transport is not None
        self._held_back = True
        self._transport.pause_reading()

    # Time.

    def check(self, now_s: float) -> None:
        """Act on what took too long; called several times a second."""
        if self._half_closed and self._visit is not None:
            self._cut_if_gone()
        between = self._visit is None and not self._lingering and not self._flushing
        fresh = not self._served and now_s < self._fresh_until_s
        if between and self._parts.draining and self._reader.idle() and not fresh:
            self.cut()
        if now_s < self._due_s or self._held_back:
            return
        self._due_s = math.inf
        if self._lingering or self._flushing or self._reader.idle():
            self.cut()
        elif self._visit is not None:
            self._visit.fail(from_wire(WireError("slow_request")))
        else:
            self._refuse(from_wire(WireError("slow_request")))

    # Is the client still there?

    def _probe(self) -> None:
        """Tell a half-closed client from one that left: bytes to the latter come back as a reset.

        An interim 100 is harmless before an answer (RFC 9110 §15.2), a comment is within a stream of events.
        """
        if self._streaming:
            self.send(_COMMENT)
        elif self._head is not None and not self._head.http10:
            self._write(CONTINUE)
        loop = asyncio.get_running_loop()
        for delay_s in GONE_CHECKS_S:
            loop.call_later(delay_s, self._cut_if_gone)

    def _cut_if_gone(self) -> None:
        if self._transport is not None and self._visit is not None and has_left(self._transport):
            self.cut()
