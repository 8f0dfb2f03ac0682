"""`--debug-wire`: what comes and goes on both hops, line by line, with names, numbers and sizes alone.

Events come in (`>>`), commands go out (`<<`). Counterparts: `server.py` and `upstream.py`, whose readers and
transports are wrapped here; nothing of it exists without the option. Must never print a byte that somebody
sent: what is printed comes from literal tables, or is a number. Sizes and moments of a stream let its text be
guessed, so this is for a listener on loopback alone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

from sealgate.proxy.connecting import WayOut
from sealgate.proxy.egress import Origin
from sealgate.proxy.endpoints import find
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.server import ClientConnection
from sealgate.proxy.upstream import Upstream
from sealgate.proxy.wire.errors import UpstreamWireError, WireError
from sealgate.proxy.wire.events import BodyPart, RequestEnd, RequestHead, ResponseEnd, ResponseHead

Say = Callable[[str], None]
P = TypeVar("P", bound=asyncio.BaseProtocol)

HEADERS: Final = (
    "accept", "accept-encoding", "authorization", "cache-control", "connection", "content-encoding",
    "content-length", "content-type", "date", "expect", "host", "openai-organization", "openai-processing-ms",
    "openai-version", "origin", "retry-after", "server", "traceparent", "transfer-encoding", "user-agent",
    "x-client-request-id", "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "x-request-id",
    "x-should-retry",
)  # fmt: skip
"""Names that are printed; others are counted. Values never are."""
EVENTS: Final = (
    "error", "response.completed", "response.created", "response.failed", "response.in_progress",
    "response.incomplete", "response.output_item.added", "response.output_item.done",
    "response.output_text.delta", "response.output_text.done",
)  # fmt: skip
"""Types of server-sent events that are printed."""
_STATUS: Final = {b"HTTP/1.1 %d " % status: status for status in range(100, 600)}


class DebugWire:
    """Wraps what it is given; `say` takes each line."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._clients, self._upstreams = itertools.count(1), itertools.count(1)

    def client(self, connection: ClientConnection) -> asyncio.Protocol:
        """A client's connection, shown."""
        name = f"client-{next(self._clients)}"
        connection._reader = cast(Any, _Reader(connection._reader, name, self._say))
        return _Client(connection, name, self._say)

    def upstream(self, upstream: Upstream) -> None:
        """A provider's connection, shown; it stands already."""
        name = f"provider-{next(self._upstreams)}"
        self._say(f"{name} >> connected")
        upstream._reader = cast(Any, _Reader(upstream._reader, name, self._say))
        if upstream._transport is not None:
            upstream._transport = cast(asyncio.Transport, _Transport(upstream._transport, name, self._say))


class ShownWayOut(WayOut):
    """A way out whose connections are shown."""

    wire: DebugWire

    async def connect(self, origin: Origin, protocol: Callable[[], P], timeout_s: float) -> P:
        """As it is, and then shown."""
        made = await super().connect(origin, protocol, timeout_s)
        if isinstance(made, Upstream):
            self.wire.upstream(made)
        return made


class _Client(asyncio.Protocol):
    """Tells what the socket says, and hands it on."""

    def __init__(self, connection: ClientConnection, name: str, say: Say) -> None:
        self._connection, self._name, self._say = connection, name, say
        self.data_received = connection.data_received  # type: ignore[method-assign]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._say(f"{self._name} >> connected")
        self._connection.connection_made(
            cast(asyncio.Transport, _Transport(transport, self._name, self._say))
        )

    def eof_received(self) -> bool:
        self._say(f"{self._name} >> closed its side")
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._say(f"{self._name} >> disconnected")
        self._connection.connection_lost(exc)


class _Reader:
    """A reader whose events are told."""

    def __init__(self, reader: Any, name: str, say: Say) -> None:
        self._reader, self._name, self._say = reader, name, say

    def feed(self, data: bytes) -> list[Any]:
        return self._told(self._reader.feed, data)

    def eof(self) -> list[Any]:
        return self._told(self._reader.eof)

    def _told(self, read: Callable[..., list[Any] | None], *data: bytes) -> list[Any]:
        try:
            events = read(*data) or []
        except (WireError, UpstreamWireError) as error:
            self._say(f"{self._name} >> broke HTTP: {error.code}")
            raise
        for event in events:
            self._say(f"{self._name} >> {described(event)}")
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class _Transport:
    """A transport whose commands are told."""

    def __init__(self, transport: asyncio.BaseTransport, name: str, say: Say) -> None:
        self._transport: Any = transport
        self._name, self._say = name, say

    def write(self, data: bytes) -> None:
        self._say(f"{self._name} << {written(data)}")
        self._transport.write(data)

    def writelines(self, pieces: Iterable[Any]) -> None:
        pieces = tuple(pieces)  # the first holds the key: its size is all that is looked at
        self._say(f"{self._name} << request, {' + '.join(str(len(each)) for each in pieces)} bytes")
        self._transport.writelines(pieces)

    def abort(self) -> None:
        self._say(f"{self._name} << cut")
        self._transport.abort()

    def close(self) -> None:
        self._say(f"{self._name} << close")
        self._transport.close()

    def pause_reading(self) -> None:
        self._say(f"{self._name} << read no more")
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._say(f"{self._name} << read on")
        self._transport.resume_reading()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def described(event: object) -> str:
    """An event in words, without what it holds."""
    if isinstance(event, RequestHead):
        length = "chunked" if event.content_length is None else f"{event.content_length} bytes"
        return f"request {_endpoint(event)}, body {length}, {_names(event.headers)}"
    if isinstance(event, ResponseHead):
        return f"response {event.status}, {_names(event.headers)}"
    if isinstance(event, BodyPart):
        return f"body, {len(event.data)} bytes{_events(event.data)}"
    if isinstance(event, ResponseEnd):
        return f"response over, {'whole' if event.complete else 'by the end of the connection'}"
    return "request over" if isinstance(event, RequestEnd) else "something else"


def written(data: bytes) -> str:
    """A write in words."""
    status = _STATUS.get(bytes(data[:13]))
    return f"{len(data)} bytes" if status is None else f"response {status}, {len(data)} bytes"


def _endpoint(head: RequestHead) -> str:
    try:
        return find(head.method, head.target).endpoint.name
    except ProxyError as error:
        return "preflight" if head.method == b"OPTIONS" else error.code


def _names(headers: Iterable[bytes]) -> str:
    found = {each.decode("latin-1") for each in headers}
    known = [name for name in HEADERS if name in found]
    return f"headers {' '.join(known)} and {len(found) - len(known)} others"


def _events(data: bytes) -> str:
    known = [f"{count} {name}" for name in EVENTS if (count := data.count(b"event: %b\n" % name.encode()))]
    events = data.count(b"\n\n") if data.startswith((b"data:", b"event:")) else 0
    return f", {events} events{': ' * bool(known)}{', '.join(known)}" if events else ""
