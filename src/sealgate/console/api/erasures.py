"""Ways of erasure: have something erased for good, list erasures, and take a receipt.

Counterpart: `console.erasure`, which the pages use too. A token needs the scope `erase`, and each order the
name.
"""

from __future__ import annotations

import msgspec

from sealgate.console.accounts.models import Organization
from sealgate.console.addon import services
from sealgate.console.addon.desk import VaultAwayError
from sealgate.console.api import declaring
from sealgate.console.api.bodies import (
    EraseCredentialWanted,
    EraseWanted,
    ErasureList,
    ErasureView,
    ReceiptView,
    SignedReceipt,
)
from sealgate.console.api.call import Call, Reply, moment, moment_or_none
from sealgate.console.applications.models import Application
from sealgate.console.applications.services import NotThereError
from sealgate.console.erasure.listing import find_erasure, list_erasures
from sealgate.console.erasure.ordering import Author
from sealgate.console.erasure.services import Wanted
from sealgate.console.erasure.states import Erasure, standing
from sealgate.console.forms import InputError
from sealgate.messages.erasing import ErasureKind


async def index(call: Call) -> Reply:
    """Every erasure, as it stands now."""
    listed = await list_erasures(call.console.desk, call.console.database, call.organization)
    return Reply(ErasureList(tuple(_view(call, each) for each in listed.erasures)))


async def show(call: Call) -> Reply:
    """One erasure with its receipt."""
    named = call.path("receipt")
    found = await find_erasure(call.console.desk, call.console.database, call.organization, named)
    signed = msgspec.json.decode(found.signed, type=SignedReceipt) if found.signed else None
    return Reply(ReceiptView(_view(call, found.erasure), signed))


async def erase_credential(call: Call) -> Reply:
    """Have everything of a credential destroyed."""
    wanted = call.wanted(EraseCredentialWanted)
    application = await _application(call)
    _check_confirmed(wanted.confirm, application.name)
    vault = await services.ask_vault(call.console.desk, call.organization, application.id)
    if vault is None:
        raise VaultAwayError
    row = vault.row(wanted.credential)
    if row is None:
        raise NotThereError
    return await _erase(call, Wanted(ErasureKind.CREDENTIAL, row.credential, row.origin, application.id))


async def erase_application(call: Call) -> Reply:
    """Have everything of an application destroyed, and its settings deleted."""
    wanted = call.wanted(EraseWanted)
    application = await _application(call)
    _check_confirmed(wanted.confirm, application.name)
    return await _erase(
        call, Wanted(ErasureKind.APPLICATION, application.id, application.name, application.id)
    )


async def erase_organization(call: Call) -> Reply:
    """Have everything of the organization destroyed, and its applications' settings deleted."""
    wanted = call.wanted(EraseWanted)
    async with call.reading() as tx:
        name = (await tx.get_one(Organization, call.organization)).name
    _check_confirmed(wanted.confirm, name)
    return await _erase(call, Wanted(ErasureKind.ORGANIZATION, call.organization, name))


async def _erase(call: Call, wanted: Wanted) -> Reply:
    author = Author(call.organization, call.holder.user, call.holder.token)
    await call.console.erasing.erase(author, wanted)
    listed = await list_erasures(call.console.desk, call.console.database, call.organization)
    found = next(each for each in listed.erasures if each.subject == wanted.subject)
    return Reply(_view(call, found))


async def _application(call: Call) -> Application:
    async with call.reading() as tx:
        return await declaring.find_named(tx, call.organization, call.path("application"))


def _check_confirmed(typed: str, name: str) -> None:
    if typed != name:
        raise InputError("confirm", "This is not the name of what is to be erased.", f"Send {name!r}.")


def _view(call: Call, erasure: Erasure) -> ErasureView:
    row = erasure.row
    return ErasureView(
        kind=erasure.kind,
        subject=erasure.subject,
        name=erasure.name,
        state=standing(erasure, call.console.now()).value,
        receipt=erasure.receipt or None,
        ordered_at=moment(erasure.ordered_at),
        erased_at=moment_or_none(row.erased_at) if row else None,
        final_by=moment_or_none(row.final_by) if row else None,
        final_at=moment_or_none(row.final_at) if row else None,
        waits_for=row.waits_for if row else (),
    )
