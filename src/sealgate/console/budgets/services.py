"""Budgets of an organization: stored once, told to the proxies in every application's document.

Counterpart: `feed.services`, which compiles them in. Budgets of an application stand in its policy.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Organization
from sealgate.console.applications.models import Application
from sealgate.console.audit.services import Editing
from sealgate.console.budgets.forms import organization_budgets
from sealgate.console.feed.services import tell_proxies
from sealgate.policy.budgets import Budget, decode_budgets


async def budgets_of(tx: AsyncSession, organization: str) -> tuple[Budget, ...]:
    """What the organization's applications may use together."""
    return decode_budgets((await tx.get_one(Organization, organization)).budgets)


async def set_budgets(edit: Editing, budgets: Sequence[Budget]) -> None:
    """Store them, and tell every proxy that knows an application of the organization; raises `InputError`."""
    organization = await edit.tx.get_one(Organization, edit.organization)
    encoded = msgspec.msgpack.encode(organization_budgets(budgets))
    if encoded == (organization.budgets or msgspec.msgpack.encode(())):
        return
    organization.budgets = encoded
    await edit.record("budgets.changed")
    rows = await edit.tx.scalars(
        select(Application).where(
            Application.organization_id == edit.organization, Application.erased_at.is_(None)
        )
    )
    for application in rows.all():
        await tell_proxies(edit, application)
