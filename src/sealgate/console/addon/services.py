"""The add-on: which credential an application uses, and the way to the vault's sealing page and back.

The key itself never comes near: the vault hands out tickets, and tells the last four characters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Organization, User
from sealgate.console.addon.desk import Desk, VaultAwayError, VaultRefusedError
from sealgate.console.addon.models import Addon, TicketAsked
from sealgate.console.applications.models import Application
from sealgate.console.applications.services import NotThereError, find_application
from sealgate.console.audit.services import Editing
from sealgate.console.feed.services import note_change
from sealgate.console.forms import InputError
from sealgate.messages.feed import CredentialReference
from sealgate.messages.tickets import (
    CredentialRow,
    CredentialState,
    CredentialVersion,
    DepositApproval,
    Destination,
    IssueTicket,
    TicketIssued,
    VersionStanding,
)


class AddonState(StrEnum):
    """What a developer sees of an add-on."""

    NONE = "none"  # nobody has gone to enter a key
    AWAITED = "awaited"  # somebody went, and nothing is sealed yet
    ACTIVE = "active"
    OFF = "off"
    REVOKED = "revoked"
    UNKNOWN = "unknown"  # the vault cannot be asked now


class AtVault(Struct, frozen=True):
    """What the vault says of an application now; `None` in its place: it cannot be reached."""

    credentials: Sequence[CredentialRow]
    destinations: Sequence[Destination]
    sealing_words: str = ""
    """What the sealing page must show; empty before the organization's first ticket."""
    approval: DepositApproval = DepositApproval.NOT_NEEDED
    """Whether an administrator of the vault must approve a key with a passkey."""

    def row(self, credential: str | None) -> CredentialRow | None:
        """What it says of one credential."""
        return next((row for row in self.credentials if row.credential == credential), None)


class Depositor(Struct, frozen=True):
    """Who took the ticket that a version was deposited with."""

    name: str
    asked_at: float


async def ask_vault(desk: Desk, organization: str, application: str) -> AtVault | None:
    """Credentials and destinations of one application, or `None` if the vault is away."""
    try:
        held, destinations = await asyncio.gather(desk.look(organization, application), desk.destinations())
    except VaultAwayError:
        return None
    return AtVault(held.items, destinations, held.sealing_words, held.approval)


def addon_state(addon: Addon | None, vault: AtVault | None) -> AddonState:
    """One word for where the add-on stands."""
    if addon is None:
        return AddonState.NONE
    if vault is None:
        return AddonState.UNKNOWN if addon.active else AddonState.OFF
    row = vault.row(addon.credential)
    if row is None or row.state is CredentialState.AWAITED:
        return AddonState.AWAITED
    if row.state is CredentialState.REVOKED:
        return AddonState.REVOKED
    return AddonState.ACTIVE if addon.active else AddonState.OFF


async def current_states(
    desk: Desk, found: Sequence[tuple[Application, Addon | None]]
) -> Sequence[AddonState]:
    """Where each add-on stands; all are asked for at once, so a vault that hangs costs one wait."""
    return await asyncio.gather(*(current_state(desk, application, addon) for application, addon in found))


async def current_state(desk: Desk, application: Application, addon: Addon | None) -> AddonState:
    """Where the add-on stands by the vault's own word; for lists that show it in one word."""
    if addon is None:
        return AddonState.NONE
    try:
        rows = await desk.credentials(application.organization_id, application.id)
    except (VaultAwayError, VaultRefusedError):
        return addon_state(addon, None)
    return addon_state(addon, AtVault(rows, ()))


def usable_row(addon: Addon | None, vault: AtVault | None) -> CredentialRow | None:
    """The row of the credential in use, if a key is in it."""
    row = vault.row(addon.credential) if addon and vault else None
    return row if row is not None and row.state is CredentialState.ACTIVE else None


def versions_of(row: CredentialRow | None) -> Sequence[CredentialVersion]:
    """The keys of a credential that the vault holds now: the one in use first, then staged, then previous."""
    if row is None:
        return ()
    return sorted(row.versions, key=lambda each: (list(VersionStanding).index(each.standing), -each.version))


async def find_addon(tx: AsyncSession, application: Application) -> Addon | None:
    """The add-on of an application that was found before."""
    return await tx.get(Addon, application.id)


async def find_depositor(tx: AsyncSession, row: CredentialRow) -> Depositor | None:
    """Who went to deposit this version."""
    found = (
        await tx.execute(
            select(TicketAsked.asked_at, User.name)
            .outerjoin(User, User.id == TicketAsked.user_id)
            .where(TicketAsked.credential == row.credential, TicketAsked.version == row.version)
        )
    ).one_or_none()
    return Depositor(found[1] or "the command line", found[0]) if found else None


def choose_destination(vault: AtVault, choice: str) -> Destination:
    """The destination of a form's `provider origin` value; raises `InputError` for what the vault lacks."""
    for destination in vault.destinations:
        if choice == f"{destination.provider} {destination.origin}":
            return destination
    raise InputError("destination", "The vault has no such destination.", "Choose one from the list.")


