"""Ways of the organization and its applications: read, declare, change; origins and session keys."""

from __future__ import annotations

import base64

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Organization
from sealgate.console.api import declaring
from sealgate.console.api.bodies import (
    ApplicationBrief,
    ApplicationChange,
    ApplicationList,
    ApplicationView,
    ApplicationWanted,
    BudgetWanted,
    ExternalName,
    OrganizationBudgets,
    OrganizationView,
    OriginsBody,
    SessionKeyList,
    SessionKeyView,
    SessionKeyWanted,
)
from sealgate.console.api.call import Call, Reply, invalid_body, moment, moment_or_none
from sealgate.console.api.policies import with_resets
from sealgate.console.applications import services
from sealgate.console.applications.models import Application, SessionKey
from sealgate.console.applications.services import NotThereError
from sealgate.console.budgets.services import budgets_of, set_budgets
from sealgate.ids import is_id
from sealgate.policy.budgets import Budget
from sealgate.policy.document import decode_policy

PAGE_ROWS = 100


async def organization(call: Call) -> Reply:
    """The token's organization."""
    async with call.reading() as tx:
        row = await tx.get_one(Organization, call.organization)
    return Reply(OrganizationView(row.id, row.name, moment(row.created_at)))


async def budgets(call: Call) -> Reply:
    """The organization's budgets."""
    async with call.reading() as tx:
        return await _budgets(tx, call.organization)


async def put_budgets(call: Call) -> Reply:
    """Make these its budgets; resets that are not given are kept."""
    wanted = call.wanted(OrganizationBudgets)
    async with call.editing() as edit:
        kept = with_resets(wanted.budgets, await budgets_of(edit.tx, call.organization))
        await set_budgets(edit, msgspec.convert(kept, tuple[Budget, ...]))
        await edit.tx.flush()
        return await _budgets(edit.tx, call.organization)


async def index(call: Call) -> Reply:
    """Query: `cursor`, `limit`. Ordered by id, so that pages do not shift."""
    limit = call.number("limit", PAGE_ROWS, 1, PAGE_ROWS)
    async with call.reading() as tx:
        found = await services.list_applications(tx, call.organization)
    rows = sorted((row for row, _addon in found if row.id > call.query("cursor")), key=lambda row: row.id)
    page = rows[:limit]
    following = page[-1].id if len(rows) > limit else None
    return Reply(ApplicationList(tuple(_brief(row) for row in page), following))


async def show(call: Call) -> Reply:
    """One application whole."""
    async with call.reading() as tx:
        application = await _named(call, tx)
        return await _whole(tx, application)


async def put(call: Call) -> Reply:
    """Make it what the body says. Query: `plan` (say what it would be, change nothing)."""
    wanted, named = call.wanted(ApplicationWanted), call.path("application")
    plan = call.flag("plan")
    async with call.editing(plan=plan) as edit:
        try:
            before = await declaring.find_named(edit.tx, call.organization, named)
        except NotThereError:
            before = None
            _check_external_name(named)
        _check_version(call, before)
        application = await declaring.declare(edit, named, before, wanted)
        await edit.tx.flush()
        whole = await _whole(edit.tx, application)
    return whole if before is not None or plan else Reply(whole.body, 201, whole.headers)


async def patch(call: Call) -> Reply:
    """Change what is given."""
    wanted = call.wanted(ApplicationChange)
    async with call.editing() as edit:
        application = await _named(call, edit.tx)
        _check_version(call, application)
        await declaring.change(edit, application, wanted)
        await edit.tx.flush()
        return await _whole(edit.tx, application)


async def origins(call: Call) -> Reply:
    """Its origins."""
    async with call.reading() as tx:
        return await _origins(tx, await _named(call, tx))


async def put_origins(call: Call) -> Reply:
    """Make these its origins."""
    wanted = call.wanted(OriginsBody)
    async with call.editing() as edit:
        application = await _named(call, edit.tx)
        _check_version(call, application)
        await declaring.set_origins(edit, application, wanted.origins)
        await edit.tx.flush()
        return await _origins(edit.tx, application)


async def session_keys(call: Call) -> Reply:
    """Its session keys, revoked ones too."""
    async with call.reading() as tx:
        application = await _named(call, tx)
        rows = await services.list_session_keys(tx, application.id)
    return Reply(SessionKeyList(tuple(_key(key) for key, _who in rows)), headers=_tag(application))


async def add_session_key(call: Call) -> Reply:
    """Register a public half."""
    wanted = call.wanted(SessionKeyWanted)
    async with call.editing() as edit:
        application = await _named(call, edit.tx)
        _check_version(call, application)
        await declaring.add_session_key(edit, application, wanted)
        await edit.tx.flush()
        row = await edit.tx.get_one(SessionKey, wanted.kid)
        return Reply(_key(row), headers=_tag(application))


async def revoke_session_key(call: Call) -> Reply:
    """Stop believing what it signs."""
    async with call.editing() as edit:
        application = await _named(call, edit.tx)
        await services.revoke_session_key(edit, application.id, call.path("kid"))
        await edit.tx.flush()
        row = await edit.tx.get_one(SessionKey, call.path("kid"))
        return Reply(_key(row), headers=_tag(application))


async def _budgets(tx: AsyncSession, organization_id: str) -> Reply:
    rows = msgspec.to_builtins(await budgets_of(tx, organization_id))
    return Reply(OrganizationBudgets(msgspec.convert(rows, tuple[BudgetWanted, ...])))


async def _named(call: Call, tx: AsyncSession) -> Application:
    return await declaring.find_named(tx, call.organization, call.path("application"))


def _check_version(call: Call, application: Application | None) -> None:
    headers = call.request.headers
    declaring.check_version(application, headers.get("if-match", ""), headers.get("if-none-match", ""))


def _check_external_name(named: str) -> None:
    if is_id("app", named):
        raise NotThereError  # ids are ours to give
    try:
        msgspec.convert(named, ExternalName)
    except msgspec.ValidationError as error:
        raise invalid_body(f"{error} - at `$.external_name`", ApplicationChange) from None


async def _whole(tx: AsyncSession, application: Application) -> Reply:
    keys = await services.list_session_keys(tx, application.id)
    view = ApplicationView(
        id=application.id,
        external_name=application.external_name,
        name=application.name,
        active=application.active,
        version=application.version,
        created_at=moment(application.created_at),
        origins=await _origin_texts(tx, application),
        session_keys=tuple(_key(key) for key, _who in keys if key.revoked_at is None),
        policy=decode_policy(application.policy),
    )
    return Reply(view, headers=_tag(application))


async def _origins(tx: AsyncSession, application: Application) -> Reply:
    return Reply(OriginsBody(await _origin_texts(tx, application)), headers=_tag(application))


async def _origin_texts(tx: AsyncSession, application: Application) -> tuple[str, ...]:
    return tuple(row.origin for row in await services.list_origins(tx, application.id))


def _tag(application: Application) -> dict[str, str]:
    return {"etag": declaring.etag(application)}


def _brief(row: Application) -> ApplicationBrief:
    return ApplicationBrief(
        row.id, row.external_name, row.name, row.active, row.version, moment(row.created_at)
    )


def _key(key: SessionKey) -> SessionKeyView:
    public = base64.urlsafe_b64encode(key.public_key).rstrip(b"=").decode()
    return SessionKeyView(
        kid=key.kid,
        name=key.name,
        algorithm=key.algorithm,
        public_key=public,
        created_at=moment(key.created_at),
        revoked_at=moment_or_none(key.revoked_at),
    )
