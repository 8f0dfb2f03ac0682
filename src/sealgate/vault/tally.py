"""Counts what the vault logs since its start: refusals by code, deposits, alarms; and opens beside them.

Counterparts: `process`, which puts it in front of the log, and `status`, which shows it. Names and codes come
from our own tables alone, so nobody outside can make a series.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Awaitable, Mapping

from sealgate.log import Field, Log
from sealgate.messages.frames import Message
from sealgate.messages.server import Handler, Peer, Reply, SecretReply


class Tally:
    """A log that remembers how often each event came, with which `code`."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._events: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()  # KEKs are asked in threads, and they log
        self.opens = 0

    def __call__(self, event: str, /, **fields: Field) -> None:
        """Log, and count what was logged."""
        self._log(event, **fields)
        with self._lock:
            self._events[event, str(fields.get("code", ""))] += 1

    def count(self, event: str) -> int:
        """How often an event came."""
        return sum(self.by_code(event).values())

    def by_code(self, event: str) -> Mapping[str, int]:
        """The same for each code, in their order; one empty code for an event that has none."""
        with self._lock:
            return {code: count for (name, code), count in sorted(self._events.items()) if name == event}

    def counting_opens(self, handler: Handler) -> Handler:
        """The opener's handler, each key that it gives counted."""

        async def later(reply: Awaitable[Reply]) -> Reply:
            ended = await reply
            self.opens += isinstance(ended, SecretReply)
            return ended

        def handle(peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
            reply = handler(peer, message)
            if isinstance(reply, SecretReply):
                self.opens += 1
                return reply
            return reply if isinstance(reply, Message) else later(reply)

        return handle
