"""The page of an application's sources. Works without the vault, with the keys that the policy names."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from sealgate.console.addon.services import idle_rows
from sealgate.console.addon.views import Seen, see
from sealgate.console.applications import services
from sealgate.console.forms import InputError
from sealgate.console.sources import forms
from sealgate.console.sources.forms import Choice
from sealgate.console.visit import Visit
from sealgate.policy.document import MAX_SOURCES, Policy, decode_policy


async def page(visit: Visit, problem: InputError | None = None) -> Response:
    """Sources in the order in which they are asked, and a form for each."""
    seen = await see(visit)
    return _page(visit, seen, problem)


async def save(visit: Visit) -> Response:
    """Fields: `source` (the name of one to change; none for another), and those of `source_from_form`."""

    def change(policy: Policy, known: dict[str, Choice]) -> Policy:
        source = forms.source_from_form(known, visit.form)
        name = visit.form.text("source")
        return forms.with_changed(policy, name, source) if name else forms.with_source(policy, source)

    return await _change(visit, change)


async def remove(visit: Visit) -> Response:
    """Field: `source`, its name."""
    return await _change(
        visit, lambda policy, _known: forms.without_source(policy, visit.form.text("source"))
    )


async def _change(visit: Visit, change: Callable[[Policy, dict[str, Choice]], Policy]) -> Response:
    seen = await see(visit)
    policy = decode_policy(seen.application.policy)
    try:
        changed = change(policy, _choices(seen, policy))
        async with visit.editing() as edit:
            await services.set_policy(edit, seen.application.id, changed, "sources.changed")
    except InputError as problem:
        return _page(visit, seen, problem)
    return visit.go(f"/applications/{seen.application.id}/sources", "sources-saved")


def _page(visit: Visit, seen: Seen, problem: InputError | None) -> Response:
    policy = decode_policy(seen.application.policy)
    known = _choices(seen, policy)
    return visit.render(
        "sources.html",
        problem=problem,
        application=seen.application,
        away=seen.vault is None,
        policy=policy,
        choices=known,
        most=MAX_SOURCES,
        rows=[
            (each, forms.name_of(each), known[each.credential or forms.OWN].words, forms.models_text(each))
            for each in sorted(policy.sources, key=lambda each: each.rank)
        ],
    )


def _choices(seen: Seen, policy: Policy) -> dict[str, Choice]:
    return dict(forms.choices(policy.sources, idle_rows(seen.addon, seen.vault)))
