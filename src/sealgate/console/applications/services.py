"""Applications and what belongs to them. Look-ups name the organization: what is another's is not there.

Every change goes through `note_change`, so that proxies hear of it and the record shows it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Organization, User
from sealgate.console.addon.models import Addon
from sealgate.console.applications.models import Application, Origin, SessionKey
from sealgate.console.applications.policies import starting_policy
from sealgate.console.applications.session_keys import PublicHalf
from sealgate.console.audit.services import Editing
from sealgate.console.feed.services import note_change
from sealgate.console.forms import InputError, check_name
from sealgate.ids import is_id, new_id
from sealgate.policy.document import Policy, encode_policy

MOST_ORIGINS = 50
MOST_SESSION_KEYS = 20


class NotThereError(LookupError):
    """There is no such thing in this organization; pages answer 404, whoever owns it elsewhere."""


async def list_applications(
    tx: AsyncSession, organization: str
) -> Sequence[tuple[Application, Addon | None]]:
    """Every application of the organization with its add-on, by name."""
    rows = await tx.execute(
        select(Application, Addon)
        .outerjoin(Addon, Addon.application_id == Application.id)
        .where(Application.organization_id == organization, Application.erased_at.is_(None))
        .order_by(func.lower(Application.name))
    )
    return [(application, addon) for application, addon in rows]


async def find_application(tx: AsyncSession, organization: str, application_id: str) -> Application:
    """One application of the organization; raises `NotThereError`."""
    if not is_id("app", application_id):
        raise NotThereError
    found = await tx.scalars(
        select(Application).where(
            Application.id == application_id,
            Application.organization_id == organization,
            Application.erased_at.is_(None),
        )
    )
    application = found.one_or_none()
    if application is None:
        raise NotThereError
    return application


async def create_application(edit: Editing, name: str) -> Application:
    """A new application with the ready actions and the first limits; raises `InputError`."""
    await _check_open(edit)
    application = Application(
        id=new_id("app"),
        organization_id=edit.organization,
        name=await _free_name(edit, name),
        active=True,
        version=0,
        policy=encode_policy(starting_policy()),
        created_at=edit.now_s,
    )
    edit.tx.add(application)
    await edit.tx.flush()
    await note_change(edit, application, "application.created", application.name)
    return application


async def rename_application(edit: Editing, application_id: str, name: str) -> None:
    """Give it another name; raises `InputError`."""
    application = await find_application(edit.tx, edit.organization, application_id)
    if check_name("name", name, "An application") == application.name:
        return
    application.name = await _free_name(edit, name)
    await note_change(edit, application, "application.renamed", application.name)


async def set_active(edit: Editing, application_id: str, active: bool) -> None:
    """Pause it (proxies refuse every request within a second), or end the pause."""
    application = await find_application(edit.tx, edit.organization, application_id)
    if application.active == active:
        return
    application.active = active
    await note_change(edit, application, "application.resumed" if active else "application.paused")


async def list_origins(tx: AsyncSession, application_id: str) -> Sequence[Origin]:
    """The origins of an application that was found before."""
    rows = await tx.scalars(
        select(Origin).where(Origin.application_id == application_id).order_by(Origin.origin)
    )
    return rows.all()


async def add_origin(edit: Editing, application_id: str, origin: str) -> None:
    """Allow an origin in its stored form; raises `InputError` if it is there already."""
    application = await find_application(edit.tx, edit.organization, application_id)
    there = [each.origin for each in await list_origins(edit.tx, application.id)]
    if origin in there:
        raise InputError("origin", f"{origin} is on the list already.")
    if len(there) >= MOST_ORIGINS:
        raise InputError("origin", f"An application has at most {MOST_ORIGINS} origins.", "Remove one first.")
    edit.tx.add(Origin(application_id=application.id, origin=origin, created_at=edit.now_s))
    await note_change(edit, application, "origin.added", origin)


async def remove_origin(edit: Editing, application_id: str, origin: str) -> None:
    """Stop allowing an origin."""
    application = await find_application(edit.tx, edit.organization, application_id)
    row = await edit.tx.get(Origin, (application.id, origin))
    if row is None:
        raise NotThereError
    await edit.tx.delete(row)
    await note_change(edit, application, "origin.removed", origin)


async def list_session_keys(tx: AsyncSession, application_id: str) -> Sequence[tuple[SessionKey, str | None]]:
    """The session keys of an application that was found before, with who added them: newest first."""
    rows = await tx.execute(
        select(SessionKey, User.name)
        .outerjoin(User, User.id == SessionKey.created_by)
        .where(SessionKey.application_id == application_id)
        .order_by(SessionKey.revoked_at.is_not(None), SessionKey.created_at.desc())
    )
    return [(key, name) for key, name in rows]


async def add_session_key(
    edit: Editing, application_id: str, *, kid: str, name: str, public_key: PublicHalf
) -> SessionKey:
    """Register a public half that was checked; raises `InputError`."""
    application = await find_application(edit.tx, edit.organization, application_id)
    named = check_name("name", name, "A session key")
    if not is_id("key", kid) or await edit.tx.get(SessionKey, kid) is not None:
        raise InputError(
            "kid", "This form was used already.", "Make a new key: the page has a fresh form now."
        )
    live = [key for key, _who in await list_session_keys(edit.tx, application.id) if key.revoked_at is None]
    if any(key.public_key == public_key.raw for key in live):
        raise InputError("public_key", "This key is registered already.", "Make a new pair for a second key.")
    if len(live) >= MOST_SESSION_KEYS:
        raise InputError("name", f"An application has at most {MOST_SESSION_KEYS} keys.", "Revoke one first.")
    key = SessionKey(
        kid=kid,
        application_id=application.id,
        name=named,
        algorithm=public_key.algorithm,
        public_key=public_key.raw,
        created_at=edit.now_s,
        created_by=edit.user,
        revoked_at=None,
    )
    edit.tx.add(key)
    await note_change(edit, application, "session-key.added", named)
    return key


async def revoke_session_key(edit: Editing, application_id: str, kid: str) -> None:
    """Stop believing what this key signs."""
    application = await find_application(edit.tx, edit.organization, application_id)
    key = await edit.tx.get(SessionKey, kid)
    if key is None or key.application_id != application.id:
        raise NotThereError
    if key.revoked_at is None:
        key.revoked_at = edit.now_s
        await note_change(edit, application, "session-key.revoked", key.name)


async def set_policy(edit: Editing, application_id: str, policy: Policy, what: str, detail: str = "") -> None:
    """Store a checked policy; `what` is a key of the audit's words."""
    application = await find_application(edit.tx, edit.organization, application_id)
    encoded = encode_policy(policy)
    if encoded != application.policy:
        application.policy = encoded
        await note_change(edit, application, what, detail)


async def _check_open(edit: Editing) -> None:
    if (await edit.tx.get_one(Organization, edit.organization)).erased_at is not None:
        raise InputError(
            "name",
            "This organization was erased for good; the vault takes no key for it.",
            "An operator makes another with sealgate console invite-owner.",
        )


async def _free_name(edit: Editing, text: str) -> str:
    name = check_name("name", text, "An application")
    taken = await edit.tx.scalar(
        select(Application.id).where(
            Application.organization_id == edit.organization,
            Application.erased_at.is_(None),
            func.lower(Application.name) == name.lower(),
        )
    )
    if taken is not None:
        raise InputError("name", f"There is an application named {name!r} already.", "Choose another name.")
    return name
