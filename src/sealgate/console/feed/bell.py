"""Wakes the long polls of proxies: rung after every write transaction of this process.

It carries nothing; who was woken looks into the change log.
"""

from __future__ import annotations

import asyncio
import contextlib


class Bell:
    """Waiters are woken together by one ring."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake everybody who waits now."""
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    @property
    def next(self) -> asyncio.Event:
        """What the next ring sets: whoever takes it before looking misses no ring while they look."""
        return self._rung

    async def wait(self, timeout_s: float, rung: asyncio.Event | None = None) -> None:
        """Return at the next ring, or at that of `rung`, or after `timeout_s`."""
        # Not `wait_for`: until Python 3.12 it forgets a cancellation that comes together with the ring.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await (rung or self._rung).wait()
