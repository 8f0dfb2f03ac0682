"""Makes an application what a program says it should be, in one transaction, through the pages' services.

Counterpart: `sealgate apply`, which asks for a plan first and names the version that it planned on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import UNSET
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.api.bodies import ApplicationChange, ApplicationWanted, SessionKeyWanted
from sealgate.console.api.errors import ApiError
from sealgate.console.api.policies import changed_parts, first_policy, merged
from sealgate.console.applications import services
from sealgate.console.applications.models import Application
from sealgate.console.applications.origins import parse_origin
from sealgate.console.applications.services import NotThereError, find_application
from sealgate.console.applications.session_keys import parse_public_key
from sealgate.console.audit.services import Editing
from sealgate.console.feed.services import note_change
from sealgate.console.forms import InputError
from sealgate.ids import is_id
from sealgate.policy.document import Policy, decode_policy


async def find_named(tx: AsyncSession, organization: str, named: str) -> Application:
    """The application of this id or external name; raises `NotThereError`."""
    if is_id("app", named):
        return await find_application(tx, organization, named)
    found = await tx.scalars(
        select(Application).where(
            Application.external_name == named, Application.organization_id == organization
        )
    )
    application = found.one_or_none()
    if application is None:
        raise NotThereError
    return application


def check_version(application: Application | None, if_match: str, if_none_match: str) -> None:
    """Raise `ApiError` where the caller knew another version (RFC 9110 §13.1)."""
    there = etag(application) if application is not None else None
    if if_none_match and (if_none_match == "*") == (there is not None):
        raise _conflict("It is there already.")
    if if_match and (there is None or if_match not in {"*", there}):
        now = f"It is at version {application.version} now." if application else "It is not there any more."
        raise _conflict(now)


def etag(application: Application) -> str:
    """The version as a strong entity tag."""
    return f'"{application.version}"'


async def declare(
    edit: Editing, named: str, application: Application | None, wanted: ApplicationWanted
) -> Application:
    """Make or change it; raises `InputError` whose field is a path in the body."""
    if application is None:
        application = await services.create_application(edit, wanted.name)
        application.external_name = named
        await _set_policy(edit, application, first_policy(wanted.policy))
    else:
        await services.rename_application(edit, application.id, wanted.name)
        policy = decode_policy(application.policy)
        await _set_policy(edit, application, merged(policy, wanted.policy))
    if wanted.origins is not UNSET:
        await set_origins(edit, application, wanted.origins)
    if wanted.session_keys is not UNSET:
        await _set_session_keys(edit, application, wanted.session_keys)
    await services.set_active(edit, application.id, wanted.active)
    return application


async def change(edit: Editing, application: Application, wanted: ApplicationChange) -> None:
    """Change what is given; raises `InputError`."""
    if wanted.name is not UNSET:
        await services.rename_application(edit, application.id, wanted.name)
    if wanted.external_name is not UNSET and wanted.external_name != application.external_name:
        await _set_external_name(edit, application, wanted.external_name)
    if wanted.policy is not UNSET:
        await _set_policy(edit, application, merged(decode_policy(application.policy), wanted.policy))
    if wanted.active is not UNSET:
        await services.set_active(edit, application.id, wanted.active)


async def set_origins(edit: Editing, application: Application, origins: Sequence[str]) -> None:
    """Make these the origins; raises `InputError`."""
    parsed: list[str] = []
    for place, text in enumerate(origins):
        with placed(f"origins[{place}]"):
            parsed.append(parse_origin(text))
            if parsed[-1] in parsed[:-1]:
                raise InputError("", f"{parsed[-1]} stands twice.", "Keep one of the two.")
    there = [each.origin for each in await services.list_origins(edit.tx, application.id)]
    for origin in there:
        if origin not in parsed:
            await services.remove_origin(edit, application.id, origin)
    for place, origin in enumerate(parsed):
        if origin not in there:
            with placed(f"origins[{place}]"):
                await services.add_origin(edit, application.id, origin)


async def _set_policy(edit: Editing, application: Application, policy: Policy) -> None:
    parts = changed_parts(decode_policy(application.policy), policy)
    if parts:
        await services.set_policy(edit, application.id, policy, "policy.changed", ", ".join(parts))


async def _set_external_name(edit: Editing, application: Application, name: str | None) -> None:
    if name is not None:
        try:
            await find_named(edit.tx, edit.organization, name)
        except NotThereError:
            pass
        else:
            raise InputError("external_name", f"Another application has {name!r}.", "Choose another name.")
    application.external_name = name
    await note_change(edit, application, "application.external-name", name or "none")


async def _set_session_keys(
    edit: Editing, application: Application, wanted: Sequence[SessionKeyWanted]
) -> None:
    rows = [key for key, _who in await services.list_session_keys(edit.tx, application.id)]
    there = {key.kid: key for key in rows}
    kids = [each.kid for each in wanted]
    for key in rows:
        if key.kid not in kids and key.revoked_at is None:
            await services.revoke_session_key(edit, application.id, key.kid)
    for place, each in enumerate(wanted):
        with placed(f"session_keys[{place}]"):
            if each.kid in kids[:place]:
                raise InputError("kid", f"{each.kid} stands twice.", "Keep one of the two.")
            known = there.get(each.kid)
            if known is None:
                await add_session_key(edit, application, each)
            elif known.revoked_at is not None:
                raise InputError("kid", f"{each.kid} was revoked.", "Make a new pair, with an id of its own.")
            elif known.public_key != parse_public_key(each.public_key).raw:
                raise InputError(
                    "public_key", f"{each.kid} has another public key.", "Give the new pair an id of its own."
                )


async def add_session_key(edit: Editing, application: Application, wanted: SessionKeyWanted) -> None:
    """Register a public half; raises `InputError`."""
    await services.add_session_key(
        edit,
        application.id,
        kid=wanted.kid,
        name=wanted.name,
        public_key=parse_public_key(wanted.public_key),
    )


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Say where in the body a value stood that a service refused."""
    try:
        yield
    except InputError as error:
        raise InputError(_within(place, error.field), error.message, error.hint) from None


def _within(place: str, field: str) -> str:
    return f"{place}.{field}" if field in {"kid", "name", "public_key"} else place


def _conflict(what: str) -> ApiError:
    return ApiError(
        "version_conflict",
        f"Somebody else was here meanwhile. {what}",
        "Read it again, and decide anew; nothing was changed.",
    )
