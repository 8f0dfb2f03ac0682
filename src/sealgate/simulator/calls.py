"""The record of calls: when each began and ended, and who ended it.

Its counterpart is a test that must know whether a stopped answer really stopped upstream. It must never
hold a prompt, an answer or a whole key; `Received` does, and exists only for tests that ask for it.
"""

from __future__ import annotations

import time
from collections import deque
from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

_KEPT_CALLS: Final = 2_000


class EndedBy(StrEnum):
    """Who ended a call."""

    COMPLETED = "completed"  # the whole answer was written, be it an error
    CLIENT_LEFT = "client_left"
    FAULT = "fault"  # the script cut the answer
    SHUTDOWN = "shutdown"


class Call(Struct):
    """One call; times are nanoseconds of the machine's monotonic clock, the same in every process."""

    request_id: str
    model: str = ""
    stream: bool = False
    status: int = 0
    key_last_four: str = ""
    started_ns: int = 0
    last_byte_ns: int = 0
    ended_ns: int = 0
    ended_by: EndedBy | None = None
    events_sent: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def running(self) -> bool:
        """Whether the call has not ended yet."""
        return self.ended_by is None


class Received(Struct, frozen=True):
    """One request as it came in, kept only where a test asks for it (`Simulator(keep_requests=True)`)."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Give the first header of that name, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)


class CallBook:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT_CALLS)
        self.total = 0

    def __repr__(self) -> str:
        running = sum(call.running for call in self._calls)
        return f"<CallBook: {self.total} calls, {running} running>"

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that are kept, oldest first."""
        return tuple(self._calls)

    def begin(self, request_id: str) -> Call:
        """Start the record of one call."""
        call = Call(request_id, started_ns=time.monotonic_ns())
        self._calls.append(call)
        self.total += 1
        return call

    def end(self, call: Call, by: EndedBy, at_ns: int | None = None) -> None:
        """End a call once; a second end changes nothing."""
        if call.running:
            call.ended_by = by
            call.ended_ns = at_ns or time.monotonic_ns()


class CallsPage(Struct, frozen=True):
    """What `GET /calls` on the control port answers; `now_ns` is the same clock as the calls' times."""

    now_ns: int
    total: int
    calls: tuple[Call, ...]
    clock: Literal["monotonic"] = "monotonic"
