"""What the feed tells: an application's document and what changed since a cursor.

Counterpart: the proxies' feed client. A document holds nothing secret and nothing of people.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Organization
from sealgate.console.addon.models import Addon
from sealgate.console.applications.models import Application, Origin, SessionKey
from sealgate.console.audit.services import Editing
from sealgate.console.feed.models import Change
from sealgate.messages import feed
from sealgate.policy.budgets import decode_budgets
from sealgate.policy.document import PolicyError, decode_policy, encode_policy

NO_POLICY = b"\xc0"
"""The msgpack of nothing: what a proxy calls damaged."""
CHANGES_KEPT = 10_000
"""Older changes are forgotten; a proxy that was away for longer asks for everything anew."""


async def application_document(tx: AsyncSession, application_id: str) -> feed.Application | None:
    """Everything that a proxy must know of one application, or None if there is none, or none any more."""
    application = await tx.get(Application, application_id)
    if application is None or application.erased_at is not None:
        return None
    organization = await tx.get_one(Organization, application.organization_id)
    addon = await tx.get(Addon, application_id)
    origins = await tx.scalars(
        select(Origin.origin).where(Origin.application_id == application_id).order_by(Origin.origin)
    )
    keys = await tx.scalars(
        select(SessionKey)
        .where(SessionKey.application_id == application_id, SessionKey.revoked_at.is_(None))
        .order_by(SessionKey.created_at)
    )
    return feed.Application(
        organization=application.organization_id,
        application=application.id,
        name=application.name,
        version=application.version,
        active=application.active and addon is not None and addon.active,
        origins=tuple(origins),
        session_keys=tuple(feed.SessionKeyEntry(key.kid, key.algorithm, key.public_key) for key in keys),
        credential=_reference(addon),
        policy=msgspec.Raw(_with_budgets(application.policy, organization.budgets)),
    )


async def changes_since(tx: AsyncSession, cursor: int) -> feed.Changes:
    """What changed after `cursor`; `reset` where the log cannot say (too old, or of another database)."""
    oldest, newest = (await tx.execute(select(func.min(Change.cursor), func.max(Change.cursor)))).one()
    if newest is None:
        return feed.Changes(cursor=0, applications=(), reset=cursor != 0)
    if cursor > newest or cursor < oldest - 1:
        return feed.Changes(cursor=newest, applications=(), reset=True)
    changed = await tx.scalars(select(Change.application_id).where(Change.cursor > cursor).distinct())
    return feed.Changes(cursor=newest, applications=tuple(sorted(changed)))


async def note_change(edit: Editing, application: Application, what: str, detail: str = "") -> None:
    """Write down a change of an application and tell the proxies, all in this transaction."""
    await edit.record(what, detail, application.id)
    await tell_proxies(edit, application)


async def tell_proxies(edit: Editing, application: Application) -> None:
    """Have every proxy that knows the application ask for it anew."""
    application.version += 1
    change = Change(application_id=application.id, changed_at=edit.now_s)
    edit.tx.add(change)
    await edit.tx.flush()
    await edit.tx.execute(delete(Change).where(Change.cursor <= change.cursor - CHANGES_KEPT))


def _with_budgets(policy: bytes, budgets: bytes | None) -> bytes:
    """The policy with the organization's budgets among its own.

    Where one of them cannot be read, there is no policy: proxies refuse, and nothing passes without limit.
    """
    if budgets is None:
        return policy
    try:
        own = decode_policy(policy)
        return encode_policy(msgspec.structs.replace(own, budgets=(*own.budgets, *decode_budgets(budgets))))
    except (PolicyError, msgspec.MsgspecError, ValueError):
        return NO_POLICY


def _reference(addon: Addon | None) -> feed.CredentialReference | None:
    if addon is None:
        return None
    return feed.CredentialReference(addon.credential, addon.provider, addon.origin)
