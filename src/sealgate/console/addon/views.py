"""Pages of the add-on: its state, the way to the vault's sealing page, revocation.

Nothing here ever holds a key: it is typed into the vault's own page, and only a ticket goes there from here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from msgspec import Struct
from starlette.responses import RedirectResponse, Response

from sealgate.console.addon import services
from sealgate.console.addon.desk import VaultAwayError, VaultRefusedError
from sealgate.console.addon.models import Addon, Probe
from sealgate.console.addon.probes import VERDICTS, last_probes
from sealgate.console.addon.services import AtVault, Depositor
from sealgate.console.applications.models import Application
from sealgate.console.applications.services import NotThereError, find_application
from sealgate.console.forms import InputError
from sealgate.console.visit import Visit
from sealgate.messages.tickets import CredentialRow, CredentialState
from sealgate.policy.document import decode_policy

HANDOVER_S = 1.5
"""How long the page waits for the handover of a key that was just sealed."""

_ELSEWHERE = InputError(
    "destination",
    "The vault named a page under another address than the one that the console knows.",
    "An administrator must give both the same address of the vault.",
)


class Seen(Struct, frozen=True):
    """The add-on as the console and the vault know it now."""

    application: Application
    addon: Addon | None
    vault: AtVault | None
    row: CredentialRow | None
    depositor: Depositor | None
    trouble: VaultRefusedError | None = None
    probes: Mapping[int, Probe] = {}


async def page(visit: Visit, problem: InputError | None = None) -> Response:
    """State of the add-on; works without the vault and says so."""
    seen = await see(visit)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HANDOVER_S):
            while services.waiting_row(seen.addon, seen.vault) is not None:
                # `handover` does it; a page that is looked at changes nothing
                await visit.console.bell.wait(HANDOVER_S)
                seen = await see(visit)
    policy = decode_policy(seen.application.policy)
    return visit.render(
        "addon.html",
        problem=problem,
        application=seen.application,
        addon=seen.addon,
        vault=seen.vault,
        row=seen.row,
        depositor=seen.depositor,
        trouble=seen.trouble,
        idle=services.idle_rows(seen.addon, seen.vault),
        state=services.addon_state(seen.addon, seen.vault).value,
        versions=services.versions_of(seen.row),
        probes=seen.probes,
        verdicts=VERDICTS,
        models=policy.models,
        sources=policy.sources,
    )


async def enter_key(visit: Visit) -> Response:
    """Fields: `destination`, `stage`, `another`. Takes a ticket to the vault's sealing page."""
    seen = await see(visit)
    if seen.vault is None:
        raise VaultAwayError
    another = visit.form.text("another") == "yes"
    try:
        destination = services.choose_destination(seen.vault, visit.form.text("destination"))
    except InputError as problem:
        return await page(visit, problem)
    try:
        async with visit.reading() as tx:
            request = await services.ticket_request(
                tx,
                visit.account.organization,
                seen.application,
                seen.vault,
                destination,
                stage=visit.form.text("stage") == "yes",
                another=another,
            )
    except InputError as problem:
        return await page(visit, problem)
    try:
        ticket = await visit.console.desk.issue_ticket(request)
    except VaultRefusedError as refused:
        return await page(visit, InputError("destination", refused.message, refused.hint))
    if not ticket.deposit_url.startswith(visit.console.config.vault_url + "/"):
        return await page(visit, _ELSEWHERE)
    in_use = services.usable_row(seen.addon, seen.vault)
    async with visit.editing() as edit:
        await services.note_ticket(edit, request, ticket, in_use, another=another)
    return RedirectResponse(ticket.deposit_url, status_code=303)


async def revoke_page(visit: Visit, problem: InputError | None = None) -> Response:
    """Query or field: `credential`. Says what revoking does, and asks for the application's name."""
    seen = await see(visit)
    return visit.render(
        "revoke.html", problem=problem, application=seen.application, row=_revocable(visit, seen)
    )


async def revoke(visit: Visit) -> Response:
    """Fields: `credential`, `typed_name` (the application's name). Has the vault destroy the key."""
    seen = await see(visit)
    row = _revocable(visit, seen)
    if visit.form.text("typed_name") != seen.application.name:
        problem = InputError(
            "typed_name", "This is not the application's name.", f"Type {seen.application.name}"
        )
        return await revoke_page(visit, problem)
    try:
        await visit.console.desk.revoke(row.organization, row.application, row.credential)
    except VaultRefusedError as refused:
        return await revoke_page(visit, InputError("typed_name", refused.message, refused.hint))
    async with visit.editing() as edit:
        await services.note_revoked(edit, seen.application.id, row.origin)
    return back_to_addon(visit, "key-revoked")


async def switch_on(visit: Visit) -> Response:
    """Let requests through."""
    async with visit.editing() as edit:
        await services.set_addon_active(edit, visit.path("application"), active=True)
    return back_to_addon(visit, "add-on-on")


async def switch_off(visit: Visit) -> Response:
    """Refuse requests; the key stays."""
    async with visit.editing() as edit:
        await services.set_addon_active(edit, visit.path("application"), active=False)
    return back_to_addon(visit, "add-on-off")


def _revocable(visit: Visit, seen: Seen) -> CredentialRow:
    if seen.vault is None:
        raise VaultAwayError
    row = seen.vault.row(visit.form.text("credential") or visit.request.query_params.get("credential"))
    if row is None or row.state is not CredentialState.ACTIVE:
        raise NotThereError
    return row


async def see(visit: Visit) -> Seen:
    """Look at the application, its add-on, and what the vault says; raises `NotThereError`."""
    organization = visit.account.organization
    async with visit.reading() as tx:
        application = await find_application(tx, organization, visit.path("application"))
        addon = await services.find_addon(tx, application)
    try:
        vault = await services.ask_vault(visit.console.desk, organization, application.id)
    except VaultRefusedError as refused:
        return Seen(application, addon, None, None, None, refused)
    row = vault.row(addon.credential) if vault and addon else None
    if row is None:
        return Seen(application, addon, vault, None, None)
    async with visit.reading() as tx:
        depositor = await services.find_depositor(tx, row)
        probes = await last_probes(tx, row.credential)
    return Seen(application, addon, vault, row, depositor, probes=probes)


def addon_path(visit: Visit) -> str:
    """Where the add-on page of this request's application is."""
    return f"/applications/{visit.path('application')}/add-on"


def back_to_addon(visit: Visit, notice: str) -> Response:
    """To the add-on page, which says what was done."""
    return visit.go(addon_path(visit), notice)
