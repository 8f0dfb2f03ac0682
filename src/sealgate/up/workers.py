"""A proxy of several processes: one listens, its workers answer, and a restart refuses nobody.

The socket is bound once here (or was handed over) and inherited by every worker, so that a connection that
waits is anybody's: a worker that drains or dies takes none along. SIGHUP starts new workers, waits until they
are ready and drains the old ones; SIGTERM drains all. Counterparts: `supervisor.py`, which keeps them alive;
`worker_pages.py`.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from sealgate.log import Event, Kind, Level, LineLog, Log
from sealgate.proxy.config import ProxyConfig
from sealgate.supervisor import EVENTS as SUPERVISOR_EVENTS
from sealgate.supervisor import EX_CONFIG, Program, Supervisor
from sealgate.up.worker_pages import WorkerPages, ask

BACKLOG: Final = 1024
LOOK_S: Final = 0.02
READY_S: Final = 60.0
EVENTS: Final = {
    **SUPERVISOR_EVENTS,
    "workers.listening": Event(
        Level.INFO,
        {"host": Kind.ID, "port": Kind.NUMBER, "workers": Kind.NUMBER},
        "The proxy's port is open.",
    ),
    "workers.replaced": Event(
        Level.INFO, {"workers": Kind.NUMBER}, "New workers serve; the old ones end what runs and stop."
    ),
    "workers.not_replaced": Event(
        Level.ERROR, {}, "New workers did not become ready; the old ones go on. The lines above say why."
    ),
}


def run(config: ProxyConfig, settings: Path) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code. Raises `OSError` where the port is taken."""
    with _listener(config) as listener:
        return asyncio.run(Workers(config, settings, listener, LineLog("proxy", EVENTS)).serve())


class Workers:
    """The workers of one port, by generation: those of the newest serve, older ones drain."""

    def __init__(self, config: ProxyConfig, settings: Path, listener: socket.socket, log: Log) -> None:
        self._config, self._settings, self._listener, self._log = config, settings, listener, log
        self._supervisor = Supervisor(log, _say)
        self._generation = 0
        self._names: list[str] = []
        self._stop, self._renew = asyncio.Event(), asyncio.Event()
        self._retiring: set[asyncio.Task[None]] = set()
        self.pages = WorkerPages(lambda: {name: self._socket_of(name) for name in self._names}, config)

    async def serve(self) -> int:
        """Until told to stop, or until a worker refused its configuration at the start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._renew.set)
        self._names = self._start_generation()
        server = await loop.create_server(
            self.pages.connection, self._config.admin_host, self._config.admin_port
        )
        host, port = self._listener.getsockname()[:2]
        self._log("workers.listening", host=host, port=port, workers=len(self._names))
        try:
            while await self._told() is self._renew:
                self._renew.clear()
                await self._replace()
        finally:
            server.close()
            await self._supervisor.retire(self._names)
            await asyncio.gather(*self._retiring)
        return EX_CONFIG if self._supervisor.refused.is_set() else 0

    async def _told(self) -> asyncio.Event:
        """What comes next: `_renew`, or an end."""
        events = (self._supervisor.refused, self._stop, self._renew)
        waits = {asyncio.ensure_future(each.wait()): each for each in events}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        return next(each for wait, each in waits.items() if wait in done)

    async def _replace(self) -> None:
        before, new = self._names, self._start_generation()
        if not await self._ready(new):
            self._supervisor.refused.clear()
            await self._supervisor.retire(new)
            self._log("workers.not_replaced")
            return
        self._names = new
        self._log("workers.replaced", workers=len(new))
        task = asyncio.ensure_future(self._supervisor.retire(before))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _start_generation(self) -> list[str]:
        self._generation += 1
        names = [f"worker-{self._generation}.{number + 1}" for number in range(self._config.workers)]
        listener = self._listener.fileno()
        for name in names:
            argv = (
                *(sys.executable, "-m", "sealgate", "run", "proxy", "--config", str(self._settings)),
                *("--workers", str(self._config.workers), "--worker", name, "--listener", str(listener)),
            )
            self._supervisor.start(Program(name, argv, fds=(listener,)))
        return names

    async def _ready(self, names: list[str]) -> bool:
        """Wait until all of them take requests; False if one never will, or if it is time to stop."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + READY_S
        while not all([await self._is_ready(name) for name in names]):
            if self._supervisor.refused.is_set() or self._stop.is_set() or loop.time() > end_s:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def _is_ready(self, name: str) -> bool:
        found = await ask(self._socket_of(name), "/readyz")
        return found is not None and found[0] == 200

    def _socket_of(self, name: str) -> Path:
        return worker_socket(self._config, name)


def worker_socket(config: ProxyConfig, name: str) -> Path:
    """Where a worker shows its pages for operators."""
    return config.runtime_dir / f"proxy-{name}.sock"


def _listener(config: ProxyConfig) -> socket.socket:
    if config.handed_over_fd is not None:
        return socket.socket(fileno=config.handed_over_fd)
    return socket.create_server(
        (config.host, config.port), family=_family(config.host), backlog=BACKLOG, reuse_port=False
    )


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
