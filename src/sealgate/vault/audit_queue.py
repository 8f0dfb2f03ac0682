"""What waits to be written into the audit: taken from the log's calls, bounded, never waited for.

Counterparts: `events`, whose declared fields are all that gets in, and `audit`, which writes. Whoever logs
(an open, a revocation, a thread that asks a KMS) never touches the database from here. Each event has a pace
for each system user who asks, so that who floods hides nobody else. What comes faster is counted by event,
code and user, and one entry says how many those were.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from sealgate.log import EventTable, Field, Kind, Log
from sealgate.vault.audit_paces import DONE, Pace, pace_of

WAITING_LIMIT = 10_000
"""Entries in memory while the disk is full; what comes then is counted."""
ASKERS_LIMIT = 64
"""Users with a pace of their own for one event. Who comes then shares one until another is quiet again."""
_KINDS_LIMIT = 200
_KEPT = frozenset({Kind.ID, Kind.NUMBER, Kind.FLAG})
NOBODY = -1
"""Stands for the user of what nobody asked for, and of the askers beyond the limit."""

Counted = tuple[str, str, int]
"""An event, its code, and the system user who asked."""
_OTHERS: Counted = ("others", "", NOBODY)


class Draft(Struct, frozen=True):
    """An entry before it has its number: when, what, and the event's declared fields as JSON."""

    at: float
    event: str
    details: str


class AuditQueue:
    """Safe to use from any thread. `on_done` is called after what was done was put in."""

    def __init__(self, clock: Callable[[], float], limit: int = WAITING_LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[Draft] = deque()
        self._buckets: dict[str, dict[int, _Bucket]] = {}
        self._counted: dict[Counted, int] = {}
        self.counted = 0
        """How many were counted instead of written singly, since the start."""
        self.on_done: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: str, fields: Mapping[str, Field]) -> None:
        """Queue an entry, or count it."""
        pace = pace_of(event)
        if pace is None:
            return
        now_s = self._clock()
        with self._lock:
            bucket = self._bucket(event, pace, _asker(fields), now_s)
            if len(self._waiting) >= self._limit or not bucket.take(now_s):
                self._count(event, fields)
                return
            self._waiting.append(Draft(now_s, event, msgspec.json.encode(fields).decode()))
        if pace is DONE and self.on_done is not None:
            self.on_done()

    def take(self, most: int) -> Sequence[Draft]:
        """The oldest that wait, out of the queue."""
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def put_back(self, drafts: Sequence[Draft]) -> None:
        """They could not be written: they are the oldest again."""
        with self._lock:
            self._waiting.extendleft(reversed(drafts))

    def take_counted(self) -> Mapping[Counted, int]:
        """What was counted since the last time."""
        with self._lock:
            counted, self._counted = self._counted, {}
        return counted

    def _bucket(self, event: str, pace: Pace, asker: int, now_s: float) -> _Bucket:
        askers = self._buckets.setdefault(event, {})
        if asker not in askers and len(askers) >= ASKERS_LIMIT:
            self._buckets[event] = askers = {
                each: bucket for each, bucket in askers.items() if not bucket.is_full(now_s)
            }
            if len(askers) >= ASKERS_LIMIT:
                asker = NOBODY
        return askers.setdefault(asker, _Bucket(pace, now_s))

    def _count(self, event: str, fields: Mapping[str, Field]) -> None:
        self.counted += 1
        kind = (event, str(fields.get("code", "")), _asker(fields))
        if kind not in self._counted and len(self._counted) >= _KINDS_LIMIT:
            kind = _OTHERS
        self._counted[kind] = self._counted.get(kind, 0) + 1


def _asker(fields: Mapping[str, Field]) -> int:
    """The system user that the kernel names for who asked."""
    uid = fields.get("uid", NOBODY)
    return uid if isinstance(uid, int) else NOBODY


class AuditedLog:
    """A log whose events reach the audit too. The line is first: it refuses what is not declared."""

    def __init__(self, log: Log, events: EventTable, queue: AuditQueue) -> None:
        self._log = log
        self._events = events
        self._queue = queue

    def __call__(self, event: str, /, **fields: Field) -> None:
        """Write the line and queue the entry. Paths of this machine stay in the log."""
        self._log(event, **fields)
        kinds = self._events[event].fields
        self._queue.put(event, {name: value for name, value in fields.items() if kinds[name] in _KEPT})


class _Bucket:
    """Entries of one event that may still be written singly."""

    def __init__(self, pace: Pace, now_s: float) -> None:
        self._pace = pace
        self._left = float(pace.at_once)
        self._since_s = now_s

    def take(self, now_s: float) -> bool:
        """One of them, if there is one."""
        self._refill(now_s)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def is_full(self, now_s: float) -> bool:
        """True for one that nobody has used for long: a fresh one is the same."""
        self._refill(now_s)
        return self._left >= self._pace.at_once

    def _refill(self, now_s: float) -> None:
        refill = max(now_s - self._since_s, 0.0) * self._pace.per_minute / 60
        self._left = min(self._left + refill, float(self._pace.at_once))
        self._since_s = now_s
