"""Reads notices out of the record of changes: an owner's are unread beyond the entry up to which they read.

There is no second copy: what is a notice stands in the chained record, and nobody can take one away alone.
Counterparts: `table`, which says which changes; `mailing`, which sends the same by e-mail.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import User
from sealgate.console.audit.listing import AuditLine, read_lines
from sealgate.console.audit.models import AuditEntry
from sealgate.console.audit.services import chain_end
from sealgate.console.notices.table import NOTICED

SHOWN = 100
"""How many the page shows; the record of changes has all of them."""


async def list_notices(tx: AsyncSession, organization: str) -> Sequence[AuditLine]:
    """The newest first, at most a hundred."""
    scope = [AuditEntry.organization_id == organization, AuditEntry.what.in_(NOTICED)]
    return await read_lines(tx, scope, limit=SHOWN)


async def list_untold(tx: AsyncSession, organization: str, after: int, since_s: float) -> Sequence[AuditLine]:
    """The oldest hundred beyond an entry and not older than a moment, the newest of them first.

    The oldest, so that nobody hides one behind a hundred others: those come next.
    """
    scope = [
        AuditEntry.organization_id == organization,
        AuditEntry.what.in_(NOTICED),
        AuditEntry.id > after,
        AuditEntry.at >= since_s,
    ]
    some = select(AuditEntry.id).where(*scope).order_by(AuditEntry.id).limit(SHOWN).subquery()
    last = await tx.scalar(select(func.max(some.c.id)))
    return () if last is None else await read_lines(tx, [*scope, AuditEntry.id <= last], limit=SHOWN)


async def count_unread(tx: AsyncSession, organization: str, read_to: int) -> int:
    """How many an owner has not read; beyond a hundred it counts no further."""
    some = (
        select(AuditEntry.id)
        .where(
            AuditEntry.organization_id == organization,
            AuditEntry.id > read_to,
            AuditEntry.what.in_(NOTICED),
        )
        .limit(SHOWN)
    )
    return await tx.scalar(select(func.count()).select_from(some.subquery())) or 0


async def mark_read(tx: AsyncSession, user_id: str, up_to: int) -> None:
    """Everything up to this entry is read; what came after it was drawn stays unread."""
    user = await tx.get_one(User, user_id)
    newest = (await chain_end(tx)).position
    user.notices_read_to = max(user.notices_read_to, min(up_to, newest))
