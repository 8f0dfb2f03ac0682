"""Calls to one keeper of KEKs: one at a time, in a thread, and nobody waits longer than they may.

Counterpart: `kek_ring`. A library may have time limits of its own, for parts of a call; a token's driver has
none, and an answer that drips in byte by byte meets none. What comes too late is dropped, and the next call
waits for its end: a keeper that hangs is never asked twice. Whoever has time (`ahead`) stands in a line of
their own, where waiting for one's turn costs no patience.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from sealgate.vault.kek import KekUnavailableError

Answer = TypeVar("Answer")


class Patience:
    """One keeper's line of callers."""

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def run(self, call: Callable[[], Answer], patience_s: float) -> Answer:
        """What the call gives or raises; `KekUnavailableError` if turn and answer together take longer."""
        until = time.monotonic() + patience_s
        if not self._turn.acquire(timeout=patience_s):
            raise KekUnavailableError("timeout", "an earlier call still waits for an answer")
        outcome: _Outcome[Answer] = _Outcome()
        try:
            # A daemon: a driver that hangs must not keep the vault from ending.
            threading.Thread(target=self._work, args=(call, outcome), daemon=True).start()
        except RuntimeError as error:
            self._turn.release()  # nobody else would, and every later call would wait for nothing
            raise KekUnavailableError("no_thread", "the machine gives no thread to ask in") from error
        if not outcome.there.wait(max(until - time.monotonic(), 0.0)):
            raise KekUnavailableError("timeout", "there is no answer in time")
        return outcome.get()

    def _work(self, call: Callable[[], Answer], outcome: _Outcome[Answer]) -> None:
        try:
            outcome.answers.append(call())
        except BaseException as error:  # noqa: BLE001 - edge: raised again to who waits
            outcome.errors.append(error)
        finally:
            self._turn.release()
            outcome.there.set()


class Ahead:
    """Calls that wait in threads: the event loop goes on. One at a time, once for all who want the same."""

    def __init__(self) -> None:
        self._line = asyncio.Lock()
        self._calls: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self, key: Hashable, call: Callable[[], Answer]) -> Answer:
        """What the call gives or raises. Who stops waiting stops it for nobody else."""
        task = self._calls.get(key)
        if task is None:
            task = self._calls[key] = asyncio.create_task(self._in_line(call))
            task.add_done_callback(lambda done: self._end(key, done))
        answer: Answer = await asyncio.shield(task)
        return answer

    async def _in_line(self, call: Callable[[], Answer]) -> Answer:
        async with self._line:
            return await asyncio.to_thread(call)

    def _end(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        del self._calls[key]
        if not done.cancelled():
            done.exception()  # whoever waited has it; perhaps nobody waits any more


class _Outcome(Generic[Answer]):
    def __init__(self) -> None:
        self.there = threading.Event()
        self.answers: list[Answer] = []
        self.errors: list[BaseException] = []

    def get(self) -> Answer:
        if self.errors:
            raise self.errors[0]
        return self.answers[0]
