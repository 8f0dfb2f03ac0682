"""The proxy as a process: makes every part, runs until told to stop, drains.

Counterpart: the supervisor. The only place where parts are put together; nothing else here decides anything.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from sealgate.listening.certificates import ServerTls
from sealgate.log import LineLog, Log
from sealgate.messages.client import Client
from sealgate.messages.feed import FeedNotice, FeedReply
from sealgate.messages.frames import PROTOCOL, Hello, Message
from sealgate.messages.opening import CredentialChanged, OpeningReply
from sealgate.messages.slot import SlotArena
from sealgate.messages.undumpable import refuse_dumps
from sealgate.proxy.admin import Admin
from sealgate.proxy.applications import Applications, Known
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.connecting import WayOut
from sealgate.proxy.credentials import Credentials
from sealgate.proxy.debug_wire import DebugWire, ShownWayOut
from sealgate.proxy.door import door
from sealgate.proxy.egress import (
    ignored_proxy_variables,
    parse_forward_proxy,
    refuse_key_log,
    tls_context,
)
from sealgate.proxy.events import EVENTS
from sealgate.proxy.held_keys import HeldKeys
from sealgate.proxy.journal import Journal
from sealgate.proxy.ledger import Ledger
from sealgate.proxy.leftovers import Leftovers, open_journal
from sealgate.proxy.limits import SessionLimits
from sealgate.proxy.listeners import listen, listen_for_operators, port_of
from sealgate.proxy.networks import parse_networks
from sealgate.proxy.parts import Parts
from sealgate.proxy.probing import Probing
from sealgate.proxy.remembering import Remembering
from sealgate.proxy.script import Script
from sealgate.proxy.server import Listener
from sealgate.proxy.sessions import Sessions
from sealgate.proxy.shipping import Shipping
from sealgate.proxy.snapshot import SnapshotFile
from sealgate.proxy.store import Counts, LocalCounts, SharedCounts
from sealgate.proxy.telemetry import Telemetry
from sealgate.proxy.upstream import Pool
from sealgate.proxy.visit import place_of
from sealgate.proxy.waymark import WaymarkKeeper

WAYMARK_NAME = "vault.waymark"
TICK_S = 0.05
SAVE_S = 1.0
SAVE_UNCHANGED_S = 300.0
START_PATIENCE_S = 3.0
"""A request of the first moments waits so long for vault and console, which start beside the proxy."""


def run(config: ProxyConfig) -> None:
    """Serve until SIGTERM or SIGINT, then drain; at start raises `OSError`, or `ValueError` with a hint."""
    refuse_dumps()
    refuse_key_log()
    os.umask(0o077)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, LineLog("proxy", EVENTS)))


async def _serve(config: ProxyConfig, log: Log) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # for a proxy with workers: nothing to replace here
    proxy = Proxy(config, log)
    await proxy.start()
    await stop.wait()
    await proxy.stop()


class Proxy:
    """One running proxy: `start`, then `stop`."""

    def __init__(self, config: ProxyConfig, log: Log) -> None:
        self.config, self._log = config, log
        hello = Hello(protocol=PROTOCOL, instance=config.instance, process=config.proxy_id)
        self.vault = Client(
            config.runtime_dir / "vault-opener.sock",
            hello,
            OpeningReply | CredentialChanged,
            on_notice=self._vault_noticed,
            on_connected=self._vault_connected,
            on_disconnected=self._vault_lost,
            server_uids=config.vault_uids,
            patience_s=START_PATIENCE_S,
        )
        self.console = Client(
            config.runtime_dir / "console-feed.sock",
            hello,
            FeedReply | FeedNotice,
            on_notice=self._console_noticed,
            on_connected=self._console_connected,
            on_disconnected=self._console_lost,
            server_uids=config.console_uids,
            patience_s=START_PATIENCE_S,
        )
        self._wire = DebugWire(_say) if config.debug_wire else None
        self._arena = SlotArena()
        journal = open_journal(config, log)
        self.folder = journal.folder.parent
        self._waymark = WaymarkKeeper(self.folder / WAYMARK_NAME, log)
        self.parts = self._make_parts(journal)
        self._telemetry = self._make_telemetry()
        self.listener = Listener(self.parts)
        self._remembering = Remembering(
            self.parts.counts,
            self.parts.journal,
            self.folder / "budgets.checkpoint",
            config.instance,
            log,
        )
        self._remembering.restore()
        self._probing = Probing(self.vault, self.console, self._arena, self.parts.pool, log)
        self._shipping = Shipping(self.parts.journal, self.console, config.proxy_id, log)
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._unflushed = False
        self.port = self.admin_port = 0

    def _make_parts(self, journal: Journal) -> Parts:
        config, log = self.config, self._log
        applications = Applications(
            self.console,
            SnapshotFile(self.folder / "applications.snapshot", config.instance, log),
            log,
            limit=config.known_applications,
            age_s=config.snapshot_age_s,
            on_changed=self._application_changed,
        )
        keys = HeldKeys(self.vault)
        credentials = Credentials(
            self.vault,
            keys,
            self._arena,
            log,
            cache_s=config.credential_cache_s,
            on_revoked=self._credential_revoked,
        )
        counts: Counts = LocalCounts(Ledger())
        if config.limit_store is not None:
            run = journal.epoch.name
            counts = SharedCounts(Ledger(), config.limit_store, config.instance, run, log)
        return Parts(
            config=config,
            log=log,
            limits=SessionLimits(),
            counts=counts,
            applications=applications,
            sessions=Sessions(config.instance, applications),
            keys=keys,
            credentials=credentials,
            journal=journal,
            pool=Pool(_way_out(config, self._wire)),
            script=Script(),
        )

    def _make_telemetry(self) -> Telemetry | None:
        if self.config.telemetry is None:
            return None
        named = {"sealgate.proxy": self.config.proxy_id, "service.instance.id": self.parts.journal.epoch.name}
        made = Telemetry(self.config.telemetry, named, self.parts.outcomes, self._log)
        self.parts.telemetry = made
        return made

    async def start(self) -> None:
        """Listen, and keep everything else going. Neither the vault nor the console need be there."""
        loop, config = asyncio.get_running_loop(), self.config
        loop.set_exception_handler(self._loop_fault)
        self._log_way_out()
        self._arena.take().wipe()
        if not self._arena.locked:
            self._log("slots_not_locked")
        self.parts.applications.load_snapshot()
        tls = ServerTls(config.tls, self._log) if config.tls else None
        self._servers = [
            await listen(config, self._door(tls), tls),
            await listen_for_operators(config, Admin(self.parts, self._connected, self._admin_names())),
        ]
        self.port, self.admin_port = map(port_of, self._servers)
        for work in (
            self._waymark.run(),
            self.vault.run(),
            self.console.run(),
            self.parts.applications.follow(),
            self._shipping.run(),
            self._tick(),
            self._save(),
        ):
            self._keep_going(work)
        if tls is not None:
            self._keep_going(tls.watch())
        if isinstance(self.parts.counts, SharedCounts):
            self._keep_going(self.parts.counts.run())
        if self._telemetry is not None:
            self._keep_going(self._telemetry.run())
        if config.listener_fd is not None:
            leftovers = Leftovers(config, self.console, self.parts.counts, self._log)
            self._keep_going(leftovers.run())
        self._log(
            "started",
            host=config.host,
            port=self.port,
            admin=f"{config.admin_host}:{self.admin_port}" if self.admin_port else str(config.admin_socket),
            instance=config.instance,
            epoch=self.parts.journal.epoch.name,
        )

    def _door(self, tls: ServerTls | None) -> Callable[[], asyncio.Protocol]:
        make, wire = door(self.listener, self.config, encrypted=tls is not None), self._wire
        if wire is None:
            return make
        self._log("wire_shown")
        return lambda: wire.client(make())

    def _log_way_out(self) -> None:
        for name in ignored_proxy_variables():
            self._log("proxy_variables_ignored", variable=name)
        if self.config.egress_proxy:
            through = parse_forward_proxy(self.config.egress_proxy)
            self._log("egress_proxy_used", host=through.host, port=through.port)
        if self.config.dangerously_allow_plain_http_to_loopback:
            self._log("plain_http_allowed")

    async def stop(self) -> None:
        """Take nothing new, let what runs end (at most `drain_s`), then cut, ship and close."""
        self._log("draining", exchanges=len(self.parts.running))
        self.parts.draining = True
        self._servers[0].close()
        self.listener.drain()
        await asyncio.sleep(0)
        until_s = time.monotonic() + self.config.drain_s
        while self.listener.connections and time.monotonic() < until_s:  # noqa: ASYNC110 - the clock ticks
            await asyncio.sleep(TICK_S)
        self.parts.stopped = True
        cut = self.parts.cut_all()
        await asyncio.sleep(0)  # the last words of what was cut go out
        self.listener.close()
        if isinstance(self.parts.counts, SharedCounts):
            await self.parts.counts.close()
        if self._telemetry is not None:
            await self._telemetry.close()
        await self._shipping.ship_once()
        await self.parts.applications.save()
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._probing.close()
        self.parts.pool.close()
        self.parts.credentials.wipe_all()
        self._remembering.save()
        self.parts.journal.close()
        self._log("stopped", cut=cut)

    async def _tick(self) -> None:
        """The one clock: deadlines, expiry, the next journal segment."""
        parts = self.parts
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            parts.credentials.expire()
            parts.check_deadlines(now_s)
            self.listener.tick(now_s)
            parts.pool.expire(now_s)
            parts.journal.maintain()

    async def _save(self) -> None:
        """The snapshot, the journal's pages, and sessions that are idle: once a second, off the loop."""
        saved_s = time.monotonic()
        while True:
            await asyncio.sleep(SAVE_S)
            self.parts.limits.forget_idle(time.monotonic())
            await self._remembering.save_sometimes()
            descriptor = self.parts.journal.open_descriptor
            if descriptor is not None:
                await self._flush(descriptor)
            if self.parts.applications.unsaved or time.monotonic() - saved_s > SAVE_UNCHANGED_S:
                saved_s = time.monotonic()
                await self.parts.applications.save()

    async def _flush(self, descriptor: int) -> None:
        """Have the journal's pages written; a disk that fails is said once, and serving goes on."""
        try:
            await asyncio.to_thread(os.fdatasync, descriptor)
        except OSError as error:
            if not self._unflushed:
                self._log("journal_not_flushed", errno=error.errno or 0)
            self._unflushed = True
        else:
            self._unflushed = False

    def _keep_going(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that ends on its own is a fault: stop the process, and let the supervisor start it anew."""
        if not task.cancelled() and task.exception() is not None:
            self._log("exchange_broken", error=type(task.exception()).__name__, place="process.py")
            os.kill(os.getpid(), signal.SIGTERM)

    def _loop_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody caught is an event of ours; a traceback may hold anything."""
        error = context.get("exception")
        place = place_of(error) if error is not None else ""
        self._log("loop_fault", error=type(error).__name__, place=place or "elsewhere")

    def _connected(self) -> dict[str, bool]:
        return {"vault": self.vault.connected, "console": self.console.connected}

    def _admin_names(self) -> frozenset[bytes]:
        return frozenset({self.config.admin_host.encode(), b"localhost", b"127.0.0.1", b"[::1]"})

    def _application_changed(self, application: str, now: Known | None) -> None:
        self.parts.application_changed(application, now)

    def _credential_revoked(self, credential: str) -> int:
        return self.parts.cut_credential(credential)

    def _vault_noticed(self, notice: Message) -> None:
        self._waymark.noticed(notice)
        self.parts.credentials.noticed(notice)

    def _console_noticed(self, notice: Message) -> None:
        self._probing.noticed(notice)

    def _vault_connected(self) -> None:
        self._waymark.show(self.vault)
        self._log("vault_connected")
        self.parts.credentials.reconnected(each.credential for each in self.parts.running)

    def _vault_lost(self) -> None:
        self._log("vault_lost", held=len(self.parts.keys))

    def _console_connected(self) -> None:
        self._log("console_connected")
        self.parts.applications.connected()

    def _console_lost(self) -> None:
        self._log("console_lost", known=len(self.parts.applications))
        self.parts.applications.disconnected()


def _say(line: str) -> None:
    sys.stderr.write(f"wire {line}\n")


def _way_out(config: ProxyConfig, wire: DebugWire | None) -> WayOut:
    way_out = (WayOut if wire is None else ShownWayOut)(
        tls_context(config.egress_ca_file),
        forward_proxy=parse_forward_proxy(config.egress_proxy) if config.egress_proxy else None,
        plain_http_to_loopback=config.dangerously_allow_plain_http_to_loopback,
        networks=parse_networks(config.egress_networks),
    )
    if wire is not None and isinstance(way_out, ShownWayOut):
        way_out.wire = wire
    return way_out
