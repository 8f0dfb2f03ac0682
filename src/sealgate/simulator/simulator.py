"""The running simulator: listeners, certificates and the record of calls, as one async context.

Its counterparts are tests (in process) and `process.run` (a process of its own).
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sealgate.log import Log, NullLog
from sealgate.simulator.api import Api
from sealgate.simulator.authority import SERVER_NAMES, ensure_certificates
from sealgate.simulator.calls import Call, CallBook, Received
from sealgate.simulator.config import SimulatorConfig
from sealgate.simulator.connection import Connection, Handler
from sealgate.simulator.control import Control
from sealgate.simulator.events import EVENTS

_FAREWELL_S: Final = 0.3


class Simulator:
    """`async with Simulator(config) as simulator:` listens until the block ends.

    `keep_requests=True` keeps every request as it came in (`received`), for tests of what went upstream.
    """

    def __init__(
        self, config: SimulatorConfig, log: Log | None = None, *, keep_requests: bool = False
    ) -> None:
        self._config = config
        self._log = log or NullLog(EVENTS)
        self._book = CallBook()
        self._received: list[Received] = []
        self._api = Api(config, self._book, self._log, self._received if keep_requests else None)
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self.authority_path = config.certificate_dir / "authority.pem"
        self.port = 0
        self.control_port: int | None = None

    def __repr__(self) -> str:
        return f"<Simulator: port {self.port}, {len(self._connections)} connections, {self._book!r}>"

    @classmethod
    def on_free_ports(
        cls, certificate_dir: Path, *, events_per_s: float = 0, keep_requests: bool = False
    ) -> Self:
        """Make one for a test: free ports, unpaced unless told otherwise."""
        config = SimulatorConfig(
            certificate_dir=certificate_dir, listen_port=0, control_port=0, events_per_s=events_per_s
        )
        return cls(config, keep_requests=keep_requests)

    @property
    def base_url(self) -> str:
        """The base URL to give to an SDK; an address, for few resolvers know names under `.localhost`."""
        return f"https://127.0.0.1:{self.port}/v1"

    @property
    def origin(self) -> str:
        """The provider origin to give to a vault and a proxy."""
        return f"https://{SERVER_NAMES[0]}:{self.port}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """The latest calls, oldest first."""
        return self._book.calls

    @property
    def received(self) -> tuple[Received, ...]:
        """The requests as they came in; empty without `keep_requests`."""
        return tuple(self._received)

    async def __aenter__(self) -> Self:
        """Make or reuse the certificates and listen."""
        files = ensure_certificates(self._config.certificate_dir)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(files.server, files.server_key)
        self.authority_path = files.authority
        self.port = await self._listen(
            self._api.handle, self._config.listen_host, self._config.listen_port, context
        )
        if self._config.control_port is not None:
            handle = Control(self._book).handle
            self.control_port = await self._listen(handle, "127.0.0.1", self._config.control_port, None)
        self._log(
            "started",
            host=self._config.listen_host,
            port=self.port,
            control_port=self.control_port or 0,
            authority=str(self.authority_path),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and cut what is still under way."""
        await self._close(drain_s=0)

    async def drain(self) -> None:
        """Stop listening, let answers under way end for at most `drain_s`, then cut the rest."""
        await self._close(drain_s=self._config.drain_s)

    async def _close(self, drain_s: float) -> None:
        if not self._servers:
            return
        for server in self._servers:
            server.close()
        self._servers.clear()
        connections = tuple(self._connections)
        for connection in connections:
            connection.drain()
        await _all_set([connection.idle for connection in connections], drain_s)
        for connection in connections:
            connection.close()
        # A client that keeps a connection in a pool does not answer TLS's farewell: it is not waited for.
        await _all_set([connection.gone for connection in connections], _FAREWELL_S)
        for connection in connections:
            connection.abort()
        self._log("stopped", calls=self._book.total)

    async def _listen(self, handler: Handler, host: str, port: int, context: ssl.SSLContext | None) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(handler, self._connections.add, self._connections.discard),
            host,
            port,
            ssl=context,
            backlog=1024,
        )
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound


async def _all_set(events: list[asyncio.Event], timeout_s: float) -> None:
    """Wait until all events are set, or the time is over."""
    if events:
        tasks = [asyncio.ensure_future(event.wait()) for event in events]
        _, waiting = await asyncio.wait(tasks, timeout=timeout_s)
        for task in waiting:
            task.cancel()
