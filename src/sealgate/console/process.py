"""Runs a console until it is told to stop: migrates, serves pages, serves the feed, asks the vault.

Counterpart: the supervisor, which starts it and sends SIGTERM. Start order is free: neither vault nor proxy
need be there.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from typing import Any

import uvicorn
from starlette.applications import Starlette

from sealgate.console.composition import Part, compose
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import migrate
from sealgate.console.events import EVENTS
from sealgate.console.failures import where
from sealgate.console.site import make_site
from sealgate.listening.arrival import Arrival
from sealgate.listening.certificates import ServerTls
from sealgate.listening.patience import DeadlinedProtocol
from sealgate.listening.peers import TrustedPeers
from sealgate.listening.quiet import QuietServer
from sealgate.log import LineLog, Log


def run(config: ConsoleConfig) -> None:
    """Serve until SIGTERM or SIGINT; raises `OSError` for a taken port or a full disk, `ValueError`."""
    log = LineLog("console", EVENTS)
    log("migrated", revision=migrate(config.database_path))
    uvicorn_loop = uvicorn.Config(app="", loop="uvloop", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=uvicorn_loop) as runner:
        runner.run(serve(config, log))


async def serve(config: ConsoleConfig, log: Log, stop: asyncio.Event | None = None) -> None:
    """Serve until `stop` is set or a signal comes."""
    stop = stop or _stop_on_signals()
    _leave_the_word_to(log)
    console = compose(config, log)
    feed = console.feed.server(config.feed_socket, config.instance, config.allowed_uids)
    with _listen(config) as listener:
        await feed.start()
        beside = [_beside(part, log) for part in console.beside]
        try:
            await _serve_pages(config, log, make_site(console), listener, stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await feed.close()
            await console.database.close()
    log("stopped")


def _beside(part: Part, log: Log) -> asyncio.Task[None]:
    """Run a part. None ends before it is told to: one that does is a defect, logged at once."""

    def tell_end(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log("task_failed", kind=type(error).__name__, where=where(error))

    task = asyncio.create_task(part.run())
    task.add_done_callback(tell_end)
    return task


async def _serve_pages(
    config: ConsoleConfig, log: Log, site: Starlette, listener: socket.socket, stop: asyncio.Event
) -> None:
    tls = ServerTls(config.tls, log) if config.tls else None
    peers = TrustedPeers(config.trusted_proxies)
    server = QuietServer(
        uvicorn.Config(
            Arrival(site, config.public_url, peers, encrypted=tls is not None),
            ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
            http=DeadlinedProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,  # it would carry addresses
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(config.drain_s),
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    log(
        "started",
        host=config.host,
        port=int(listener.getsockname()[1]),
        url=config.public_url,
        instance=config.instance,
    )
    stopping = asyncio.create_task(stop.wait())
    watching = asyncio.create_task(tls.watch()) if tls is not None else stopping
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    watching.cancel()
    server.end()
    await serving


def _leave_the_word_to(log: Log) -> None:
    """Only `log` writes: libraries' loggers and the loop would quote messages, addresses and tracebacks."""
    logging.getLogger().addHandler(logging.NullHandler())

    def task_failed(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            log("task_failed", kind=type(error).__name__, where=where(error))

    asyncio.get_running_loop().set_exception_handler(task_failed)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop


def _listen(config: ConsoleConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(128)  # from here on a visitor waits instead of being refused
    except OSError:
        listener.close()
        raise
    return listener
