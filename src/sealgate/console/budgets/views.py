"""Pages of plans and budgets: an application's, and the organization's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.responses import Response

from sealgate.console.applications import services
from sealgate.console.applications.models import Application
from sealgate.console.budgets import forms
from sealgate.console.budgets.services import budgets_of, set_budgets
from sealgate.console.forms import InputError
from sealgate.console.visit import Visit
from sealgate.policy.budgets import Budget, used_up_words
from sealgate.policy.document import Policy, decode_policy

Change = Callable[[Policy], Policy]


async def page(visit: Visit, problem: InputError | None = None) -> Response:
    """Plans and budgets of an application, each budget with what people are told at its end."""
    application, policy = await _with_policy(visit)
    return visit.render(
        "plans.html",
        problem=problem,
        application=application,
        policy=policy,
        rows=_rows(policy.budgets, visit.now_s),
        scopes=forms.SCOPES,
        measures=forms.MEASURES,
        windows=forms.WINDOWS,
    )


async def save_plan(visit: Visit) -> Response:
    """Fields: those of `plan_from_form`."""
    return await _change(
        visit, lambda policy: forms.with_plan(policy, forms.plan_from_form(policy, visit.form))
    )


async def remove_plan(visit: Visit) -> Response:
    """Field: `id`."""
    return await _change(visit, lambda policy: forms.without_plan(policy, visit.form.text("id")))


async def save_budget(visit: Visit) -> Response:
    """Fields: those of `budget_from_form`."""
    return await _budgets(visit, lambda all_: forms.with_budget(all_, forms.budget_from_form(visit.form)))


async def remove_budget(visit: Visit) -> Response:
    """Field: `budget`, its name."""
    return await _budgets(visit, lambda all_: forms.without_budget(all_, visit.form.text("budget")))


async def reset_budget(visit: Visit) -> Response:
    """Field: `budget`, its name."""
    return await _budgets(visit, lambda all_: forms.begun_anew(all_, visit.form.text("budget")))


async def organization(visit: Visit, problem: InputError | None = None) -> Response:
    """Budgets of the organization."""
    async with visit.reading() as tx:
        budgets = await budgets_of(tx, visit.account.organization)
    return visit.render(
        "budgets.html",
        problem=problem,
        rows=_rows(budgets, visit.now_s),
        measures=forms.MEASURES,
        windows=forms.WINDOWS,
    )


async def save_of_organization(visit: Visit) -> Response:
    """Fields: those of `budget_from_form` but the scope."""
    return await _of_organization(
        visit, lambda all_: forms.with_budget(all_, forms.budget_from_form(visit.form, "organization"))
    )


async def remove_of_organization(visit: Visit) -> Response:
    """Field: `budget`, its name."""
    return await _of_organization(visit, lambda all_: forms.without_budget(all_, visit.form.text("budget")))


async def reset_of_organization(visit: Visit) -> Response:
    """Field: `budget`, its name."""
    return await _of_organization(visit, lambda all_: forms.begun_anew(all_, visit.form.text("budget")))


def _rows(budgets: Sequence[Budget], now_s: float) -> list[tuple[Budget, str, str]]:
    """Each budget, what it is in words, and what people are told at its end."""
    told = [used_up_words(budget, now_s) for budget in budgets]
    return [
        (budget, forms.said(budget), f"{words.message} {words.hint}")
        for budget, words in zip(budgets, told, strict=True)
    ]


async def _budgets(visit: Visit, change: Callable[[Sequence[Budget]], tuple[Budget, ...]]) -> Response:
    return await _change(visit, lambda policy: forms.with_budgets(policy, change(policy.budgets)))


async def _change(visit: Visit, change: Change) -> Response:
    _application, policy = await _with_policy(visit)
    try:
        changed = change(policy)
        async with visit.editing() as edit:
            await services.set_policy(edit, visit.path("application"), changed, "plans.changed")
    except InputError as problem:
        return await page(visit, problem)
    return visit.go(f"/applications/{visit.path('application')}/plans", "plans-saved")


async def _of_organization(
    visit: Visit, change: Callable[[Sequence[Budget]], tuple[Budget, ...]]
) -> Response:
    async with visit.reading() as tx:
        budgets = await budgets_of(tx, visit.account.organization)
    try:
        changed = change(budgets)
        async with visit.editing() as edit:
            await set_budgets(edit, changed)
    except InputError as problem:
        return await organization(visit, problem)
    return visit.go("/budgets", "budgets-saved")


async def _with_policy(visit: Visit) -> tuple[Application, Policy]:
    async with visit.reading() as tx:
        application = await services.find_application(
            tx, visit.account.organization, visit.path("application")
        )
    return application, decode_policy(application.policy)
