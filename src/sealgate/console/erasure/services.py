"""What an erasure does to the console's own rows, and what stays.

The vault erases keys; here go settings, origins, session keys, tickets and tests. What stays: ids and names
in the record of changes, and usage in numbers under pseudonyms until its retention ends. Counterpart:
`ordering`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Invitation, Organization, User
from sealgate.console.addon.models import Addon, Probe, TicketAsked
from sealgate.console.applications.models import Application, Origin, SessionKey
from sealgate.console.applications.policies import starting_policy
from sealgate.console.applications.services import find_application, list_applications
from sealgate.console.audit.services import Editing
from sealgate.console.erasure.models import ErasureOrder
from sealgate.console.feed.services import note_change
from sealgate.messages.erasing import ErasureKind
from sealgate.policy.document import encode_policy


class Wanted(Struct, frozen=True):
    """What somebody wants erased. `application` is empty for an organization."""

    kind: ErasureKind
    subject: str
    name: str
    application: str | None = None


async def order_erasure(edit: Editing, wanted: Wanted) -> ErasureOrder:
    """Write the order down, or find the one that is there: nothing is erased by this yet."""
    known = await edit.tx.get(ErasureOrder, wanted.subject)
    if known is not None:
        return known
    order = ErasureOrder(
        subject=wanted.subject,
        kind=wanted.kind.value,
        organization_id=edit.organization,
        application_id=wanted.application,
        name=wanted.name,
        user_id=edit.user,
        token_id=edit.token,
        ordered_at=edit.now_s,
        receipt=None,
        settled_at=None,
    )
    edit.tx.add(order)
    await edit.record("erasure.ordered", f"{wanted.kind.value} {wanted.name}", wanted.application)
    return order


async def drop_order(edit: Editing, subject: str, code: str) -> None:
    """The vault refused: nothing was erased, and the order is taken back."""
    order = await edit.tx.get(ErasureOrder, subject)
    if order is not None and order.settled_at is None:
        await edit.tx.delete(order)
        await edit.record("erasure.refused", f"{order.kind} {order.name}: {code}", order.application_id)


async def settle(edit: Editing, subject: str, receipt: str) -> None:
    """The vault took the order: delete the console's own rows of it, and keep the receipt's id. Once."""
    order = await edit.tx.get(ErasureOrder, subject)
    if order is None or order.settled_at is not None:
        return
    order.receipt, order.settled_at = receipt, edit.now_s
    await _CLEAR[ErasureKind(order.kind)](edit, order)


async def pending_orders(tx: AsyncSession) -> Sequence[ErasureOrder]:
    """Orders that the vault has not answered, the oldest first."""
    rows = await tx.scalars(
        select(ErasureOrder).where(ErasureOrder.settled_at.is_(None)).order_by(ErasureOrder.ordered_at)
    )
    return rows.all()


async def orders_of(tx: AsyncSession, organization: str) -> Mapping[str, tuple[ErasureOrder, str | None]]:
    """Subject → its order and the name of who ordered it; the newest first."""
    rows = await tx.execute(
        select(ErasureOrder, User.name)
        .outerjoin(User, User.id == ErasureOrder.user_id)
        .where(ErasureOrder.organization_id == organization)
        .order_by(ErasureOrder.ordered_at.desc(), ErasureOrder.subject)
    )
    return {order.subject: (order, name) for order, name in rows}


async def _clear_credential(edit: Editing, order: ErasureOrder) -> None:
    await edit.tx.execute(delete(TicketAsked).where(TicketAsked.credential == order.subject))
    await edit.tx.execute(delete(Probe).where(Probe.credential == order.subject))
    application = await edit.tx.get(Application, order.application_id) if order.application_id else None
    if application is None:
        return
    addon = await edit.tx.get(Addon, application.id)
    if addon is not None:
        await _forget_credential(edit, addon, order.subject)
    await note_change(edit, application, "credential.erased", order.name)


async def _forget_credential(edit: Editing, addon: Addon, credential: str) -> None:
    if addon.credential == credential:
        if addon.next_credential is None or addon.next_provider is None or addon.next_origin is None:
            await edit.tx.delete(addon)
            return
        addon.credential, addon.provider = addon.next_credential, addon.next_provider
        addon.origin = addon.next_origin
    elif addon.next_credential != credential:
        return
    addon.next_credential = addon.next_provider = addon.next_origin = None


async def _clear_application(edit: Editing, order: ErasureOrder) -> None:
    application = await find_application(edit.tx, edit.organization, order.subject)
    await _empty(edit, application)


async def _clear_organization(edit: Editing, _order: ErasureOrder) -> None:
    for application, _addon in await list_applications(edit.tx, edit.organization):
        await _empty(edit, application)
    open_ones = Invitation.accepted_at.is_(None)
    await edit.tx.execute(
        delete(Invitation).where(Invitation.organization_id == edit.organization, open_ones)
    )
    organization = await edit.tx.get_one(Organization, edit.organization)
    organization.erased_at = edit.now_s
    await edit.record("organization.erased", organization.name)


async def _empty(edit: Editing, application: Application) -> None:
    """Leave an application's id and name, for the record of changes and for usage."""
    for table in (Origin, SessionKey, Addon, TicketAsked, Probe):
        await edit.tx.execute(delete(table).where(table.application_id == application.id))
    application.policy = encode_policy(starting_policy())
    application.external_name, application.active = None, False
    application.erased_at = edit.now_s
    await note_change(edit, application, "application.erased", application.name)


_CLEAR = {
    ErasureKind.CREDENTIAL: _clear_credential,
    ErasureKind.APPLICATION: _clear_application,
    ErasureKind.ORGANIZATION: _clear_organization,
}
