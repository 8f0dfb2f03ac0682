"""A vault's parts without sockets and event loop: for tests that stop it in the middle of a change."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from sealgate.envelope import SUITE_1, Context, seal
from sealgate.log import LineLog
from sealgate.messages.frames import Message
from sealgate.messages.server import Peer, Reply, SecretReply
from sealgate.messages.tickets import IssueTicket, TicketIssued
from sealgate.vault.audit import Audit
from sealgate.vault.audit_queue import AuditedLog, AuditQueue
from sealgate.vault.deposits import Deposited, Deposits
from sealgate.vault.desk import Desk
from sealgate.vault.envelopes import Envelopes
from sealgate.vault.erasures import Erasures
from sealgate.vault.events import EVENTS
from sealgate.vault.foundation import Foundation, lay_foundation
from sealgate.vault.opener import Opener
from sealgate.vault.sealing_epochs import SealingEpochs
from sealgate.vault.stores import build_stores
from tests.vault.deployment import Addresses, Clock, open_request, vault_config


class StillVault:
    """Opens the vault's files in a folder; `with` closes them."""

    def __init__(self, folder: Path, foundation: Foundation | None = None, **changes: Any) -> None:
        self.log = io.StringIO()
        self.config = vault_config(folder, **changes)
        clock = Clock()
        queue = AuditQueue(clock)
        log = AuditedLog(LineLog("vault", EVENTS, self.log), EVENTS, queue)
        self.foundation = foundation or lay_foundation(self.config.data_dir, self.config.instance, log)
        self.audit = Audit(
            self.config.data_dir, self.foundation, queue, days=self.config.audit_days, clock=clock, log=log
        )
        self.stores = build_stores(self.config, self.foundation, lambda _notice: 0, log)
        self.deposits = Deposits(self.config, self.foundation.keys.fingerprint, self.stores, log)
        envelopes = Envelopes(self.config.instance, self.stores.keyring, self.stores.credentials)
        self._opener = Opener(self.config, self.stores, envelopes, clock, log)
        database = self.foundation.database
        self.epochs = SealingEpochs(self.config, database, self.stores, envelopes, clock=clock, log=log)
        self.erasures = Erasures(self.config, self.foundation, self.stores, self.epochs, clock=clock, log=log)
        self._desk = Desk(self.stores, self.deposits, self.erasures, clock, log)
        self.clock = clock
        self._now_s = clock.now_s

    def __enter__(self) -> StillVault:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.foundation.close()

    def ask(self, message: Message) -> Message:
        """Ask as the console does."""
        return self._desk.handle(_peer(), message)

    def issue(self, order: IssueTicket) -> TicketIssued:
        """A ticket, as the console asks for it."""
        return self.deposits.issue(order, self._now_s)

    def ready(self, order: IssueTicket, key: bytes, suite: int = SUITE_1) -> Callable[[], object]:
        """A deposit that waits to be handed in, sealed with a suite."""
        issued = self.issue(order)
        envelope = self.sealed(issued.ticket, key, suite)
        return lambda: self.hand_in(issued.ticket, envelope)

    def sealed(self, ticket: str, key: bytes, suite: int = SUITE_1) -> bytes:
        """An envelope for what the vault has on record for a ticket."""
        plan = self.deposits.plan(ticket, self._now_s)
        (pair,) = (each for each in plan.keys.pairs if each.suite == suite)
        context = Context(
            instance=self.config.instance,
            organization=plan.ticket.organization,
            application=plan.ticket.application,
            credential=plan.ticket.credential,
            version=plan.ticket.version,
            provider=plan.ticket.provider,
            origin=plan.ticket.origin,
            key_id=pair.key_id,
        )
        return seal(key, pair.public, context)

    def hand_in(self, ticket: str, envelope: bytes) -> Deposited:
        """Deposit an envelope."""
        return self.deposits.accept(ticket, envelope, self._now_s)

    def deposit(self, order: IssueTicket, key: bytes) -> str:
        """Deposit a key; gives the credential."""
        return str(cast(Any, self.ready(order, key)()).version.credential)

    def opens(self, at: Addresses, credential: str, version: int | None = None) -> bytes:
        """The key, as a proxy would get it; raises what the opener raises."""
        reply = self._opener.handle(_peer(), open_request(at, credential, version))
        if not isinstance(reply, Message | SecretReply):
            reply = asyncio.run(_awaited(reply))
        assert isinstance(reply, SecretReply)
        try:
            return bytes(reply.slot.key())
        finally:
            reply.slot.wipe()


async def _awaited(reply: Awaitable[Reply]) -> Reply:
    return await reply


def _peer() -> Peer:
    return cast(Peer, _Named())


class _Named:
    name = "test"
    uid = os.geteuid()
