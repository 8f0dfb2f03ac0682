"""Ways of the versions of a key: switch to the next, go back, discard one. The vault decides and does it.

Counterpart: `addon.version_views`, the pages for the same. A caller names the version that it means, so that
nothing else is switched to when somebody was faster.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sealgate.console.addon import services
from sealgate.console.addon.desk import VaultAwayError
from sealgate.console.api import addon, declaring
from sealgate.console.api.bodies import VersionNamed
from sealgate.console.api.call import Call, Reply
from sealgate.console.applications.services import NotThereError
from sealgate.messages.tickets import CredentialRow, VersionStanding

Act = Callable[[str, str, str], Awaitable[CredentialRow]]


async def switch(call: Call) -> Reply:
    """The staged version is used from now on; the active one becomes the previous."""
    return await _act(call, VersionStanding.STAGED, "version.switched", call.console.desk.switch)


async def roll_back(call: Call) -> Reply:
    """The previous version is used again; the active one becomes staged."""
    return await _act(call, VersionStanding.PREVIOUS, "version.rolled-back", call.console.desk.roll_back)


async def discard(call: Call) -> Reply:
    """Have the vault destroy a staged or a previous version."""
    row, version, standing = await _chosen(call)
    if standing is VersionStanding.ACTIVE:
        raise NotThereError
    await call.console.desk.discard(row.organization, row.application, row.credential, version)
    return await _recorded(call, "version.discarded", row, version)


async def _act(call: Call, wanted: VersionStanding, what: str, act: Act) -> Reply:
    row, version, standing = await _chosen(call)
    if standing is not wanted:
        raise NotThereError
    await act(row.organization, row.application, row.credential)
    return await _recorded(call, what, row, version)


async def _recorded(call: Call, what: str, row: CredentialRow, version: int) -> Reply:
    async with call.editing() as edit:
        await edit.record(what, f"{row.origin}: version {version}", row.application)
    return await addon.show(call)


async def _chosen(call: Call) -> tuple[CredentialRow, int, VersionStanding]:
    """The credential in use and the version that the body names; raises `NotThereError`."""
    wanted = call.wanted(VersionNamed)
    async with call.reading() as tx:
        application = await declaring.find_named(tx, call.organization, call.path("application"))
        in_use = await services.find_addon(tx, application)
    vault = await services.ask_vault(call.console.desk, call.organization, application.id)
    if vault is None:
        raise VaultAwayError
    row = services.usable_row(in_use, vault)
    for each in row.versions if row is not None else ():
        if each.version == wanted.version and row is not None:
            return row, each.version, each.standing
    raise NotThereError