async def ticket_request(
    tx: AsyncSession,
    organization: str,
    application: Application,
    vault: AtVault,
    destination: Destination,
    *,
    stage: bool = False,
    another: bool = False,
) -> IssueTicket:
    """What to ask the vault: a new version of a key for the same destination, else a new credential.

    With `stage` the new version waits beside the active one; with `another` it is a credential of its own.
    Raises `InputError` where there is none to be beside.
    """
    addon = await find_addon(tx, application)
    row = usable_row(addon, vault)
    if another and (row is None or stage):
        raise InputError(
            "destination",
            "Another key is a credential of its own beside the one in use.",
            "Enter the first key, without staging it.",
        )
    same = row is not None and (row.provider, row.origin) == (destination.provider, destination.origin)
    same = same and not another
    if stage and not same:
        raise InputError(
            "destination",
            "A next key is staged beside one for the same destination, and there is none.",
            "Enter the key without staging it.",
        )
    return IssueTicket(
        organization=organization,
        organization_name=(await tx.get_one(Organization, organization)).name,
        application=application.id,
        application_name=application.name,
        provider=destination.provider,
        origin=destination.origin,
        credential=row.credential if row is not None and same else None,
        stage=stage,
    )


async def note_ticket(
    edit: Editing,
    ask: IssueTicket,
    ticket: TicketIssued,
    in_use: CredentialRow | None,
    *,
    another: bool = False,
) -> None:
    """Write down who went to seal, and which credential the application uses from now on.

    A first key is referred to at once (the proxies learn of its deposit from the vault); one for another
    destination waits until it is deposited, so that what works goes on working. Of `another` one nothing
    changes: the policy's sources say whether it is used.
    """
    application = await find_application(edit.tx, edit.organization, ask.application)
    addon = await find_addon(edit.tx, application)
    if in_use is not None and addon is not None:
        if ticket.credential != addon.credential and not another:
            addon.next_credential, addon.next_provider = ticket.credential, ask.provider
            addon.next_origin = ask.origin
    else:
        _refer(edit, application, addon, CredentialReference(ticket.credential, ask.provider, ask.origin))
    await edit.tx.merge(
        TicketAsked(
            credential=ticket.credential,
            version=ticket.version,
            application_id=application.id,
            user_id=edit.user,
            asked_at=edit.now_s,
        )
    )
    await note_change(edit, application, "version.staged" if ask.stage else "ticket.asked", ask.origin)


def waiting_row(addon: Addon | None, vault: AtVault | None) -> CredentialRow | None:
    """The credential that should take over: one for another destination that has its key now, or, where the
    one in use never got a key, any that did (its ticket was taken earlier and used later)."""
    if addon is None or vault is None:
        return None
    next_row, row = vault.row(addon.next_credential), vault.row(addon.credential)
    if next_row is not None and next_row.state is CredentialState.ACTIVE:
        return next_row
    if row is not None and row.state is not CredentialState.AWAITED:
        return None
    return next((each for each in vault.credentials if each.state is CredentialState.ACTIVE), None)


def idle_rows(addon: Addon | None, vault: AtVault | None) -> Sequence[CredentialRow]:
    """Keys that the vault still holds for the application though it does not use them."""
    if vault is None:
        return []
    in_use = addon.credential if addon else None
    return [
        row for row in vault.credentials if row.state is CredentialState.ACTIVE and row.credential != in_use
    ]


async def switch_credential(edit: Editing, application_id: str, row: CredentialRow) -> None:
    """Use the credential that was waiting for its key."""
    application = await find_application(edit.tx, edit.organization, application_id)
    addon = await find_addon(edit.tx, application)
    _refer(edit, application, addon, CredentialReference(row.credential, row.provider, row.origin))
    await note_change(edit, application, "credential.switched", row.origin)


async def refer_to(edit: Editing, application_id: str, to: CredentialReference) -> None:
    """Use this credential from now on, switched on."""
    application = await find_application(edit.tx, edit.organization, application_id)
    addon = await find_addon(edit.tx, application)
    if addon is not None and addon.active and addon.credential == to.credential:
        return
    _refer(edit, application, addon, to)
    await note_change(edit, application, "add-on.on", to.origin)


async def set_addon_active(edit: Editing, application_id: str, active: bool) -> None:
    """Switch the add-on on or off; proxies follow within a second."""
    application = await find_application(edit.tx, edit.organization, application_id)
    addon = await find_addon(edit.tx, application)
    if addon is None:
        raise NotThereError
    if addon.active != active:
        addon.active = active
        await note_change(edit, application, "add-on.on" if active else "add-on.off")


async def note_revoked(edit: Editing, application_id: str, origin: str) -> None:
    """Write down that the vault destroyed the key."""
    application = await find_application(edit.tx, edit.organization, application_id)
    await note_change(edit, application, "credential.revoked", origin)


def _refer(edit: Editing, application: Application, addon: Addon | None, to: CredentialReference) -> None:
    if addon is None:
        addon = Addon(application_id=application.id)
        edit.tx.add(addon)
    addon.active = True
    addon.credential, addon.provider, addon.origin = to.credential, to.provider, to.origin
    addon.next_credential = addon.next_provider = addon.next_origin = None
