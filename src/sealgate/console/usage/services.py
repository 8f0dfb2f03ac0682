"""Counts usage once. Reading it back is `listing`'s.

Counterpart: the proxies' journals, which send every record until it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.applications.models import Application
from sealgate.console.database import Base
from sealgate.console.usage.models import Usage
from sealgate.console.usage.pricing import Priced
from sealgate.messages.feed import UsageBatch, UsageRecord

_ONCE = insert(Base.metadata.tables[Usage.__tablename__]).on_conflict_do_nothing(
    index_elements=["proxy", "epoch", "sequence"]
)
"""One row; a batch goes through it row by row, for a statement of all of them is built anew each time."""


class Counted(Struct, frozen=True):
    """What became of a batch."""

    new: int
    through: int


async def count_usage(
    tx: AsyncSession, batch: UsageBatch, priced: Mapping[int, Priced] = MappingProxyType({})
) -> Counted:
    """Store every record of a batch that is not stored yet; the rest was sent twice.

    Proxies send in order and again from the first record that was not acknowledged, so everything up to the
    batch's last sequence is stored once this transaction is. `priced`: sequence → price.
    """
    if not batch.records:
        return Counted(0, 0)
    owners = await _owners(tx, {record.application for record in batch.records})
    rows = [_row(batch, record, owners, priced.get(record.sequence)) for record in batch.records]
    stored = await (await tx.connection()).execute(_ONCE, rows)
    return Counted(stored.rowcount, max(record.sequence for record in batch.records))


async def _owners(tx: AsyncSession, applications: set[str]) -> dict[str, str]:
    rows = await tx.execute(
        select(Application.id, Application.organization_id).where(Application.id.in_(applications))
    )
    return {row.id: row.organization_id for row in rows}


def _row(
    batch: UsageBatch, record: UsageRecord, owners: dict[str, str], price: Priced | None
) -> dict[str, object]:
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
        "pictures": record.pictures,
        "sound_ms": record.sound_ms,
        "credential": record.credential,
        "provider": record.provider,
        "origin": record.origin,
        "tries": record.tries,
        "cost_nano_usd": price.nano_usd if price else None,
        "price_table": price.table if price else None,
    }
