"""Reads usage for its page and its CSV file: filtered, newest first, with sums and days.

Every sum is over the whole filter, not over the page. A cost is the list price that was found when the usage
came in; what has no price is counted apart and is in no sum.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from sqlalchemy import Integer, Select, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ColumnElement

from sealgate.console.applications.models import Application
from sealgate.console.days import DAY_S, DayRange
from sealgate.console.usage.models import Usage

PAGE_ROWS = 50
ROWS_AT_ONCE = 1_000
DIRECT = "-"
"""What the filter `action` has for direct use of the API."""


class UsageFilter(Struct, frozen=True):
    """Which usage is meant; empty means all."""

    application: str = ""
    model: str = ""
    action: str = ""
    outcome: str = ""
    days: DayRange = DayRange()


class Totals(Struct, frozen=True):
    """Sums over everything that a list shows on all of its pages."""

    exchanges: int
    input_tokens: int
    output_tokens: int
    estimated: bool
    """True if any part of the sums is ours rather than the provider's."""
    cost_nano_usd: int
    unpriced: int
    """How many exchanges have no price."""


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


class UsageDay(Struct, frozen=True):
    """Sums over one day; `number` counts days from 1 January 1970."""

    number: int
    exchanges: int
    tokens: int
    cost_nano_usd: int


class Choices(Struct, frozen=True):
    """What the filter offers: whatever stands in the usage that is kept."""

    models: Sequence[str]
    actions: Sequence[str]


async def usage_page(tx: AsyncSession, organization: str, wanted: UsageFilter, page: int) -> UsagePage:
    """Newest exchanges first, 50 to a page; a page that does not exist gives the nearest one."""
    scope = _scope(organization, wanted)
    totals = await _totals(tx, scope)
    pages = max(1, -(-totals.exchanges // PAGE_ROWS))
    page = min(max(page, 1), pages)
    rows = await tx.execute(
        _rows(scope)
        .order_by(Usage.started_at.desc(), Usage.id.desc())
        .limit(PAGE_ROWS)
        .offset((page - 1) * PAGE_ROWS)
    )
    return UsagePage(
        [UsageLine(usage, name or usage.application_id) for usage, name in rows], totals, page, pages
    )


async def usage_lines(tx: AsyncSession, organization: str, wanted: UsageFilter) -> AsyncIterator[UsageLine]:
    """All of it, in the order in which it was counted, read piece by piece."""
    scope, after = _scope(organization, wanted), 0
    while True:
        rows = await tx.execute(_rows([*scope, Usage.id > after]).order_by(Usage.id).limit(ROWS_AT_ONCE))
        lines = [UsageLine(usage, name or usage.application_id) for usage, name in rows]
        for line in lines:
            yield line
        if len(lines) < ROWS_AT_ONCE:
            return
        after = lines[-1].usage.id
        tx.expunge_all()


async def usage_days(tx: AsyncSession, organization: str, wanted: UsageFilter) -> Sequence[UsageDay]:
    """Every day (UTC) that has usage, oldest first."""
    day = cast(Usage.started_at, Integer) // DAY_S
    rows = await tx.execute(
        select(
            day,
            func.count(Usage.id),
            func.coalesce(func.sum(Usage.input_tokens + Usage.output_tokens), 0),
            func.coalesce(func.sum(Usage.cost_nano_usd), 0),
        )
        .where(*_scope(organization, wanted))
        .group_by(day)
        .order_by(day)
    )
    return [UsageDay(int(day), count, tokens or 0, cost or 0) for day, count, tokens, cost in rows]


async def usage_choices(tx: AsyncSession, organization: str) -> Choices:
    """Models and actions that there is usage of."""
    mine = Usage.organization_id == organization
    found = (await tx.execute(select(Usage.model, Usage.action).where(mine).distinct())).all()
    models, actions = {model for model, _action in found}, {action for _model, action in found}
    return Choices(sorted(models - {""}), sorted(actions - {""}))


def _rows(scope: Sequence[ColumnElement[bool]]) -> Select[Usage, str]:
    return (
        select(Usage, Application.name)
        .outerjoin(Application, Application.id == Usage.application_id)
        .where(*scope)
    )


async def _totals(tx: AsyncSession, scope: Sequence[ColumnElement[bool]]) -> Totals:
    row = await tx.execute(
        select(
            func.count(Usage.id),
            func.coalesce(func.sum(Usage.input_tokens), 0),
            func.coalesce(func.sum(Usage.output_tokens), 0),
            func.coalesce(func.max(Usage.estimated), 0),
            func.coalesce(func.sum(Usage.cost_nano_usd), 0),
            func.count(Usage.id) - func.count(Usage.cost_nano_usd),
        ).where(*scope)
    )
    exchanges, input_tokens, output_tokens, estimated, cost, unpriced = row.one()
    return Totals(exchanges, input_tokens, output_tokens, bool(estimated), cost or 0, unpriced)


def _scope(organization: str, wanted: UsageFilter) -> list[ColumnElement[bool]]:
    scope = [Usage.organization_id == organization]
    if wanted.action == DIRECT:
        scope.append(Usage.action == "")
    elif wanted.action:
        scope.append(Usage.action == wanted.action)
    if wanted.application:
        scope.append(Usage.application_id == wanted.application)
    if wanted.model:
        scope.append(Usage.model == wanted.model)
    if wanted.outcome:
        scope.append(Usage.outcome == wanted.outcome)
    if wanted.days.from_s is not None:
        scope.append(Usage.started_at >= wanted.days.from_s)
    if wanted.days.until_s is not None:
        scope.append(Usage.started_at < wanted.days.until_s)
    return scope
