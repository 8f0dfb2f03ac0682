"""Counts usage once and reads it back, per organization.

Counterpart: the proxies' journals, which send every record until it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ColumnElement

from sealgate.console.applications.models import Application
from sealgate.console.usage.models import Usage
from sealgate.messages.feed import UsageBatch, UsageRecord

PAGE_ROWS = 50
ROWS_AT_ONCE = 500
"""SQLite allows 32,766 parameters in one statement, and a row has twenty."""


class Counted(Struct, frozen=True):
    """What became of a batch."""

    new: int
    through: int


async def count_usage(tx: AsyncSession, batch: UsageBatch) -> Counted:
    """Store every record of a batch that is not stored yet; the rest was sent twice.

    Proxies send in order and again from the first record that was not acknowledged, so everything up to the
    batch's last sequence is stored once this transaction is.
    """
    if not batch.records:
        return Counted(0, 0)
    owners = await _owners(tx, {record.application for record in batch.records})
    rows = [_row(batch, record, owners) for record in batch.records]
    once = insert(Usage).on_conflict_do_nothing(index_elements=["proxy", "epoch", "sequence"])
    new = 0
    for start in range(0, len(rows), ROWS_AT_ONCE):
        stored = await tx.execute(once.values(rows[start : start + ROWS_AT_ONCE]).returning(Usage.id))
        new += len(stored.all())
    return Counted(new, max(record.sequence for record in batch.records))


class Totals(Struct, frozen=True):
    """Sums over everything that a list shows on all of its pages."""

    exchanges: int
    input_tokens: int
    output_tokens: int
    estimated: bool
    """True if any part of the sums is ours rather than the provider's."""


class UsageLine(Struct, frozen=True):
    """One row of the list, with its application's name."""

    usage: Usage
    application_name: str


class UsagePage(Struct, frozen=True):
    """One page of the list."""

    lines: Sequence[UsageLine]
    totals: Totals
    page: int
    pages: int


async def usage_page(tx: AsyncSession, organization: str, application: str | None, page: int) -> UsagePage:
    """Newest exchanges first, 50 to a page; a page that does not exist gives the nearest one."""
    scope = [Usage.organization_id == organization]
    if application is not None:
        scope.append(Usage.application_id == application)
    totals = await _totals(tx, scope)
    pages = max(1, -(-totals.exchanges // PAGE_ROWS))
    page = min(max(page, 1), pages)
    rows = await tx.execute(
        select(Usage, Application.name)
        .outerjoin(Application, Application.id == Usage.application_id)
        .where(*scope)
        .order_by(Usage.started_at.desc(), Usage.id.desc())
        .limit(PAGE_ROWS)
        .offset((page - 1) * PAGE_ROWS)
    )
    lines = [UsageLine(usage, name or usage.application_id) for usage, name in rows]
    return UsagePage(lines, totals, page, pages)


async def _totals(tx: AsyncSession, scope: Sequence[ColumnElement[bool]]) -> Totals:
    row = await tx.execute(
        select(
            func.count(Usage.id),
            func.coalesce(func.sum(Usage.input_tokens), 0),
            func.coalesce(func.sum(Usage.output_tokens), 0),
            func.coalesce(func.max(Usage.estimated), 0),
        ).where(*scope)
    )
    exchanges, input_tokens, output_tokens, estimated = row.one()
    return Totals(exchanges, input_tokens, output_tokens, bool(estimated))


async def _owners(tx: AsyncSession, applications: set[str]) -> dict[str, str]:
    rows = await tx.execute(
        select(Application.id, Application.organization_id).where(Application.id.in_(applications))
    )
    return {row.id: row.organization_id for row in rows}


def _row(batch: UsageBatch, record: UsageRecord, owners: dict[str, str]) -> dict[str, object]:
    return {
        "proxy": batch.proxy,
        "epoch": batch.epoch,
        "sequence": record.sequence,
        "request": record.request,
        "started_at": record.started_at,
        # Our own table says whose it is; what a proxy claims counts only for an application that is gone.
        "organization_id": owners.get(record.application, record.organization),
        "application_id": record.application,
        "pseudonym": record.pseudonym,
        "endpoint": record.endpoint,
        "action": record.action,
        "model": record.model,
        "outcome": record.outcome.value,
        "status": record.status,
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "cached_tokens": record.cached_tokens,
        "estimated": record.estimated,
        "first_byte_ms": record.first_byte_ms,
        "duration_ms": record.duration_ms,
    }
