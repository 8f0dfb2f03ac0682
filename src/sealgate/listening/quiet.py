"""Uvicorn in a process of ours: it leaves signals to the process, and ends when it is told, not at a tick.

Counterparts: console's `process` and the vault's `listener`. Uvicorn itself looks ten times a second whether
it should end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

_TICK_S = 1.0
"""How often the `date` header is made anew: RFC 9110, section 6.6.1, has no finer one."""


class QuietServer(uvicorn.Server):
    """Serves one bound socket until `end`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Cannot fail: the socket is bound already, and there is no lifespan to run."""
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """A tick a second until the end."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._ending.wait()

    def end(self) -> None:
        """Take no more connections, let running answers end."""
        self.should_exit = True
        self._ending.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's."""
        yield
