"""Puts prices on usage: on each batch as it comes, and later on what had no price in an older table.

A price that was found stays: what was said to have been spent does not change with the next table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.addon.models import Addon
from sealgate.console.database import Database
from sealgate.console.usage.models import Usage
from sealgate.console.usage.prices import Prices, Spent
from sealgate.messages.feed import UsageBatch, UsageRecord

ROWS_AT_ONCE = 500


class Priced(Struct, frozen=True):
    """What one exchange cost by which table; `nano_usd` is `None` where that has no price."""

    nano_usd: int | None
    table: str


async def price_batch(database: Database, prices: Prices, batch: UsageBatch) -> Mapping[int, Priced]:
    """Sequence → price, for every record of a batch."""
    async with database.reading() as tx:
        addons = await _addons(tx, {record.application for record in batch.records})
    spent = {
        record.sequence: Spent(
            *_asked(record, addons.get(record.application, ("", ""))),
            record.model,
            record.input_tokens,
            record.output_tokens,
            record.cached_tokens,
            record.started_at,
        )
        for record in batch.records
    }
    return await asyncio.to_thread(_price, prices, spent)


async def price_waiting(database: Database, prices: Prices) -> int:
    """Look up what no table, or an older one only, was asked for; gives how many rows have a price now."""
    priced, after = 0, 0
    while True:
        async with database.reading() as tx:
            rows = await _waiting(tx, prices.name, after)
            addons = await _addons(tx, {row.application_id for row in rows})
        if not rows:
            return priced
        found = await asyncio.to_thread(_price, prices, {row.id: _spent(row, addons) for row in rows})
        async with database.writing() as tx:
            for row_id, price in found.items():
                await tx.execute(
                    update(Usage)
                    .where(Usage.id == row_id)
                    .values(cost_nano_usd=price.nano_usd, price_table=price.table)
                )
        priced += sum(price.nano_usd is not None for price in found.values())
        after = rows[-1].id


def _price(prices: Prices, spent: Mapping[int, Spent]) -> dict[int, Priced]:
    table = prices.name
    return {number: Priced(prices.nano_usd(each), table) for number, each in spent.items()}


async def _waiting(tx: AsyncSession, table: str, after: int) -> Sequence[Usage]:
    rows = await tx.scalars(
        select(Usage)
        .where(
            Usage.id > after,
            Usage.cost_nano_usd.is_(None),
            or_(Usage.price_table.is_(None), Usage.price_table != table),
        )
        .order_by(Usage.id)
        .limit(ROWS_AT_ONCE)
    )
    return rows.all()


async def _addons(tx: AsyncSession, applications: set[str]) -> dict[str, tuple[str, str]]:
    rows = await tx.execute(
        select(Addon.application_id, Addon.provider, Addon.origin).where(
            Addon.application_id.in_(applications)
        )
    )
    return {application: (provider, origin) for application, provider, origin in rows}


def _asked(use: Usage | UsageRecord, addon: tuple[str, str]) -> tuple[str, str]:
    """Provider and origin of the one that was asked; rows from before they were written: the add-on's."""
    return (use.provider, use.origin) if use.provider else addon


def _spent(row: Usage, addons: Mapping[str, tuple[str, str]]) -> Spent:
    provider, origin = _asked(row, addons.get(row.application_id, ("", "")))
    return Spent(
        provider, origin, row.model, row.input_tokens, row.output_tokens, row.cached_tokens, row.started_at
    )
