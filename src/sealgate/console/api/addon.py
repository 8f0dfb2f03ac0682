"""Ways of the add-on: its state, tickets to deposit a key, revocation, the switch.

Nothing here ever holds a key: a ticket goes out, and the key goes to the vault as an envelope.
"""

from __future__ import annotations

from sealgate.console.addon import services
from sealgate.console.addon.desk import VaultAwayError
from sealgate.console.addon.models import Addon
from sealgate.console.addon.services import AtVault
from sealgate.console.api import declaring
from sealgate.console.api.bodies import (
    ActiveBody,
    AddonView,
    CredentialNamed,
    CredentialView,
    DestinationList,
    DestinationView,
    RevokedView,
    TicketView,
    TicketWanted,
    VersionView,
)
from sealgate.console.api.call import Call, Reply, moment, moment_or_none
from sealgate.console.api.errors import ApiError
from sealgate.console.applications.models import Application
from sealgate.console.applications.services import NotThereError
from sealgate.messages.tickets import CredentialRow, CredentialState, TicketIssued


async def destinations(call: Call) -> Reply:
    """Where keys may go."""
    found = await call.console.desk.destinations()
    return Reply(DestinationList(tuple(DestinationView(d.provider, d.origin, d.label) for d in found)))


async def show(call: Call) -> Reply:
    """Where it stands by the vault's own word; without the vault, by the console's."""
    application, addon = await _find(call)
    return Reply(_view(addon, await services.ask_vault(call.console.desk, call.organization, application.id)))


async def take_ticket(call: Call) -> Reply:
    """A ticket for a key, as the add-on page takes one."""
    wanted = call.wanted(TicketWanted)
    application, addon = await _find(call)
    vault = await _ask(call, application)
    destination = services.choose_destination(vault, f"{wanted.provider} {wanted.origin}")
    async with call.reading() as tx:
        ask = await services.ticket_request(
            tx,
            call.organization,
            application,
            vault,
            destination,
            stage=wanted.stage,
            another=wanted.another,
        )
    issued = await call.console.desk.issue_ticket(ask)
    vault_url = call.console.config.vault_url
    if not issued.deposit_url.startswith(vault_url + "/"):
        raise ApiError(
            "vault_refused",
            "The vault named its page under another address than the one that the console knows.",
            "An administrator must give both the same address of the vault.",
        )
    async with call.editing() as edit:
        in_use = services.usable_row(addon, vault)
        await services.note_ticket(edit, ask, issued, in_use, another=wanted.another)
    return Reply(_ticket(application, wanted, issued, vault_url), 201)


async def settle(call: Call) -> Reply:
    """Use a key that was deposited for another destination, if one waits."""
    application, addon = await _find(call)
    waiting = services.waiting_row(addon, await _ask(call, application))
    if waiting is not None:
        async with call.editing() as edit:
            await services.switch_credential(edit, application.id, waiting)
    return await show(call)


async def set_active(call: Call) -> Reply:
    """Let requests through, or refuse them; the key stays."""
    wanted = call.wanted(ActiveBody)
    application, _addon = await _find(call)
    async with call.editing() as edit:
        await services.set_addon_active(edit, application.id, active=wanted.active)
    return await show(call)


async def revoke(call: Call) -> Reply:
    """Have the vault destroy a key."""
    application, row = await _usable(call)
    revoked_at = await call.console.desk.revoke(call.organization, application.id, row.credential)
    async with call.editing() as edit:
        await services.note_revoked(edit, application.id, row.origin)
    return Reply(RevokedView(row.credential, moment(revoked_at)))


async def _usable(call: Call) -> tuple[Application, CredentialRow]:
    wanted = call.wanted(CredentialNamed)
    application, _addon = await _find(call)
    row = (await _ask(call, application)).row(wanted.credential)
    if row is None or row.state is not CredentialState.ACTIVE:
        raise NotThereError
    return application, row


async def _find(call: Call) -> tuple[Application, Addon | None]:
    async with call.reading() as tx:
        application = await declaring.find_named(tx, call.organization, call.path("application"))
        return application, await services.find_addon(tx, application)


async def _ask(call: Call, application: Application) -> AtVault:
    vault = await services.ask_vault(call.console.desk, call.organization, application.id)
    if vault is None:
        raise VaultAwayError
    return vault


def _ticket(
    application: Application, wanted: TicketWanted, issued: TicketIssued, vault_url: str
) -> TicketView:
    return TicketView(
        ticket=issued.ticket,
        deposit_url=issued.deposit_url,
        vault_url=vault_url,
        application=application.id,
        credential=issued.credential,
        version=issued.version,
        provider=wanted.provider,
        origin=wanted.origin,
        expires_at=moment(issued.expires_at),
    )


def _view(addon: Addon | None, vault: AtVault | None) -> AddonView:
    return AddonView(
        state=services.addon_state(addon, vault).value,
        active=addon is not None and addon.active,
        credential=addon.credential if addon else None,
        provider=addon.provider if addon else None,
        origin=addon.origin if addon else None,
        credentials=tuple(_credential(row) for row in vault.credentials) if vault else (),
    )


def _credential(row: CredentialRow) -> CredentialView:
    return CredentialView(
        credential=row.credential,
        provider=row.provider,
        origin=row.origin,
        state=row.state.value,
        version=row.version,
        last_four=row.last_four,
        fingerprint=row.fingerprint,
        deposited_at=moment_or_none(row.deposited_at),
        last_opened_at=moment_or_none(row.last_opened_at),
        revoked_at=moment_or_none(row.revoked_at),
        versions=tuple(
            VersionView(
                each.version,
                each.standing.value,
                each.last_four,
                each.fingerprint,
                moment(each.deposited_at),
            )
            for each in row.versions
        ),
    )
