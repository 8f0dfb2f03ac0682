"""Has the vault erase what somebody ordered, after any interruption too, and follows the vault's operators.

Counterparts: the vault's `erasures`, which gives the same receipt when it is asked again; `process`, which
runs this beside the pages. The order is on disk before the vault is asked; the console's rows go afterwards.
Who ordered it and what goes on beside the pages take turns at a subject: an order that one of them took back
is not carried out by the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Organization
from sealgate.console.addon.desk import Desk, VaultAwayError, VaultRefusedError
from sealgate.console.applications.models import Application
from sealgate.console.applications.services import NotThereError
from sealgate.console.audit.services import Editing
from sealgate.console.database import Database
from sealgate.console.erasure.models import ErasureOrder
from sealgate.console.erasure.services import Wanted, drop_order, order_erasure, pending_orders, settle
from sealgate.console.failures import where
from sealgate.console.feed.bell import Bell
from sealgate.log import Log
from sealgate.messages.erasing import Erase, ErasureKind, ErasureRow
from sealgate.messages.opening import OpenRefusal

AGAIN_AFTER_S = 5.0
IDLE_S = 60.0
LOOK_EVERY_S = 3_600.0
"""How often the vault's list is read for what its operators had erased."""


class Author(Struct, frozen=True):
    """In whose name something is erased. Without a user: an operator, at the vault."""

    organization: str
    user: str | None = None
    token: str | None = None


class Erasing:
    """Orders at the vault, and what follows from them here."""

    def __init__(
        self, database: Database, bell: Bell, desk: Desk, log: Log, now: Callable[[], float]
    ) -> None:
        self._database = database
        self._bell = bell
        self._desk = desk
        self._log = log
        self._now = now
        self._read_at: float | None = None
        self._connection = 0
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def erase(self, author: Author, wanted: Wanted) -> str:
        """Have it erased; gives the receipt's id, or nothing where the vault went away in the middle.

        Raises `VaultRefusedError`; `VaultAwayError` where it was away before: then nothing is written.
        """
        if not self._desk.connected:
            raise VaultAwayError
        async with self._turn(wanted.subject):
            async with self._database.writing() as tx:
                order = await order_erasure(self._editing(tx, author), wanted)
            try:
                return await self._carry_out(order)
            except VaultAwayError:
                self._log("erasure_waits", kind=order.kind, subject=order.subject)
                return ""

    async def run(self) -> None:
        """Go on with what is open until cancelled."""
        rung = self._bell.next
        while True:
            try:
                await self._desk.wait_connected()
                rung = self._bell.next
                waiting = await self.look()
            except (SQLAlchemyError, OSError, ValueError) as error:
                self._log("erasing_failed", kind=type(error).__name__, where=where(error))
                waiting = True
            if waiting:
                await asyncio.sleep(AGAIN_AFTER_S)
            else:
                await self._bell.wait(IDLE_S, rung)  # an order, and a vault that comes back, ring

    async def look(self) -> bool:
        """Go on once; true if something still waits for the vault."""
        async with self._database.reading() as tx:
            orders = await pending_orders(tx)
        try:
            for order in orders:
                with contextlib.suppress(VaultRefusedError):
                    await self._go_on(order.subject)
            if self._is_due():
                await self._follow_operators()
        except VaultAwayError:
            return True
        return False

    def _turn(self, subject: str) -> asyncio.Lock:
        """Held while somebody is at this subject, and kept no longer than that."""
        return self._turns.setdefault(subject, asyncio.Lock())

    async def _go_on(self, subject: str) -> None:
        """Carry out what is still open by now: somebody else may have been at it meanwhile."""
        async with self._turn(subject):
            async with self._database.reading() as tx:
                order = await tx.get(ErasureOrder, subject)
            if order is not None and order.settled_at is None:
                await self._carry_out(order, patient=True)

    async def _carry_out(self, order: ErasureOrder, *, patient: bool = False) -> str:
        """`patient`: nobody looks on, and a vault that cannot write now is as good as away."""
        author = Author(order.organization_id, order.user_id, order.token_id)
        kind = ErasureKind(order.kind)
        application = (order.application_id or "") if kind is ErasureKind.CREDENTIAL else ""
        ask = Erase(kind, order.subject, order.organization_id, application)
        try:
            receipt = (await self._desk.erase(ask)).erasure.receipt
        except VaultRefusedError as refused:
            if patient and refused.code == OpenRefusal.UNAVAILABLE.value:
                raise VaultAwayError from None  # its disk is full, or its keeper away: asked again
            async with self._database.writing() as tx:
                await drop_order(self._editing(tx, author), order.subject, refused.code)
            raise
        async with self._database.writing() as tx:
            await settle(self._editing(tx, author), order.subject, receipt)
        return receipt

    def _is_due(self) -> bool:
        fresh = self._read_at is not None and self._now() - self._read_at < LOOK_EVERY_S
        return not fresh or self._connection != self._desk.connections

    async def _follow_operators(self) -> None:
        """What was erased at the vault without us: our rows of it go too."""
        connection, now_s = self._desk.connections, self._now()
        async with self._database.reading() as tx:
            organizations = (await tx.scalars(select(Organization.id))).all()
        for organization in organizations:
            with contextlib.suppress(VaultRefusedError):
                await self._adopt(organization, await self._desk.receipts(organization))
        self._connection, self._read_at = connection, now_s

    async def _adopt(self, organization: str, rows: Sequence[ErasureRow]) -> None:
        async with self._database.reading() as tx:
            known = set(await tx.scalars(select(ErasureOrder.subject)))
        for row in reversed(rows):
            if row.subject not in known:
                with contextlib.suppress(NotThereError):
                    await self._adopt_one(organization, row)

    async def _adopt_one(self, organization: str, row: ErasureRow) -> None:
        async with self._database.writing() as tx:
            edit = self._editing(tx, Author(organization))
            application = await tx.get(Application, row.application or row.subject)
            name = application.name if application and row.kind is ErasureKind.APPLICATION else row.subject
            known = application.id if application else None
            await order_erasure(edit, Wanted(row.kind, row.subject, name, known))
            await settle(edit, row.subject, row.receipt)

    def _editing(self, tx: AsyncSession, author: Author) -> Editing:
        return Editing(tx, author.organization, author.user, self._now(), author.token)
