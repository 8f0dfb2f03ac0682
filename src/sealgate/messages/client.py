"""The asking end of a Unix socket between processes: connects, says hello, reconnects with backoff.

Counterpart: `server`. Losing the other side is normal: requests fail with `NotConnectedError`, and the
owner is told when the connection is back, since notices may have been missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec

from sealgate.messages.frames import (
    UNREADABLE,
    FrameError,
    FrameKind,
    Hello,
    Message,
    Refusal,
    RefusedError,
    UnreadableError,
    encode,
)
from sealgate.messages.peer_user import peer_uid
from sealgate.messages.receiver import Frame, Receiver
from sealgate.messages.slot import Slot

BACKOFF_FIRST_S = 0.05
BACKOFF_MOST_S = 0.2
"""A path on this machine: to look there costs nothing, and nobody should wait long for a neighbour."""
_HELLO_S = 5.0
_CLOCK_S = 0.001
"""uvloop's clock counts milliseconds: a timer may go off as much too early."""


class NotConnectedError(ConnectionError):
    """The other process cannot be reached now, or left before it answered."""


class _Waiting(msgspec.Struct):
    future: asyncio.Future[Message]
    slot: Slot | None
    until_s: float
    """On the loop's clock."""


class _Link(asyncio.BufferedProtocol):
    """One connection of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._receiver = Receiver(self._slot_for)
        self._waiting: dict[int, _Waiting] = {}
        self._last_id = 0
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        """One for all who wait, since most are answered long before it goes off."""
        self._wakes_at_s = math.inf
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        allowed = self._client.server_uids
        if allowed is not None and peer_uid(transport.get_extra_info("socket")) not in allowed:
            self._transport.abort()  # somebody sits at the path of a process that is away

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._receiver.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        try:
            frame = self._receiver.advance(nbytes)
            if frame is not None:
                self._take(frame)
        except (FrameError, *UNREADABLE):
            self.close()  # a frame, or a notice: what it said may matter, so ask anew on another connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            if not each.future.done():
                each.future.set_exception(NotConnectedError("the connection was lost"))
        if not self.lost.done():
            self.lost.set_result(None)

    def ask(self, message: Message, slot: Slot | None, timeout_s: float) -> asyncio.Future[Message]:
        if self._transport is None or self._transport.is_closing():
            raise NotConnectedError("not connected")
        self._last_id = self._last_id % 0xFFFF_FFFF + 1
        request_id = self._last_id
        future: asyncio.Future[Message] = self._loop.create_future()
        until_s = self._loop.time() + timeout_s
        self._waiting[request_id] = _Waiting(future, slot, until_s)
        if until_s < self._wakes_at_s:
            self._wake_at(until_s)
        self._transport.write(encode(FrameKind.REQUEST, request_id, message))
        return future

    def _wake_at(self, when_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_at_s = when_s
        self._timer = self._loop.call_at(when_s, self._end_if_late)

    def _end_if_late(self) -> None:
        """If somebody waited too long, the link ends: what comes late must not be taken for an answer."""
        self._timer, self._wakes_at_s = None, math.inf
        waiting = [each for each in self._waiting.values() if not each.future.done()]
        late = [each for each in waiting if each.until_s <= self._loop.time() + _CLOCK_S]
        for each in late:
            each.future.set_exception(NotConnectedError("no answer in time"))
        if late and self._transport is not None:
            self._transport.abort()  # `close` would wait until who hangs has read what is still to be written
        elif (first_s := min((each.until_s for each in waiting), default=math.inf)) < math.inf:
            self._wake_at(first_s)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _slot_for(self, request_id: int) -> memoryview | None:
        waiting = self._waiting.get(request_id)
        if waiting is None or waiting.slot is None or waiting.slot.wiped:
            return None
        return waiting.slot.buffer()

    def _take(self, frame: Frame) -> None:
        if frame.kind is FrameKind.NOTICE:
            self._client.on_notice(self._client.decode(frame.body))
            return
        waiting = self._waiting.pop(frame.request_id, None)
        if waiting is None or waiting.future.done():
            return
        try:
            if frame.kind is FrameKind.REFUSAL:
                refusal = msgspec.msgpack.decode(frame.body, type=Refusal)
                waiting.future.set_exception(RefusedError(refusal))
            else:
                waiting.future.set_result(self._client.decode(frame.body))
        except UNREADABLE:
            waiting.future.set_exception(UnreadableError())


class Client:
    """Keeps one connection to a Unix socket and asks over it.

    `replies` is the union of reply and notice types. `on_connected` runs after each successful hello.
    `server_uids` are the system users that the other side may run as (None: any). Who asks within
    `patience_s` of the start of `run`, before the first connection, waits for it: the start order is free.
    """

    def __init__(
        self,
        path: Path,
        hello: Hello,
        replies: object,
        *,
        on_notice: Callable[[Message], None] = lambda _notice: None,
        on_connected: Callable[[], None] = lambda: None,
        on_disconnected: Callable[[], None] = lambda: None,
        server_uids: Sequence[int] | None = None,
        patience_s: float = 0.0,
    ) -> None:
        self._patience_s, self._patient_until_s = patience_s, 0.0
        self._met = asyncio.Event()
        self.server_uids = None if server_uids is None else frozenset(server_uids)
        self._path = path
        self._hello = hello
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(replies | Hello)
        self._link: _Link | None = None
        self.on_notice = on_notice
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected
        self.refusal: Refusal | None = None
        """Why the last hello was refused, for the log and `/readyz`; None after a good one."""

    @property
    def connected(self) -> bool:
        """True between a successful hello and the loss of the connection."""
        return self._link is not None

    async def run(self) -> None:
        """Connect and stay connected until cancelled."""
        pause_s = BACKOFF_FIRST_S
        self._patient_until_s = time.monotonic() + self._patience_s
        while True:
            if await self._connect_once():
                pause_s = BACKOFF_FIRST_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, BACKOFF_MOST_S)

    async def ask(self, message: Message, *, timeout_s: float = 5.0, slot: Slot | None = None) -> Message:
        """Send a request and wait for its reply; a secret reply fills `slot`.

        Raises `RefusedError`, `NotConnectedError` (also when nothing came within `timeout_s`).
        After a time-out (or a cancelled wait for a secret) the connection is dropped, so that a late secret
        cannot reach a slot that is used anew.
        """
        link = self._link or await self._first_link()
        if link is None:
            raise NotConnectedError("not connected")
        try:
            return await link.ask(message, slot, timeout_s)
        except asyncio.CancelledError:
            if slot is not None:
                link.close()
            raise

    def tell(self, message: Message) -> asyncio.Future[Message]:
        """Send a request now, before this returns; its reply may be awaited. Raises `NotConnectedError`."""
        if self._link is None:
            raise NotConnectedError("not connected")
        return self._link.ask(message, None, math.inf)

    def decode(self, body: bytes) -> Message:
        """A reply or notice from its bytes."""
        return self._decoder.decode(body)

    async def _first_link(self) -> _Link | None:
        left_s = self._patient_until_s - time.monotonic()
        if left_s > 0 and not self._met.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._met.wait()
        return self._link

    async def _connect_once(self) -> bool:
        loop = asyncio.get_running_loop()
        try:
            _transport, link = await loop.create_unix_connection(lambda: _Link(self), str(self._path))
        except OSError:
            return False
        try:
            await link.ask(self._hello, None, _HELLO_S)
        except (RefusedError, NotConnectedError) as error:
            self.refusal = error.refusal if isinstance(error, RefusedError) else None
            link.close()
            return False
        except asyncio.CancelledError:
            link.close()
            raise
        await self._stay(link)
        return True

    async def _stay(self, link: _Link) -> None:
        self.refusal = None
        self._link = link
        self._met.set()
        self._on_connected()
        try:
            await link.lost
        finally:
            self._link = None
            link.close()
        self._on_disconnected()  # not where `run` was ended: who ends it need not be told
