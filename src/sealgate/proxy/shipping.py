"""Takes settled exchanges to the console: in order, in batches, at least once.

Counterpart: the console's feed server, which counts each (proxy, epoch, sequence) once. Must never forget a
record before the console said that it is stored.
"""

from __future__ import annotations

import asyncio

from sealgate.log import Log
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.feed import UsageBatch, UsageCounted
from sealgate.messages.frames import RefusedError
from sealgate.proxy.journal import Journal

BATCH_RECORDS = 500
PAUSE_S = 0.2
PAUSE_REFUSED_S = 5.0


class Shipping:
    """One loop; the console's answer moves the journal on."""

    def __init__(self, journal: Journal, feed: Client, proxy_id: str, log: Log) -> None:
        self._journal, self._feed, self._proxy_id, self._log = journal, feed, proxy_id, log

    async def run(self) -> None:
        """Ship for ever."""
        while True:  # noqa: ASYNC110 - the pause depends on what was shipped
            await asyncio.sleep(await self.ship_once())

    async def ship_once(self) -> float:
        """Ship one batch, if there is one; gives the seconds to wait before the next."""
        waiting = self._journal.unshipped(BATCH_RECORDS) if self._feed.connected else None
        if waiting is None:
            return PAUSE_S
        epoch, records = waiting
        try:
            reply = await self._feed.ask(UsageBatch(proxy=self._proxy_id, epoch=epoch, records=records))
        except NotConnectedError:
            return PAUSE_S
        except RefusedError as error:
            self._log("usage_refused", code=error.refusal.code)
            return PAUSE_REFUSED_S
        if isinstance(reply, UsageCounted):
            self._journal.counted(reply.epoch, reply.through)
        return 0.0 if len(records) == BATCH_RECORDS else PAUSE_S
