"""The vault as a process: builds every part, listens on two sockets and one port, ends cleanly.

Counterparts: the supervisor starts it, `config` says how, `listener` takes browsers' connections.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from sealgate.log import LineLog, Log
from sealgate.messages.frames import PROTOCOL, Hello
from sealgate.messages.opening import CredentialChanged, OpeningRequest
from sealgate.messages.operating import OPERATOR_SOCKET, OperatorRequest
from sealgate.messages.server import Handler, Server
from sealgate.messages.tickets import TicketRequest
from sealgate.vault.admin import Admin
from sealgate.vault.administering import Administering
from sealgate.vault.administrator_pages import AdministratorPages
from sealgate.vault.audit import Audit
from sealgate.vault.audit_queue import AuditedLog, AuditQueue
from sealgate.vault.auditing import Auditing
from sealgate.vault.checking import Checking
from sealgate.vault.config import VaultConfig
from sealgate.vault.deposits import Deposits
from sealgate.vault.desk import Desk
from sealgate.vault.envelopes import Envelopes
from sealgate.vault.erasures import Erasures
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError, StorageError
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.hygiene import check_environment, harden_process
from sealgate.vault.inspection import Inspection
from sealgate.vault.keeper_first import keeper_first
from sealgate.vault.kek_changes import KekChanges
from sealgate.vault.key_listing import KeyListing
from sealgate.vault.listener import PageListener, sealing_listener
from sealgate.vault.observing import Observer, Parts
from sealgate.vault.opener import Opener
from sealgate.vault.opens import FLUSH_EVERY_S
from sealgate.vault.operator import Operator
from sealgate.vault.page_assets import ASSETS, load_assets
from sealgate.vault.pages import Pages
from sealgate.vault.proposals import Proposals
from sealgate.vault.sealing_epochs import SealingEpochs
from sealgate.vault.stores import build_stores
from sealgate.vault.tally import Tally
from sealgate.vault.turns import in_turns
from sealgate.vault.waymarks import Waymarks

OPENER_SOCKET = "vault-opener.sock"
DESK_SOCKET = "vault-desk.sock"


def run(config: VaultConfig) -> None:
    """Run a vault until SIGTERM or SIGINT; raises `StartError` if it must not start."""
    log = LineLog("vault", EVENTS)
    try:
        harden_process()
        check_environment(os.environ, log)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(config, log))
    except StartError as error:
        log("refused_to_start", code=error.code)
        raise


async def _serve(config: VaultConfig, log: Log) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    vault = Vault(config, log)
    loop.set_exception_handler(
        lambda _loop, context: vault.log("loop_failed", error=_name_of(context.get("exception")))
    )
    await vault.start()
    gc.freeze()  # what is there now stays: looking through it again and again would hold up proxies
    try:
        await stop.wait()
    finally:
        await vault.close()


class Vault:
    """Every part of one vault, put together. `start` listens, `close` ends it."""

    def __init__(
        self,
        config: VaultConfig,
        log: Log,
        *,
        clock: Callable[[], float] = time.time,
        assets_folder: Path = ASSETS,
    ) -> None:
        assets = load_assets(assets_folder)
        log = self._tally = Tally(log)
        self._config = config
        self._clock = clock
        queue = AuditQueue(clock)
        self._log: Log = AuditedLog(log, EVENTS, queue)
        log = self._log
        self._foundation = lay_foundation(config.data_dir, config.instance, log, config.kek, clock)
        base = self._foundation
        self._waymarks = Waymarks(config.instance, config.data_dir, base.keys.waymarks, base.witness, log)
        self._audit = Audit(config.data_dir, base, queue, days=config.audit_days, clock=clock, log=log)
        self._stores = build_stores(config, self._foundation, self._notify, log)
        deposits = Deposits(config, self._foundation.keys.fingerprint, self._stores, log)
        envelopes = Envelopes(config.instance, self._stores.keyring, self._stores.credentials)
        self._epochs = SealingEpochs(
            config, self._foundation.database, self._stores, envelopes, clock=clock, log=log
        )
        opener = Opener(config, self._stores, envelopes, clock, log)
        self._quotas = opener.quotas
        self._erasures = Erasures(config, self._foundation, self._stores, self._epochs, clock=clock, log=log)
        desk = Desk(self._stores, deposits, self._erasures, clock, log)
        opening = self._waymarks.guarding_opens(self._tally.counting_opens(opener.handle))
        self._opener_server = self._server(OPENER_SOCKET, OpeningRequest, opening, config.opener_uids)
        changing = keeper_first(base.kek, self._waymarks.guarding_changes(desk.handle))
        self._desk_server = self._server(DESK_SOCKET, TicketRequest, changing, config.desk_uids)
        administrators = self._stores.administrators
        proposals = Proposals(
            config.instance, config.public_url, self._foundation, administrators, clock=clock, log=log
        )
        self._kek_changes = KekChanges(config.instance, self._foundation, proposals, clock=clock, log=log)
        self._checking = Checking(base.database, base.witness, base.seal, clock=clock, log=log)
        operator = self._make_operator(Administering(config, administrators, proposals, clock))
        operating = keeper_first(base.kek, operator.handle)
        self._operator_server = self._server(OPERATOR_SOCKET, OperatorRequest, operating, (os.geteuid(), 0))
        people = AdministratorPages(config.instance, administrators, proposals, clock)
        self._pages = Pages(
            config, deposits, people, keeper=base.kek.awake, assets=assets, clock=clock, log=log
        )
        self._admin = self._make_admin(clock, assets_folder)
        self._web: PageListener | None = None
        self._admin_web: PageListener | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def log(self) -> Log:
        """What whoever runs the vault logs with, so that it is audited too."""
        return self._log

    @property
    def port(self) -> int:
        """The port of the sealing page, once started."""
        assert self._web is not None
        return self._web.port

    @property
    def admin_port(self) -> int:
        """The port for operators, once started."""
        assert self._admin_web is not None
        return self._admin_web.port

    def _server(self, socket: str, requests: object, handler: Handler, uids: Sequence[int]) -> Server:
        """One socket; whoever is cut there is told to the log."""
        hello = Hello(protocol=PROTOCOL, instance=self._config.instance, process="vault")
        server = Server(self._config.runtime_dir / socket, hello, requests, handler, uids)
        server.on_refused = lambda code, uid: self._log("peer_refused", socket=socket, code=code, uid=uid)
        return server

    def _make_operator(self, administering: Administering) -> Operator:
        return Operator(
            self._kek_changes,
            self._epochs,
            self._erasures,
            administering=administering,
            inspection=Inspection(self._config, self._foundation),
            checking=self._checking,
            auditing=Auditing(self._foundation, self._audit, self._stores.counts, self._clock),
            log=self._log,
        )

    def _make_admin(self, clock: Callable[[], float], assets_folder: Path) -> Admin:
        config, base, stores = self._config, self._foundation, self._stores
        sockets = {"proxies": self._opener_server, "console": self._desk_server}
        parts = Parts(
            config,
            base,
            stores,
            self._kek_changes,
            self._checking,
            self._audit,
            self._quotas,
            self._tally,
            sockets,
        )
        listing = KeyListing(base.database, stores.keyring, config.sealing_key_days)
        return Admin(config.admin_host, Observer(parts, clock), listing, assets_folder, self._log)

    async def start(self) -> None:
        """Listen everywhere; raises `StartError` for a port that is taken."""
        try:
            self._erasures.resume()
            self._web = sealing_listener(self._pages.app, self._config, self._log)
            self._admin_web = PageListener(
                self._admin.app, self._config.admin_host, self._config.admin_port, "admin_port"
            )
            await self._opener_server.start()
            await self._desk_server.start()
            await self._operator_server.start()
            await self._web.start()
            await self._admin_web.start()
        except BaseException:
            await self.close()
            raise
        background = (
            self._flush_now_and_then(),
            self._epochs.run(),
            self._erasures.run(),
            self._checking.run(),
            self._waymarks.run(self._opener_server.notify, lambda: self._opener_server.peers),
            self._audit.run(),
        )
        self._tasks += map(asyncio.create_task, background)
        for task in self._tasks:
            task.add_done_callback(self._tell_end)
        self._kek_changes.resume()
        for origin in self._config.plain_origins:
            self._log("plain_http_allowed", origin=origin)
        if not self._locks_memory():
            self._log("memory_not_locked")
        self._log(
            "started",
            host=self._config.host,
            port=self.port,
            admin=f"{self._config.admin_host}:{self.admin_port}",
            kek=self._foundation.kek.version,
            instance=self._config.instance,
        )

    async def close(self) -> None:
        """Stop listening, write what is only in memory, close the files. Safe after a failed start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._opener_server.close()
        await self._desk_server.close()
        await self._operator_server.close()
        await self._kek_changes.close()
        await asyncio.gather(*(web.close() for web in (self._web, self._admin_web) if web is not None))
        self._flush()
        self._quotas.close()
        self._log("stopped")
        self._audit.close()
        self._foundation.close()

    def _notify(self, notice: CredentialChanged) -> int:
        return self._opener_server.notify(notice)

    def _locks_memory(self) -> bool:
        self._stores.arena.take().wipe()
        return self._stores.arena.locked

    def _tell_end(self, task: asyncio.Task[None]) -> None:
        """Nothing in the background ends before it is told to: what does is a defect, logged at once."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log("loop_failed", error=type(error).__name__)

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                await in_turns(self._counted())
            except StorageError as error:
                self._tell_unwritten(error)
            self._quotas.settle()
            await self._shorten_anchor()

    def _flush(self) -> None:
        try:
            for _piece in self._counted():
                pass
        except StorageError as error:
            self._tell_unwritten(error)

    def _counted(self) -> Iterator[None]:
        """Write counts of opens, a small transaction at a time."""
        yield from self._stores.opens.pieces()
        yield from self._stores.counts.pieces(self._clock())

    def _tell_unwritten(self, error: StorageError) -> None:
        self._log("database_failed", error=type(error).__name__, operation="flush")

    async def _shorten_anchor(self) -> None:
        try:
            await self._foundation.witness.shorten()
        except OSError as error:
            self.log("database_failed", error=type(error).__name__, operation="shorten-anchor")


def _name_of(exception: object) -> str:
    return type(exception).__name__ if exception is not None else "none"
