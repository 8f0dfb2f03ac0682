"""Pages for the versions of a key: testing one, switching to the next, going back, discarding.

Each needs the right to touch keys and a password typed within ten minutes. The vault decides and does it; who
asked is written down here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from sealgate.console.addon.desk import VaultAwayError, VaultRefusedError
from sealgate.console.addon.probes import note_probe, run_probe
from sealgate.console.addon.services import versions_of
from sealgate.console.addon.views import Seen, back_to_addon, page, see
from sealgate.console.applications.services import NotThereError
from sealgate.console.forms import InputError
from sealgate.console.visit import Visit
from sealgate.messages.tickets import CredentialRow, CredentialVersion, VersionStanding
from sealgate.policy.document import decode_policy


async def test(visit: Visit) -> Response:
    """Fields: `version`, `model`. Has one proxy test this key, and remembers what it found."""
    seen = await see(visit)
    row, version = _chosen(visit, seen)
    models = decode_policy(seen.application.policy).models
    model = visit.form.text("model") or models[0]
    if model not in models:
        problem = InputError(
            "model", f"{model[:80]!r} is not on the model list.", "Choose one from the list."
        )
        return await page(visit, problem)
    wait_s = visit.console.throttles.key_test_by_application.admit(seen.application.id)
    if wait_s:
        return await page(
            visit, InputError("version", "These were too many tests.", f"Wait {wait_s} seconds.")
        )
    done = await run_probe(visit.console.feed, row, version.version, model)
    async with visit.editing() as edit:
        result = await note_probe(edit, row, version.version, model, done)
    visit.console.log("key_tested", application=seen.application.id, result=result)
    return back_to_addon(visit, "key-tested")


async def switch(visit: Visit) -> Response:
    """Field: `version`, the staged one: it is used from now on, the active one becomes the previous."""
    return await _act(visit, VersionStanding.STAGED, "version-switched", visit.console.desk.switch)


async def roll_back(visit: Visit) -> Response:
    """Field: `version`, the previous one: it is used again, the active one becomes staged."""
    act = visit.console.desk.roll_back
    return await _act(visit, VersionStanding.PREVIOUS, "version-rolled-back", act)


async def discard_page(visit: Visit, problem: InputError | None = None) -> Response:
    """Query or field: `version`. Says what discarding does."""
    seen = await see(visit)
    row, version = _discardable(visit, seen)
    return visit.render(
        "discard.html", problem=problem, application=seen.application, row=row, version=version
    )


async def discard(visit: Visit) -> Response:
    """Field: `version`, a staged or a previous one. Has the vault destroy it."""
    seen = await see(visit)
    row, version = _discardable(visit, seen)
    try:
        await visit.console.desk.discard(row.organization, row.application, row.credential, version.version)
    except VaultRefusedError as refused:
        return await discard_page(visit, InputError("version", refused.message, refused.hint))
    await _record(visit, "version-discarded", row, version)
    return back_to_addon(visit, "version-discarded")


async def _act(
    visit: Visit,
    standing: VersionStanding,
    what: str,
    act: Callable[[str, str, str], Awaitable[CredentialRow]],
) -> Response:
    seen = await see(visit)
    row, version = _chosen(visit, seen)
    if version.standing is not standing:  # somebody was faster, or the page is old
        raise NotThereError
    try:
        await act(row.organization, row.application, row.credential)
    except VaultRefusedError as refused:
        return await page(visit, InputError("version", refused.message, refused.hint))
    await _record(visit, what, row, version)
    return back_to_addon(visit, what)


async def _record(visit: Visit, notice: str, row: CredentialRow, version: CredentialVersion) -> None:
    what = notice.replace("version-", "version.", 1)
    async with visit.editing() as edit:
        await edit.record(what, f"{row.origin}: version {version.version}", row.application)


def _discardable(visit: Visit, seen: Seen) -> tuple[CredentialRow, CredentialVersion]:
    row, version = _chosen(visit, seen)
    if version.standing is VersionStanding.ACTIVE:
        raise NotThereError
    return row, version


def _chosen(visit: Visit, seen: Seen) -> tuple[CredentialRow, CredentialVersion]:
    if seen.vault is None:
        raise VaultAwayError
    named = visit.form.text("version") or visit.request.query_params.get("version", "")
    for version in versions_of(seen.row):
        if seen.row is not None and str(version.version) == named:
            return seen.row, version
    raise NotThereError
