"""Pages of erasure: what it destroys and what stays, said before; the list of receipts, and one to download.

Each order needs an owner, the typed name and a password typed just now. A receipt is shown as the vault
gives it.
"""

from __future__ import annotations

from starlette.responses import Response

from sealgate.console.accounts.models import Organization
from sealgate.console.addon import views as addon
from sealgate.console.addon.desk import VaultAwayError, VaultRefusedError
from sealgate.console.applications.services import NotThereError, find_application
from sealgate.console.erasure.listing import Found, find_erasure, list_erasures
from sealgate.console.erasure.ordering import Author
from sealgate.console.erasure.services import Wanted
from sealgate.console.erasure.states import standing, waits_in_words
from sealgate.console.forms import InputError
from sealgate.console.visit import Visit
from sealgate.messages.erasing import ErasureKind
from sealgate.messages.tickets import CredentialRow


async def index(visit: Visit) -> Response:
    """Every erasure of the organization, the newest first; works without the vault and says so."""
    organization = visit.account.organization
    listed = await list_erasures(visit.console.desk, visit.console.database, organization)
    async with visit.reading() as tx:
        erased_at = (await tx.get_one(Organization, organization)).erased_at
    return visit.render(
        "erasures.html",
        rows=[(each, standing(each, visit.now_s).value) for each in listed.erasures],
        away=listed.away,
        trouble=listed.trouble,
        erased_at=erased_at,
    )


async def receipt_page(visit: Visit) -> Response:
    """One erasure: what was destroyed, what it waits for, and how anybody checks its receipt."""
    found = await _find(visit)
    return visit.render(
        "erasure_receipt.html",
        erasure=found.erasure,
        row=found.row,
        state=standing(found.erasure, visit.now_s).value,
        waits=list(waits_in_words(found.row)),
        signed=found.signed,
    )


async def download(visit: Visit) -> Response:
    """The receipt as a file, signed as things stand now."""
    found = await _find(visit)
    if not found.signed:
        raise NotThereError
    name = f"sealgate-{found.row.receipt}.json"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(found.signed, media_type="application/json", headers=headers)


async def application_page(visit: Visit, problem: InputError | None = None) -> Response:
    """Says what erasing an application does."""
    async with visit.reading() as tx:
        application = await find_application(tx, visit.account.organization, visit.path("application"))
    return visit.render("erase_application.html", problem=problem, application=application)


async def erase_application(visit: Visit) -> Response:
    """Field: `typed_name`, the application's name."""
    async with visit.reading() as tx:
        application = await find_application(tx, visit.account.organization, visit.path("application"))
    try:
        _check_typed(visit, application.name, "application")
        wanted = Wanted(ErasureKind.APPLICATION, application.id, application.name, application.id)
        return await _erase(visit, wanted)
    except InputError as problem:
        return await application_page(visit, problem)


async def credential_page(visit: Visit, problem: InputError | None = None) -> Response:
    """Query or field: `credential`. Says what erasing it does."""
    seen = await addon.see(visit)
    return visit.render(
        "erase_credential.html", problem=problem, application=seen.application, row=_erasable(visit, seen)
    )


async def erase_credential(visit: Visit) -> Response:
    """Fields: `credential`, `typed_name`, the application's name."""
    seen = await addon.see(visit)
    row = _erasable(visit, seen)
    try:
        _check_typed(visit, seen.application.name, "application")
        wanted = Wanted(ErasureKind.CREDENTIAL, row.credential, row.origin, seen.application.id)
        return await _erase(visit, wanted)
    except InputError as problem:
        return await credential_page(visit, problem)


async def organization_page(visit: Visit, problem: InputError | None = None) -> Response:
    """Says what erasing the whole organization does."""
    async with visit.reading() as tx:
        organization = await tx.get_one(Organization, visit.account.organization)
    if organization.erased_at is not None:
        return visit.go("/erasures")
    return visit.render("erase_organization.html", problem=problem)


async def erase_organization(visit: Visit) -> Response:
    """Field: `typed_name`, the organization's name."""
    try:
        _check_typed(visit, visit.account.organization_name, "organization")
        wanted = Wanted(ErasureKind.ORGANIZATION, visit.account.organization, visit.account.organization_name)
        return await _erase(visit, wanted)
    except InputError as problem:
        return await organization_page(visit, problem)


async def _erase(visit: Visit, wanted: Wanted) -> Response:
    """Have it erased; to the receipt, or to the list where the vault went away in the middle."""
    author = Author(visit.account.organization, visit.account.user)
    try:
        receipt = await visit.console.erasing.erase(author, wanted)
    except VaultRefusedError as refused:
        raise InputError("typed_name", refused.message, refused.hint) from None
    if not receipt:
        return visit.go("/erasures", "erasure-ordered")
    return visit.go(f"/erasures/{receipt}", "erased")


async def _find(visit: Visit) -> Found:
    console = visit.console
    return await find_erasure(
        console.desk, console.database, visit.account.organization, visit.path("receipt")
    )


def _erasable(visit: Visit, seen: addon.Seen) -> CredentialRow:
    if seen.vault is None:
        raise VaultAwayError
    row = seen.vault.row(visit.form.text("credential") or visit.request.query_params.get("credential"))
    if row is None:
        raise NotThereError
    return row


def _check_typed(visit: Visit, name: str, what: str) -> None:
    if visit.form.text("typed_name") != name:
        raise InputError("typed_name", f"This is not the {what}’s name.", f"Type {name}")
