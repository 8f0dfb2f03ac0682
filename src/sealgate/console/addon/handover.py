"""Has applications use the keys that they waited for: one for another destination, once it is deposited.

Counterpart: `process`, which runs it beside the pages, so that no page changes anything by being looked at.
The vault never calls; it is asked for as long as a ticket is out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from sealgate.console.addon.desk import Desk, VaultAwayError, VaultRefusedError
from sealgate.console.addon.models import Addon, TicketAsked
from sealgate.console.addon.services import AtVault, find_addon, switch_credential, waiting_row
from sealgate.console.applications.models import Application
from sealgate.console.audit.services import Editing
from sealgate.console.database import Database
from sealgate.console.failures import where
from sealgate.console.feed.bell import Bell
from sealgate.log import Log

EVERY_S = 0.25
IDLE_S = 60.0
TICKET_OUT_S = 660.0
"""A ticket is good for ten minutes; a deposit that began in the last of them may end after it."""


class Handover:
    """Looks every quarter of a second while a ticket is out, and at everything once it could not look."""

    def __init__(
        self, database: Database, bell: Bell, desk: Desk, log: Log, now: Callable[[], float]
    ) -> None:
        self._database = database
        self._bell = bell
        self._desk = desk
        self._log = log
        self._now = now
        self._missed = True  # what happened while no console ran

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                awaited = await self.look()
            except (SQLAlchemyError, OSError, ValueError) as error:
                self._log("handover_failed", kind=type(error).__name__, where=where(error))
                await asyncio.sleep(IDLE_S)
                continue
            if awaited:
                await asyncio.sleep(EVERY_S)
            else:
                await self._bell.wait(IDLE_S)  # a ticket is written down, and that rings

    async def look(self) -> bool:
        """Look once; true if there may be more to see soon."""
        applications = await self._awaiting()
        self._missed = False
        for application in applications:
            try:
                rows = await self._desk.credentials(application.organization_id, application.id)
            except (VaultAwayError, VaultRefusedError):
                self._missed = True
                return True
            await self._take_over(application, AtVault(rows, ()))
        return bool(applications)

    async def _awaiting(self) -> Sequence[Application]:
        wanted = select(Application).join(Addon, Addon.application_id == Application.id)
        if not self._missed:
            recent = TicketAsked.asked_at > self._now() - TICKET_OUT_S
            wanted = wanted.where(Application.id.in_(select(TicketAsked.application_id).where(recent)))
        async with self._database.reading() as tx:
            return (await tx.scalars(wanted)).all()

    async def _take_over(self, application: Application, vault: AtVault) -> None:
        async with self._database.reading() as tx:
            row = waiting_row(await find_addon(tx, application), vault)
        if row is None:
            return
        async with self._database.writing() as tx:
            if waiting_row(await find_addon(tx, application), vault) != row:
                return  # somebody was faster
            ticket = await tx.get(TicketAsked, (row.credential, row.version))
            user = ticket.user_id if ticket else None
            edit = Editing(tx, application.organization_id, user, self._now())
            await switch_credential(edit, application.id, row)
