"""Answers proxies on the feed socket.

Counterpart: the proxies' feed client. A failure here is logged by its type and place alone; the proxy is
refused and asks again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from sealgate.console.database import Database
from sealgate.console.failures import where
from sealgate.console.feed.bell import Bell
from sealgate.console.feed.pricing import with_prices
from sealgate.console.feed.services import application_document, changes_since
from sealgate.console.usage.prices import Prices
from sealgate.console.usage.pricing import price_batch
from sealgate.console.usage.services import count_usage
from sealgate.log import Log
from sealgate.messages.feed import (
    AskApplication,
    AskChanges,
    Changes,
    FeedReply,
    FeedRequest,
    ProbeAsked,
    ProbeDone,
    ProbeNoted,
    UnknownApplication,
    UsageBatch,
    UsageCounted,
)
from sealgate.messages.frames import PROTOCOL, Hello, Message, Refusal, RefusedError
from sealgate.messages.server import Peer, Server

LONGEST_WAIT_S = 60.0
PROBE_TIME_S = 15.0
LOOK_EVERY_S = 0.5
"""The bell rings for this process's own changes; another one's (the command line) are seen this soon."""


class Feed:
    """The console's end of the feed."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        prices: Prices,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._prices = prices
        self._bell = bell
        self._log = log
        self._clock = clock
        self._server: Server | None = None
        self._probes: dict[str, asyncio.Future[ProbeDone]] = {}

    def server(self, path: Path, instance: str, allowed_uids: tuple[int, ...]) -> Server:
        """A server of this feed on a Unix socket, not yet started."""
        hello = Hello(protocol=PROTOCOL, instance=instance, process="console")
        self._server = Server(path, hello, FeedRequest, self.answer, allowed_uids)
        return self._server

    @property
    def proxies(self) -> tuple[str, ...]:
        """Ids of the proxies that are connected."""
        return self._server.peers if self._server else ()

    async def probe(self, ask: ProbeAsked) -> ProbeDone | None:
        """Have one proxy test a key; `None` if none is there or none answers in time."""
        answered: asyncio.Future[ProbeDone] = asyncio.get_running_loop().create_future()
        self._probes[ask.probe] = answered
        try:
            if self._server is None or not self._server.notify_one(ask):
                return None
            async with asyncio.timeout(PROBE_TIME_S):
                return await answered
        except TimeoutError:
            return None
        finally:
            del self._probes[ask.probe]

    async def answer(self, peer: Peer, message: Message) -> FeedReply:
        """Answer one request; raises `RefusedError` where the console cannot."""
        try:
            return await self._answer(message)
        except (SQLAlchemyError, OSError, OverflowError) as error:
            self._log(
                "feed_failed", kind=type(error).__name__, request=type(message).__name__, where=where(error)
            )
            raise RefusedError(
                Refusal(code="console_failed", message="the console could not do this", hint="see its log")
            ) from None

    async def _answer(self, message: Message) -> FeedReply:
        match message:
            case AskApplication():
                return await self._application(message)
            case AskChanges():
                return await self._changes(message)
            case UsageBatch():
                return await self._usage(message)
            case ProbeDone():
                return self._probed(message)
        raise RefusedError(Refusal(code="unknown_request", message="the console does not know this request"))

    async def _application(self, ask: AskApplication) -> FeedReply:
        async with self._database.reading() as tx:
            document = await application_document(tx, ask.application)
        if document is None:
            return UnknownApplication(application=ask.application)
        return await asyncio.to_thread(with_prices, document, self._prices, time.time())

    async def _changes(self, ask: AskChanges) -> Changes:
        until = self._clock() + min(max(ask.wait_s, 0.0), LONGEST_WAIT_S)
        while True:
            async with self._database.reading() as tx:
                changes = await changes_since(tx, ask.cursor)
            left_s = until - self._clock()
            if changes.applications or changes.reset or left_s <= 0:
                return changes
            await self._bell.wait(min(left_s, LOOK_EVERY_S))

    def _probed(self, done: ProbeDone) -> ProbeNoted:
        answered = self._probes.get(done.probe)
        if answered is not None and not answered.done():
            answered.set_result(done)
        return ProbeNoted(probe=done.probe)

    async def _usage(self, batch: UsageBatch) -> UsageCounted:
        priced = await price_batch(self._database, self._prices, batch)
        async with self._database.writing() as tx:
            counted = await count_usage(tx, batch, priced)
        self._log(
            "usage_counted",
            proxy=batch.proxy,
            epoch=batch.epoch,
            records=len(batch.records),
            new=counted.new,
            through=counted.through,
        )
        return UsageCounted(epoch=batch.epoch, through=counted.through)
