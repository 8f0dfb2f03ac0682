"""Fills a console for a demonstration or a test, the same each time, and takes tickets for it.

Counterpart: the demo. It goes through the services that pages use, so that everything is checked and recorded
alike; it must never be handed a provider key or a private key.
"""

from __future__ import annotations

import asyncio
import time

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import sealgate.console.schema  # noqa: F401 - every table, since they refer to each other
from sealgate.console.accounts.models import Organization, User
from sealgate.console.accounts.passwords import hash_password, verify_password
from sealgate.console.accounts.services import check_person, find_user, new_user, normal_email
from sealgate.console.addon.desk import Desk, VaultAwayError
from sealgate.console.addon.models import Addon
from sealgate.console.addon.services import ask_vault, note_ticket, refer_to, ticket_request, usable_row
from sealgate.console.applications import services
from sealgate.console.applications.models import Application
from sealgate.console.applications.origins import parse_origin
from sealgate.console.applications.policies import STARTING_MODELS, starting_policy
from sealgate.console.applications.session_keys import PublicHalf
from sealgate.console.audit.services import Editing
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database, migrate
from sealgate.console.events import EVENTS
from sealgate.console.permissions import Role
from sealgate.ids import new_id
from sealgate.log import NullLog
from sealgate.messages.feed import CredentialReference, SessionKeyEntry
from sealgate.messages.tickets import Destination, TicketIssued
from sealgate.policy.catalogue import ready_prompt
from sealgate.policy.document import USUAL_ENDPOINTS, Endpoint


class OwnerSeed(Struct, frozen=True):
    """Who owns the organization. The password is set to this one whenever it is another."""

    name: str
    email: str
    password: str

    def __repr__(self) -> str:
        return f"OwnerSeed({self.email!r})"


class ApplicationSeed(Struct, frozen=True):
    """One application. `actions`: ids of ready actions, `None` for all; on the first model, as the prompt."""

    name: str
    origins: tuple[str, ...] = ()
    models: tuple[str, ...] = STARTING_MODELS
    actions: tuple[str, ...] | None = None
    prompt: bool = False
    endpoints: tuple[Endpoint, ...] = USUAL_ENDPOINTS
    session_keys: tuple[SessionKeyEntry, ...] = ()
    credential: CredentialReference | None = None


class Seeded(Struct, frozen=True):
    """The ids of what is there now."""

    organization: str
    owner: str
    application: str


def seed(config: ConsoleConfig, organization: str, owner: OwnerSeed, application: ApplicationSeed) -> Seeded:
    """Make what is missing, found by name, e-mail and key id; the console may be running.

    Models and actions are set when the application is made, and left alone later. Blocks, and must not be
    called from inside an event loop. Raises `InputError` for what a page would refuse.
    """
    migrate(config.database_path)
    return asyncio.run(_with_database(config, organization, owner, application))


def take_ticket(
    config: ConsoleConfig, seeded: Seeded, destination: Destination, timeout_s: float = 10.0
) -> TicketIssued:
    """Take a ticket for the application's key at the vault's desk, and refer the application to it.

    Waits up to `timeout_s` for the vault. Blocks, and must not be called from inside an event loop. Raises
    `VaultAwayError`, `VaultRefusedError`.
    """
    return asyncio.run(_take_ticket(config, seeded, destination, timeout_s))


async def _with_database(
    config: ConsoleConfig, organization: str, owner: OwnerSeed, application: ApplicationSeed
) -> Seeded:
    database = Database(config.database_path)
    try:
        async with database.writing() as tx:
            return await _seed(tx, organization, owner, application, time.time())
    finally:
        await database.close()


async def _seed(
    tx: AsyncSession, organization: str, owner: OwnerSeed, wanted: ApplicationSeed, now_s: float
) -> Seeded:
    there = await _organization(tx, organization, now_s)
    user = await _owner(tx, there.id, owner, now_s)
    edit = Editing(tx, there.id, None, now_s)
    application = await _application(edit, wanted)
    await _parts(edit, application.id, wanted)
    return Seeded(there.id, user.id, application.id)


async def _organization(tx: AsyncSession, name: str, now_s: float) -> Organization:
    there = (await tx.scalars(select(Organization).where(Organization.name == name).limit(1))).one_or_none()
    if there is None:
        there = Organization(id=new_id("org"), name=name, created_at=now_s)
        tx.add(there)
        await tx.flush()
    return there


async def _owner(tx: AsyncSession, organization: str, owner: OwnerSeed, now_s: float) -> User:
    email = normal_email(owner.email)
    user = await find_user(tx, email)
    if user is None:
        hashed = hash_password(owner.password)
        user = new_user(
            organization,
            Role.OWNER,
            name=check_person(owner.name),
            email=email,
            password_hash=hashed,
            now_s=now_s,
        )
        tx.add(user)
        await tx.flush()
    elif not verify_password(user.password_hash, owner.password):
        user.password_hash = hash_password(owner.password)
    return user


async def _application(edit: Editing, wanted: ApplicationSeed) -> Application:
    for application, _addon in await services.list_applications(edit.tx, edit.organization):
        if application.name == wanted.name:
            return application
    application = await services.create_application(edit, wanted.name)
    policy = replace(starting_policy(wanted.models, wanted.actions), endpoints=wanted.endpoints)
    if wanted.prompt:
        policy = replace(policy, prompt=ready_prompt(wanted.models[0]))
    await services.set_policy(edit, application.id, policy, "limits.changed")
    return application


async def _parts(edit: Editing, application: str, wanted: ApplicationSeed) -> None:
    origins = {row.origin for row in await services.list_origins(edit.tx, application)}
    for origin in wanted.origins:
        if parse_origin(origin) not in origins:
            await services.add_origin(edit, application, parse_origin(origin))
    kids = {key.kid for key, _who in await services.list_session_keys(edit.tx, application)}
    for entry in wanted.session_keys:
        if entry.kid not in kids:
            half = PublicHalf(entry.algorithm, entry.public_key)
            await services.add_session_key(
                edit, application, kid=entry.kid, name="Demo back end", public_key=half
            )
    if wanted.credential is not None:
        await refer_to(edit, application, wanted.credential)


async def _take_ticket(
    config: ConsoleConfig, seeded: Seeded, destination: Destination, timeout_s: float
) -> TicketIssued:
    desk = Desk(config.desk_socket, config.instance, NullLog(EVENTS), config.vault_uids)
    connecting = asyncio.create_task(desk.run())
    database = Database(config.database_path)
    try:
        async with asyncio.timeout(timeout_s):
            await desk.wait_connected()
        return await _ask(database, desk, seeded, destination)
    except TimeoutError:
        raise VaultAwayError from None
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await database.close()


async def _ask(database: Database, desk: Desk, seeded: Seeded, destination: Destination) -> TicketIssued:
    vault = await ask_vault(desk, seeded.organization, seeded.application)
    if vault is None:
        raise VaultAwayError
    async with database.reading() as tx:
        application = await services.find_application(tx, seeded.organization, seeded.application)
        addon = await tx.get(Addon, seeded.application)
        request = await ticket_request(tx, seeded.organization, application, vault, destination)
    ticket = await desk.issue_ticket(request)
    async with database.writing() as tx:
        edit = Editing(tx, seeded.organization, None, time.time())
        await note_ticket(edit, request, ticket, usable_row(addon, vault))
    return ticket
