"""Sees keys arrive at the vault: tells owners of each, and has applications use those that they waited for.

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
from sealgate.messages.tickets import CredentialRow

EVERY_S = 0.25
IDLE_S = 60.0
TICKET_OUT_S = 660.0
"""A ticket is good for ten minutes; a deposit that began in the last of them may end after it."""
LONGEST_TICKET_S = 3_660.0
"""Where keys are sealed without a network, tickets may be good for an hour."""


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
            await self._tell_deposits(application, rows)
            await self._take_over(application, AtVault(rows, ()))
        return await self._is_ticket_out()

    async def _awaiting(self) -> Sequence[Application]:
        wanted = select(Application).join(Addon, Addon.application_id == Application.id)
        if not self._missed:
            recent = TicketAsked.asked_at > self._now() - TICKET_OUT_S
            open_yet = (TicketAsked.asked_at > self._now() - LONGEST_TICKET_S) & (
                TicketAsked.deposited_at.is_(None)
            )
            asked = select(TicketAsked.application_id).where(recent | open_yet)
            wanted = wanted.where(Application.id.in_(asked))
        async with self._database.reading() as tx:
            return (await tx.scalars(wanted)).all()

    async def _is_ticket_out(self) -> bool:
        recent = TicketAsked.asked_at > self._now() - TICKET_OUT_S
        async with self._database.reading() as tx:
            return await tx.scalar(select(TicketAsked.credential).where(recent).limit(1)) is not None

    async def _tell_deposits(self, application: Application, rows: Sequence[CredentialRow]) -> None:
        """Write down each key that arrived, in the name of who took its ticket."""
        tickets = select(TicketAsked).where(
            TicketAsked.application_id == application.id, TicketAsked.deposited_at.is_(None)
        )
        arrived = {(row.credential, each.version): row for row in rows for each in row.versions}
        async with self._database.reading() as tx:
            waiting = {(each.credential, each.version) for each in await tx.scalars(tickets)}
        if not arrived.keys() & waiting:
            return
        async with self._database.writing() as tx:
            for ticket in (await tx.scalars(tickets)).all():
                row = arrived.get((ticket.credential, ticket.version))
                if row is not None:
                    ticket.deposited_at = self._now()
                    edit = Editing(tx, application.organization_id, ticket.user_id, self._now())
                    told = f"{row.origin}, version {ticket.version}"
                    await edit.record("credential.deposited", told, application.id)

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
