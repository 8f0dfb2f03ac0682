"""Deletes what is too old: usage by each organization's own number of days, expired sign-ins and invitations.

Deleted bytes are overwritten (`secure_delete`) and the write-ahead log is emptied afterwards, so that nothing
of them is left in the files. The record of changes is never deleted from.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ColumnElement

from sealgate.console.accounts.models import RETENTION_DAYS, Invitation, Organization, SignIn
from sealgate.console.accounts.services import IDLE_S, LONGEST_SIGN_IN_S
from sealgate.console.audit.services import Editing
from sealgate.console.database import Database
from sealgate.console.days import DAY_S
from sealgate.console.usage.models import Usage

LONGEST_DAYS = 3_650
ROWS_AT_ONCE = 5_000
"""How many rows one transaction deletes: proxies wait for the lock meanwhile."""
PAUSE_S = 0.12
"""Between two of them. Whoever waits for SQLite's lock looks every 0.1 s, and gives up after five seconds."""


class Swept(Struct, frozen=True):
    """How many rows one run deleted."""

    usage: int
    sign_ins: int
    invitations: int


async def sweep(database: Database, now_s: float) -> Swept:
    """Delete everything that is too old now, and write down for each organization that it was done."""
    async with database.reading() as tx:
        organizations = (await tx.scalars(select(Organization))).all()
    usage = 0
    for organization in organizations:
        deleted = 0
        if organization.retention_days:
            deleted = await _delete_usage(
                database,
                Usage.organization_id == organization.id,
                now_s - organization.retention_days * DAY_S,
            )
        usage += deleted
        await _note_run(database, organization.id, deleted, now_s)
    nobodys = Usage.organization_id.not_in(select(Organization.id))
    usage += await _delete_usage(database, nobodys, now_s - RETENTION_DAYS * DAY_S)
    async with database.writing() as tx:
        swept = Swept(usage, await _delete_sign_ins(tx, now_s), await _delete_invitations(tx, now_s))
    await database.empty_log()
    return swept


async def set_retention(edit: Editing, days: int) -> None:
    """Keep usage for so many days; 0 keeps it for ever."""
    organization = await edit.tx.get_one(Organization, edit.organization)
    if organization.retention_days != days:
        organization.retention_days = days
        await edit.record("retention.changed", f"{days} days" if days else "no end")


async def _delete_usage(database: Database, whose: ColumnElement[bool], before_s: float) -> int:
    some = select(Usage.id).where(whose, Usage.started_at < before_s).limit(ROWS_AT_ONCE)
    total = 0
    while True:
        async with database.writing() as tx:
            gone = len((await tx.execute(delete(Usage).where(Usage.id.in_(some)).returning(Usage.id))).all())
        total += gone
        if gone < ROWS_AT_ONCE:
            return total
        await asyncio.sleep(PAUSE_S)


async def _note_run(database: Database, organization_id: str, deleted: int, now_s: float) -> None:
    async with database.writing() as tx:
        organization = await tx.get_one(Organization, organization_id)
        organization.retention_ran_at, organization.retention_deleted = now_s, deleted


async def _delete_sign_ins(tx: AsyncSession, now_s: float) -> int:
    ended = (SignIn.last_seen_at < now_s - IDLE_S) | (SignIn.created_at < now_s - LONGEST_SIGN_IN_S)
    return len((await tx.execute(delete(SignIn).where(ended).returning(SignIn.token_hash))).all())


async def _delete_invitations(tx: AsyncSession, now_s: float) -> int:
    ended = Invitation.expires_at < now_s
    return len((await tx.execute(delete(Invitation).where(ended).returning(Invitation.id))).all())
