"""Connections to providers: a pool per origin, and one protocol that speaks for one exchange at a time.

Counterpart: `exchange.py`, told by plain calls what came. The key is copied from its slot into one buffer,
written, and wiped in the same call: over TLS the bytes are encrypted before `writelines` returns. OpenSSL's
own record buffer is overwritten by the ciphertext; nothing else of ours ever holds the key. Only plain HTTP
to this machine, which a loud setting allows, keeps its buffer until the answer begins.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final, Protocol, cast

from sealgate.proxy.connecting import WayOut
from sealgate.proxy.egress import Origin
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.events import BodyPart, ResponseEnd, ResponseEvent, ResponseHead
from sealgate.proxy.wire.forms import Upload
from sealgate.proxy.wire.responses import ResponseReader
from sealgate.proxy.wire.write import Field, SecretRequest

IDLE_S = 30.0
DRAIN_S = 2.0
"""Time that a provider gets to finish its framing after the end marker."""
IDLE_CONNECTIONS = 256


class Caller(Protocol):
    """Who waits for a connection and reads from it: an exchange."""

    def upstream_connected(self, upstream: Upstream) -> None:
        """The connection that was asked for."""

    def upstream_unreachable(self, error: ProxyError) -> None:
        """There will be none."""

    def response_received(self, head: ResponseHead | None, data: bytes, end: ResponseEnd | None) -> None:
        """What one read gave."""

    def upstream_lost(self, *, untouched: bool) -> None:
        """The connection broke. `untouched`: it was a reused one, and not a byte of an answer came."""


class _Nobody:
    """Takes the rest of an answer whose end marker was seen."""

    def upstream_connected(self, upstream: Upstream) -> None:
        upstream.abort()

    def upstream_unreachable(self, error: ProxyError) -> None:
        """Nobody asked."""

    def response_received(self, head: ResponseHead | None, data: bytes, end: ResponseEnd | None) -> None:
        """Nothing that matters follows an end marker."""

    def upstream_lost(self, *, untouched: bool) -> None:
        """The answer was whole."""


_NOBODY: Final = _Nobody()


class Upstream(asyncio.Protocol):
    """One connection to one origin; idle, or in use by one caller."""

    def __init__(self, pool: Pool, origin: Origin) -> None:
        self._pool, self.origin = pool, origin
        self.idle = pool.idle_of(origin)
        self._secret = pool.secret_request if origin.tls else SecretRequest()
        self._reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self._caller: Caller | None = None
        self._paused = False
        self._heard = self._full = False
        self._unsent: deque[bytes | memoryview] = deque()
        self._draining: asyncio.TimerHandle | None = None
        self.requests = 0
        self.idle_since_s = 0.0

    def send(
        self,
        caller: Caller,
        target: bytes,
        headers: tuple[Field, ...],
        body: bytes | Upload,
        *,
        request: str = "",
        key_field: Field,
        key: memoryview,
    ) -> None:
        """Write one request, its key after `key_field`; the answer goes to `caller`. `request`: its id,
        where it has one."""
        assert self._transport is not None
        if self.requests:
            self._reader.next()
        self.requests += 1
        self._caller, self._heard = caller, False
        head = self._secret.fill(
            b"POST",
            target,
            self.origin.authority,
            [(b"x-client-request-id", request.encode())] if request else [],
            key=key,
            length_bytes=len(body),
            key_field=key_field,
            shared=headers,
        )
        pieces = (head, body) if isinstance(body, bytes) else (head,)
        try:
            self._transport.writelines(pieces)
        finally:
            if self.origin.tls:
                head.release()
                self._secret.wipe()
        if not isinstance(body, bytes):
            self._unsent.extend(body.pieces)
            self.resume_writing()

    def pause(self) -> None:
        """Read no more until `resume`: the client is slower than the provider."""
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def drain(self) -> None:
        """The caller has all it wants: read what is left of the answer, then be idle again."""
        self._caller = _NOBODY
        self.resume()
        self._draining = asyncio.get_running_loop().call_later(DRAIN_S, self.abort)

    def abort(self) -> None:
        """End the call at once; the caller hears nothing more."""
        self._caller = None
        self._unsent.clear()
        if self._transport is not None:
            self._transport.abort()

    @property
    def usable(self) -> bool:
        """True while a request may be written."""
        return self._transport is not None and not self._transport.is_closing()

    def pause_writing(self) -> None:
        """The provider takes an upload more slowly than we have it: what is left waits, held once."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on with it."""
        self._full = False
        while self._unsent and not self._full and self._transport is not None:
            self._transport.write(self._unsent.popleft())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake is done and the certificate verified."""
        # A cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on what one read gave; bytes that nobody asked for end the connection."""
        self._heard = True
        if not self.origin.tls:
            self._secret.wipe()
        if self._caller is None:
            self.abort()
            return
        try:
            self._deliver(self._reader.feed(data))
        except UpstreamWireError:
            self._lose()

    def eof_received(self) -> bool:
        """The provider closed: perhaps that was the end of the body."""
        try:
            if self._caller is not None:
                self._deliver(self._reader.eof())
        except UpstreamWireError:
            self._lose()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self._transport = None
        self._unsent.clear()
        self._secret.wipe()
        if self._draining is not None:
            self._draining.cancel()
        self._pool.forget(self)
        self._lose()

    def _deliver(self, events: list[ResponseEvent]) -> None:
        caller = self._caller
        if caller is None or not events:
            return
        head: ResponseHead | None = None
        end: ResponseEnd | None = None
        data = b""
        for event in events:
            if isinstance(event, BodyPart):
                data = data + event.data if data else event.data
            elif isinstance(event, ResponseHead):
                head = event
            else:
                end = event
        if end is not None:
            self._done(end)
        caller.response_received(head, data, end)

    def _done(self, end: ResponseEnd) -> None:
        self._caller = None
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        self.resume()
        if end.keep_alive and not self._unsent:
            self._pool.give_back(self)
        elif self._transport is not None:
            self._transport.close()

    def _lose(self) -> None:
        caller, self._caller = self._caller, None
        if self._transport is not None:
            self._transport.abort()
        if caller is not None:
            caller.upstream_lost(untouched=self.requests > 1 and not self._heard)

    def __repr__(self) -> str:
        state = "idle" if self._caller is None else "in use"
        return f"<Upstream {self.origin.host} {state}, {self.requests} requests>"


