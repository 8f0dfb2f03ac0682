"""Reads the record of changes for its page and its CSV file: newest first, filtered.

Counterpart: `services`, which writes it. People and applications are shown by name; the chain has their ids.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ColumnElement

from sealgate.console.accounts.models import User
from sealgate.console.api.models import ManagementToken
from sealgate.console.applications.models import Application
from sealgate.console.audit.models import AuditEntry
from sealgate.console.audit.services import WORDS, by_the_vault, in_words
from sealgate.console.days import DayRange

PAGE_ROWS = 50
ROWS_AT_ONCE = 1_000
COMMAND_LINE = "command-line"
"""What the filter `who` has for changes that nobody signed in made."""


class AuditFilter(Struct, frozen=True):
    """Which changes are meant; empty means all."""

    who: str = ""
    what: str = ""
    application: str = ""
    days: DayRange = DayRange()


class AuditLine(Struct, frozen=True):
    """One change with the names of those that it is about."""

    entry: AuditEntry
    who: str
    application_name: str
    application_there: bool = True
    """False for one that was erased: there is no page of it any more."""

    @property
    def words(self) -> str:
        """What happened, as the second half of a sentence."""
        return WORDS.get(self.entry.what, self.entry.what)


class AuditPage(Struct, frozen=True):
    """One page of the list."""

    lines: Sequence[AuditLine]
    page: int
    pages: int
    count: int


async def audit_page(tx: AsyncSession, organization: str, wanted: AuditFilter, page: int) -> AuditPage:
    """Newest first, 50 to a page; a page that does not exist gives the nearest one."""
    scope = _scope(organization, wanted)
    count = await tx.scalar(select(func.count(AuditEntry.id)).where(*scope)) or 0
    pages = max(1, -(-count // PAGE_ROWS))
    page = min(max(page, 1), pages)
    lines = await read_lines(tx, scope, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
    return AuditPage(lines, page, pages, count)


async def audit_lines(
    tx: AsyncSession, organization: str, wanted: AuditFilter, before: int | None = None
) -> AsyncIterator[AuditLine]:
    """All of them, or those before a position, newest first, read piece by piece."""
    scope = _scope(organization, wanted)
    while True:
        more = scope if before is None else [*scope, AuditEntry.id < before]
        lines = await read_lines(tx, more, limit=ROWS_AT_ONCE)
        for line in lines:
            yield line
        if len(lines) < ROWS_AT_ONCE:
            return
        before = lines[-1].entry.id


async def who_made_changes(tx: AsyncSession, organization: str) -> Sequence[User]:
    """Everybody who may stand in the record, also those who were removed, by name."""
    rows = await tx.scalars(
        select(User).where(User.organization_id == organization).order_by(func.lower(User.name), User.id)
    )
    return rows.all()


async def read_lines(
    tx: AsyncSession, scope: Sequence[ColumnElement[bool]], *, limit: int, offset: int = 0
) -> Sequence[AuditLine]:
    """Some of them with the names that belong to them, newest first."""
    rows = await tx.execute(
        select(AuditEntry, User.name, Application.name, Application.erased_at, ManagementToken.name)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .outerjoin(Application, Application.id == AuditEntry.application_id)
        .outerjoin(ManagementToken, ManagementToken.id == AuditEntry.token_id)
        .where(*scope)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [
        AuditLine(
            entry,
            in_words(name or entry.user_id or by_the_vault(entry.what), token),
            application or entry.application_id or "",
            erased_at is None,
        )
        for entry, name, application, erased_at, token in rows
    ]


def _scope(organization: str, wanted: AuditFilter) -> list[ColumnElement[bool]]:
    scope = [AuditEntry.organization_id == organization]
    if wanted.who == COMMAND_LINE:
        scope.append(AuditEntry.user_id.is_(None))
    elif wanted.who:
        scope.append(AuditEntry.user_id == wanted.who)
    if wanted.what:
        scope.append(AuditEntry.what == wanted.what)
    if wanted.application:
        scope.append(AuditEntry.application_id == wanted.application)
    if wanted.days.from_s is not None:
        scope.append(AuditEntry.at >= wanted.days.from_s)
    if wanted.days.until_s is not None:
        scope.append(AuditEntry.at < wanted.days.until_s)
    return scope
