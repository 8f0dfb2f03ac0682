"""Erasures as pages and programs see them: the console's orders beside the vault's word on each.

Counterparts: `views` and the management API. Without the vault the orders are told alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from sealgate.console.addon.desk import Desk, VaultAwayError, VaultRefusedError
from sealgate.console.applications.services import NotThereError
from sealgate.console.database import Database
from sealgate.console.erasure.services import orders_of
from sealgate.console.erasure.states import Erasure
from sealgate.ids import is_id
from sealgate.messages.erasing import ErasureRow

OPERATOR = "an operator, at the vault"


class Listed(Struct, frozen=True):
    """Every erasure. `away`: the vault could not be asked, or refused with `trouble`."""

    erasures: Sequence[Erasure]
    away: bool
    trouble: VaultRefusedError | None = None


class Found(Struct, frozen=True):
    """One erasure and its receipt as a file has it; empty while the vault is still at it."""

    erasure: Erasure
    row: ErasureRow
    signed: str


async def list_erasures(desk: Desk, database: Database, organization: str) -> Listed:
    """The newest first."""
    trouble = None
    rows: Sequence[ErasureRow] | None = None
    try:
        rows = await desk.receipts(organization)
    except VaultRefusedError as refused:
        trouble = refused
    except VaultAwayError:
        pass
    async with database.reading() as tx:
        orders = await orders_of(tx, organization)
    known = {row.subject: row for row in rows or ()}
    found = [Erasure(order, known.get(subject), who or OPERATOR) for subject, (order, who) in orders.items()]
    found += [Erasure(None, row, OPERATOR) for row in known.values() if row.subject not in orders]
    return Listed(sorted(found, key=lambda each: -each.ordered_at), rows is None, trouble)


async def find_erasure(desk: Desk, database: Database, organization: str, receipt: str) -> Found:
    """One of them by its receipt's id; raises `NotThereError`, `VaultAwayError`."""
    if not is_id("rcpt", receipt):
        raise NotThereError
    try:
        found = await desk.receipt(organization, receipt)
    except VaultRefusedError as refused:
        if refused.code != "unknown_receipt":
            raise
        raise NotThereError from None
    async with database.reading() as tx:
        orders = await orders_of(tx, organization)
    order, who = orders.get(found.erasure.subject, (None, None))
    return Found(Erasure(order, found.erasure, who or OPERATOR), found.erasure, found.signed)