class Pool:
    """Idle connections by origin; `connecting.py` makes new ones."""

    def __init__(self, way_out: WayOut) -> None:
        self.way_out = way_out
        self._idle: dict[str, deque[Upstream]] = {}
        self.all: set[Upstream] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self.secret_request = SecretRequest()
        """One for all: filled and wiped within one call."""

    def take(self, origin: str) -> Upstream | None:
        """An idle connection, the most recently used first."""
        idle = self._idle.get(origin)
        while idle:
            upstream = idle.pop()
            if upstream.usable:
                return upstream
        return None

    def idle_of(self, origin: Origin) -> deque[Upstream]:
        """The idle connections to an origin, the most recently used last."""
        return self._idle.setdefault(origin.name, deque())

    def connect(self, origin: str, caller: Caller, timeout_s: float) -> asyncio.Task[None]:
        """Make a connection and give it to `caller`, who hears nothing once the task is cancelled."""
        task = asyncio.ensure_future(self._connect(self.way_out.origin(origin), caller, timeout_s))
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)
        return task

    def give_back(self, upstream: Upstream) -> None:
        """A whole answer was read; keep the connection for the next."""
        idle = upstream.idle
        if not upstream.usable or len(idle) >= IDLE_CONNECTIONS:
            upstream.abort()
            return
        upstream.idle_since_s = time.monotonic()
        idle.append(upstream)

    def forget(self, upstream: Upstream) -> None:
        """A connection is gone."""
        self.all.discard(upstream)
        if upstream in upstream.idle:
            upstream.idle.remove(upstream)

    def expire(self, now_s: float) -> None:
        """Close what was idle for long, before the provider does."""
        for idle in self._idle.values():
            while idle and now_s - idle[0].idle_since_s > IDLE_S:
                idle.popleft().abort()

    def close(self) -> None:
        """Cut everything."""
        for task in self.connecting:
            task.cancel()
        for upstream in tuple(self.all):
            upstream.abort()

    def __repr__(self) -> str:
        idle = sum(len(each) for each in self._idle.values())
        return f"<Pool {len(self.all)} open, {idle} idle, {len(self.connecting)} connecting>"

    async def _connect(self, origin: Origin, caller: Caller, timeout_s: float) -> None:
        try:
            upstream = await self.way_out.connect(origin, lambda: Upstream(self, origin), timeout_s)
        except ProxyError as error:
            caller.upstream_unreachable(error)
        except Exception:
            caller.upstream_unreachable(ProxyError("internal_error"))
            raise  # to the loop's log
        else:
            if not upstream.usable:  # lost between the handshake and now
                caller.upstream_unreachable(ProxyError("provider_unreachable"))
                return
            self.all.add(upstream)
            caller.upstream_connected(upstream)
