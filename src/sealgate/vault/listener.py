"""A port that browsers or operators reach: uvicorn in the vault's own loop, quiet and bounded.

Counterpart: `process`, which starts and ends it. It has no access log, which would hold addresses, and no
signal handlers, which are the process's.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from sealgate.listening.arrival import Arrival
from sealgate.listening.certificates import ServerTls
from sealgate.listening.patience import DeadlinedProtocol
from sealgate.listening.peers import TrustedPeers
from sealgate.listening.quiet import QuietServer
from sealgate.log import Log
from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import StartError

_DRAIN_S = 3
_CONNECTIONS_LIMIT = 2_000


def sealing_listener(app: ASGIApp, config: VaultConfig, log: Log) -> PageListener:
    """The listener of the sealing page; raises `StartError` for a port that is taken."""
    tls = ServerTls(config.tls, log) if config.tls else None
    peers = TrustedPeers(config.trusted_proxies)
    arriving = Arrival(app, config.public_url, peers, encrypted=tls is not None)
    return PageListener(arriving, config.host, config.port, "port", tls)


class PageListener:
    """One port, bound as soon as it is made. `start` serves, `close` ends it."""

    def __init__(
        self, app: ASGIApp, host: str, port: int, setting: str, tls: ServerTls | None = None
    ) -> None:
        self._tls = tls
        self._listener = _listen(host, port, setting)
        self.port = int(self._listener.getsockname()[1])
        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
        self._server = QuietServer(
            uvicorn.Config(
                app,
                ssl_context_factory=self._context_factory(),
                http=DeadlinedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS_LIMIT,
                timeout_graceful_shutdown=_DRAIN_S,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve, and follow the certificate's files."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        await self._server.listening.wait()
        if self._tls is not None:
            self._watch = asyncio.create_task(self._tls.watch())

    async def close(self) -> None:
        """Let running answers end, then stop. Safe where it was never started."""
        if self._watch is not None:
            self._watch.cancel()
        if self._task is None:
            self._listener.close()
            return
        self._server.end()
        await self._task

    def _context_factory(self) -> Callable[..., ssl.SSLContext] | None:
        tls = self._tls
        return None if tls is None else lambda _config, _default: tls.context


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise StartError(
            "port_taken",
            f"the vault cannot listen on {host}:{port} ({error.strerror})",
            f"stop what listens there, or set another vault.{setting}",
        ) from error
