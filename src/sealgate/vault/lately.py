"""An answer that may be some seconds old: a slow question is asked in a thread, and never twice at once.

Counterpart: `observing`. Whoever looks at a page must not wait for a KEK's keeper, nor have it asked anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Lately(Generic[Answer]):
    """One question. `ask` runs in a thread; what it raises is raised to whoever waits for it."""

    def __init__(
        self, ask: Callable[[], Answer], monotonic: Callable[[], float], *, fresh_s: float, patience_s: float
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._fresh_s = fresh_s
        self._patience_s = patience_s
        self._running: asyncio.Task[Answer] | None = None
        self._known: Answer | None = None
        self._asked_at = float("-inf")

    async def get(self) -> Answer | None:
        """The answer, at most `fresh_s` old; None where it does not come in time."""
        if self._running is None:
            if self._monotonic() - self._asked_at < self._fresh_s:
                return self._known
            self._running = asyncio.create_task(asyncio.to_thread(self._ask))
            self._running.add_done_callback(self._note)
        done, _ = await asyncio.wait({self._running}, timeout=self._patience_s)
        return done.pop().result() if done else None

    def _note(self, task: asyncio.Task[Answer]) -> None:
        self._running = None
        if not task.cancelled() and task.exception() is None:
            self._known, self._asked_at = task.result(), self._monotonic()
