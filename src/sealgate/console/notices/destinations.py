"""Notices where keys may go: compares the vault's destinations with those it named before.

Counterparts: the vault, whose operators alone change them in its configuration; `process`, which runs this
beside the pages. It looks each time that the vault is reached, since a change needs a start of the vault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.accounts.models import Organization
from sealgate.console.addon.desk import Desk, VaultAwayError, VaultRefusedError
from sealgate.console.audit.services import Editing
from sealgate.console.database import Base, Database
from sealgate.console.failures import where
from sealgate.console.feed.bell import Bell
from sealgate.log import Log

LOOK_EVERY_S = 60.0

Place = tuple[str, str]
"""Provider and origin."""


class KnownDestination(Base):
    """A destination that the vault named when it was asked last."""

    __tablename__ = "known_destinations"

    provider: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)


class DestinationWatch:
    """Writes a change of destinations into the record of every organization."""

    def __init__(
        self, database: Database, bell: Bell, desk: Desk, log: Log, now: Callable[[], float]
    ) -> None:
        self._database = database
        self._bell = bell
        self._desk = desk
        self._log = log
        self._now = now
        self._connection = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._desk.wait_connected()
            try:
                await self.look()
            except (VaultAwayError, VaultRefusedError):
                await asyncio.sleep(1.0)
                continue
            except (SQLAlchemyError, OSError, ValueError) as error:
                self._log("destinations_failed", kind=type(error).__name__, where=where(error))
            await self._bell.wait(LOOK_EVERY_S)

    async def look(self) -> None:
        """Compare once for each connection; raises `VaultAwayError`, `VaultRefusedError`."""
        connection = self._desk.connections
        if connection == self._connection:
            return
        now = {(each.provider, each.origin) for each in await self._desk.destinations()}
        async with self._database.writing() as tx:
            rows = (await tx.scalars(select(KnownDestination))).all()
            before = {(row.provider, row.origin) for row in rows}
            if now != before:
                await tx.execute(delete(KnownDestination))
                tx.add_all(KnownDestination(provider=provider, origin=origin) for provider, origin in now)
            if before:  # else it is the first look, and nothing changed
                await self._record(tx, now - before, before - now)
        self._connection = connection

    async def _record(self, tx: AsyncSession, added: set[Place], removed: set[Place]) -> None:
        if not added | removed:
            return
        for organization in (await tx.scalars(select(Organization.id))).all():
            edit = Editing(tx, organization, None, self._now())
            for what, places in (("destination.added", added), ("destination.removed", removed)):
                for provider, origin in sorted(places):
                    await edit.record(what, f"{provider} {origin}")
