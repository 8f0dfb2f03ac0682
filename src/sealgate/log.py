"""The allow-list logger: one line per event, and only declared fields of declared types.

Every package names its events in one literal table (`events.py`); an undeclared event or field raises, so no
code path can carry a prompt, a key, an address or an exception's text to a log. There is no other logger.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import re
import sys
import threading
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Level(StrEnum):
    """How much an event matters to the person on duty."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Kind(StrEnum):
    """What a field may hold; everything else is refused before it is written."""

    ID = "id"  # an id, a stable code, a host:port or an origin of our own configuration
    NUMBER = "number"
    FLAG = "flag"
    PATH = "path"  # a path of our own configuration, never one that a request brought


class Event(Struct, frozen=True):
    """One row of an events table: its level, its fields, and what the reader should do."""

    level: Level
    fields: Mapping[str, Kind] = {}
    meaning: str = ""


EventTable = Mapping[str, Event]
EVENTS: EventTable = {
    "lines.dropped": Event(
        Level.WARNING,
        {"count": Kind.NUMBER},
        "Who reads the log was too slow: so many lines are missing here.",
    ),
}
"""The logger's own; a process's others stand in its `events.py`."""

Field = str | int | float | bool

_ID = re.compile(r"[A-Za-z0-9_.:/@\[\]+-]{0,160}\Z")
_PATH = re.compile(r"[^\x00-\x1f\x7f\"]{0,400}\Z")


class LineStream(Protocol):
    """The part of a text stream that a log needs."""

    def write(self, text: str, /) -> object:
        """Take one line with its newline."""

    def flush(self) -> object:
        """Hold nothing back."""


QUEUED_LINES = 10_000
_CLOSE_WITHIN_S = 1.0


class BackgroundStream:
    """Hands lines to a thread that writes them, so that a stalled reader never stalls the one who logs.

    What does not fit in the queue is dropped and counted; the count is written once there is room again.
    """

    def __init__(self, stream: LineStream, queued_lines: int = QUEUED_LINES) -> None:
        self._stream = stream
        self._queue: queue.Queue[str | None] = queue.Queue(queued_lines)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str, /) -> None:
        """Queue one line; never waits."""
        try:
            if self._dropped:
                self._queue.put_nowait(
                    f"{_timestamp(time.time())} warning log lines.dropped count={self._dropped}\n"
                )
                self._dropped = 0
            self._queue.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """The thread flushes after each line."""

    def close(self) -> None:
        """Write what is queued, for a second at most."""
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(_CLOSE_WITHIN_S)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            # A full disk or a closed pipe must not end the process that wanted to tell something.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(line)
                self._stream.flush()


class Log(Protocol):
    """What a part needs of a logger."""

    def __call__(self, event: str, /, **fields: Field) -> None:
        """Write one declared event with exactly its declared fields (any may be left out)."""


class LineLog:
    """Writes `2026-01-31T12:00:00.000Z info proxy started port=8702` lines to a stream."""

    def __init__(self, process: str, events: EventTable, stream: LineStream | None = None) -> None:
        self._process = process
        self._events = events
        self._stream: LineStream = stream or _background_stderr()

    def __call__(self, event: str, /, **fields: Field) -> None:
        """Write one line; raises `KeyError` or `TypeError` for what the table does not declare."""
        row = self._events[event]
        words = [_timestamp(time.time()), row.level, self._process, event]
        words += [f"{name}={_render(row.fields[name], name, value)}" for name, value in fields.items()]
        self._stream.write(" ".join(words) + "\n")
        self._stream.flush()


class NullLog:
    """Checks events against the table like the real one, and writes nothing; for tests and tools."""

    def __init__(self, events: EventTable) -> None:
        self._events = events

    def __call__(self, event: str, /, **fields: Field) -> None:
        """Check the event and its fields."""
        row = self._events[event]
        for name, value in fields.items():
            _render(row.fields[name], name, value)


def _background_stderr() -> BackgroundStream:
    stream = BackgroundStream(sys.stderr)
    atexit.register(stream.close)
    return stream


def _render(kind: Kind, name: str, value: Field) -> str:
    if kind is Kind.FLAG and isinstance(value, bool):
        return "yes" if value else "no"
    if kind is Kind.NUMBER and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    if kind is Kind.ID and isinstance(value, str) and _ID.match(value):
        return value
    if kind is Kind.PATH and isinstance(value, str) and _PATH.match(value):
        return f'"{value}"' if " " in value else value
    # The value itself is not quoted: it may be exactly what must not be written.
    msg = f"log field {name!r} does not hold a {kind}"
    raise TypeError(msg)


def _timestamp(now_s: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_s))
    return f"{whole}.{int(now_s * 1000) % 1000:03d}Z"
