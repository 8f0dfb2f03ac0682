"""The connection to a limit store: one, pipelined, made again when it breaks. Only this touches its socket.

Counterparts: `store_wire.py` reads and writes, `store.py` asks. A call costs one write and one callback; a
store that does not answer within its time is away, and everybody who waits is told at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from sealgate.proxy.store_calls import SCRIPTS, Part
from sealgate.proxy.store_config import Address, StoreConfig, parse_address
from sealgate.proxy.store_wire import BrokenReplyError, Reply, ReplyReader, StoreError, command

Then = Callable[[Reply], None]
"""Takes a reply; None where there is none: the connection broke, and nobody knows what arrived."""

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MOST_S: Final = 2.0
STOOD_S: Final = 2.0
"""A connection that stood so long was a good one: the next is made at once."""
CONNECT_S: Final = 2.0
_RELOAD: Final = frozenset({"NOSCRIPT", "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "MOVED"})
"""Errors after which another connection may do better: scripts are loaded anew, a name leads elsewhere."""


class Refused(Exception):  # noqa: N818 - it is the store that refuses
    """The store greets us with an error; `str` is its code."""


class Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._reader = ReplyReader()
        self._waiting: deque[tuple[Then, float]] = deque()
        self._heard_s = 0.0
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._why = "closed"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        # A cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, parts: Sequence[Part], then: Then) -> None:
        """Send a call; `then` gets its reply, in the order of asking."""
        if self._transport is None or self._transport.is_closing():
            then(None)
            return
        self._waiting.append((then, time.monotonic()))
        self._transport.write(command(parts))
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._look)

    def data_received(self, data: bytes) -> None:
        """Replies came."""
        try:
            replies = self._reader.feed(data)
        except BrokenReplyError:
            self.abort("broken_reply")
            return
        self._heard_s = time.monotonic()
        for reply in replies:
            if not self._waiting:  # nobody asked
                self.abort("broken_reply")
                return
            then, _since_s = self._waiting.popleft()
            if isinstance(reply, StoreError) and str(reply) in _RELOAD:
                then(None)
                self.abort(str(reply))
                return
            then(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if not self.lost.done():
            self.lost.set_result(self._why)
        waiting, self._waiting = self._waiting, deque()
        for then, _since_s in waiting:
            then(None)

    def abort(self, why: str) -> None:
        """Give the connection up; who waits is told in `connection_lost`."""
        self._why = why
        if self._transport is not None:
            self._transport.abort()

    def _look(self) -> None:
        """Has it been silent for too long? Many calls may wait their turn for longer."""
        self._timer = None
        if not self._waiting:
            return
        silent_s = time.monotonic() - max(self._heard_s, self._waiting[0][1])
        if silent_s >= self._timeout_s:
            self.abort("timeout")
        else:
            self._timer = self._loop.call_later(self._timeout_s - silent_s, self._look)


class Links:
    """Keeps one connection. `on_up` runs with each that stands and knows the scripts; `on_down` ends it."""

    def __init__(
        self, config: StoreConfig, on_up: Callable[[Link], None], on_down: Callable[[str], None]
    ) -> None:
        self._config, self._on_up, self._on_down = config, on_up, on_down
        self.address = parse_address(config.address)
        self.link: Link | None = None

    async def run(self) -> None:
        """Connect, and again, until cancelled."""
        pause_s = BACKOFF_FIRST_S
        while True:
            try:
                link = await self.connect()
            except (OSError, TimeoutError, Refused) as error:
                self._on_down(str(error) if isinstance(error, Refused) else type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, BACKOFF_MOST_S)
                continue
            self.link, since_s = link, time.monotonic()
            try:
                self._on_up(link)
                why = await link.lost
            finally:
                self.link = None
                link.abort("closed")
            self._on_down(why)
            if time.monotonic() - since_s > STOOD_S:
                pause_s = BACKOFF_FIRST_S
                continue
            await asyncio.sleep(pause_s)  # it lets us in and then refuses
            pause_s = min(2 * pause_s, BACKOFF_MOST_S)

    async def connect(self) -> Link:
        """One that is greeted and knows the scripts; raises `OSError`, `TimeoutError`, `Refused`."""
        async with asyncio.timeout(CONNECT_S):
            link = await self._open(self.address)
            with _given_up(link):
                for parts in self._greeting():
                    reply = await answered(link, parts)
                    if reply is None or isinstance(reply, StoreError):
                        raise Refused(str(reply) if reply is not None else "no_reply")
        return link

    async def _open(self, address: Address) -> Link:
        loop = asyncio.get_running_loop()
        make = lambda: Link(self._config.timeout_s)  # noqa: E731 - what the loop wants
        if address.path:
            return (await loop.create_unix_connection(make, address.path))[1]
        context = _context(self._config) if address.tls else None
        name = address.host if address.tls else None
        return (
            await loop.create_connection(make, address.host, address.port, ssl=context, server_hostname=name)
        )[1]

    def _greeting(self) -> list[list[Part]]:
        greeting: list[list[Part]] = []
        if self._config.password_file is not None:
            password = self._config.password_file.read_bytes().strip(b"\r\n")
            greeting.append(["AUTH", *([self._config.user] if self._config.user else []), password])
        if self.address.database:
            greeting.append(["SELECT", self.address.database])
        return greeting + [["SCRIPT", "LOAD", text] for text in SCRIPTS.values()]


async def answered(link: Link, parts: Sequence[Part]) -> Reply:
    """One call and its reply."""
    reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    link.ask(parts, lambda found: None if reply.done() else reply.set_result(found))
    return await reply


def _given_up(link: Link) -> contextlib.ExitStack:
    """Close the connection if what follows fails."""
    stack = contextlib.ExitStack()

    def end(kind: object, _error: object, _trace: object) -> None:
        if kind is not None:
            link.abort("refused")

    stack.push(end)
    return stack


def _context(config: StoreConfig) -> ssl.SSLContext:
    """The system's authorities, or those of the file."""
    context = ssl.create_default_context(cafile=config.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
