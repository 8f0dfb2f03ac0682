"""Plans and budgets as they are typed, and as a line of a page says them.

Pure. Counterpart: `sealgate.policy.budgets`, which has the words of refusals; the proxy alone counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, get_args

import msgspec

from sealgate.console.forms import Form, InputError, check_name
from sealgate.policy.budgets import Budget, Measure, Scope, Window, fault_of
from sealgate.policy.document import (
    Plan,
    PlanLimits,
    Policy,
    PolicyError,
    decode_policy,
    encode_policy,
)

MOST_OF_APPLICATION: Final = 16
MOST_OF_ORGANIZATION: Final = 8
"""Together they stay within what one document holds."""

SCOPES: Final[Mapping[Scope, str]] = {
    "session": "Each session",
    "user": "Each user",
    "plan": "Each plan, all its sessions together",
    "application": "The application",
}
MEASURES: Final[Mapping[Measure, str]] = {
    "requests": "requests",
    "tokens": "tokens",
    "money": "US dollars",
    "streams": "answers at once",
}
WINDOWS: Final[Mapping[Window, str]] = {"minute": "a minute", "day": "a day", "month": "a month"}

_ONE: Final[Mapping[Measure, str]] = {
    "requests": "request", "tokens": "token", "streams": "answer at once"
}  # fmt: skip
_PLAN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NANO: Final = Decimal(10**9)
_MOST: Final = 10**15
_WHOSE: Final = {
    "session": "for each session",
    "user": "for each user",
    "plan": "for each plan",
    "application": "for the application",
    "organization": "for all applications together",
}


def said(budget: Budget) -> str:
    """One line, such as `20,000 tokens a day for each user`."""
    if budget.measure == "money":
        amount = f"${Decimal(budget.most) / _NANO:,.2f}"
    else:
        unit = (_ONE if budget.most == 1 else MEASURES)[budget.measure]
        amount = f"{budget.most:,} {unit}"
    window = WINDOWS.get(budget.window, "")
    return " ".join(word for word in (amount, window, _WHOSE[budget.scope]) if word)


def own_budgets(policy: Policy) -> Policy:
    """The policy, if its budgets are all the application's own and not too many; raises `InputError`."""
    if any(budget.scope == "organization" for budget in policy.budgets):
        raise InputError(
            "policy.budgets",
            "A budget of the organization stands at the organization, for all its applications.",
            "Set it there, or choose another scope.",
        )
    _check_number(len(policy.budgets), MOST_OF_APPLICATION, "An application")
    return policy


def organization_budgets(budgets: Sequence[Budget]) -> tuple[Budget, ...]:
    """The budgets, if they can be an organization's; raises `InputError`."""
    for budget in budgets:
        if budget.scope != "organization" or budget.plans:
            raise InputError(
                "budgets",
                "Here stand budgets of the organization, which know no plans.",
                "Use the scope organization, or set it at an application.",
            )
        fault = fault_of(budget)
        if fault is not None:
            raise InputError("measure", f"This budget cannot be: {fault[0]}.", fault[1])
    _check_number(len(budgets), MOST_OF_ORGANIZATION, "An organization")
    if len({budget.name for budget in budgets}) < len(budgets):
        raise InputError("budgets", "Two of these budgets count the same.", "Keep one of the two.")
    return tuple(budgets)


def with_budget(budgets: Sequence[Budget], budget: Budget) -> tuple[Budget, ...]:
    """The budgets with this one; in the place of one that counts the same, whose reset it keeps."""
    reset = next((each.reset for each in budgets if each.name == budget.name), 0)
    changed = msgspec.structs.replace(budget, reset=reset)
    if any(each.name == budget.name for each in budgets):
        return tuple(changed if each.name == budget.name else each for each in budgets)
    return (*budgets, changed)


def without_budget(budgets: Sequence[Budget], name: str) -> tuple[Budget, ...]:
    """The budgets without the one of this name."""
    return tuple(budget for budget in budgets if budget.name != name)


def with_budgets(policy: Policy, budgets: tuple[Budget, ...]) -> Policy:
    """The policy with these budgets; raises `InputError`."""
    return checked(msgspec.structs.replace(policy, budgets=budgets))


def begun_anew(budgets: Sequence[Budget], name: str) -> tuple[Budget, ...]:
    """The budgets; the one of this name counts from zero."""
    return tuple(
        msgspec.structs.replace(each, reset=each.reset + 1) if each.name == name else each for each in budgets
    )


def budget_from_form(form: Form, scope: Scope | None = None) -> Budget:
    """Fields: `scope` (unless given), `measure`, `window`, `most`, `plan` (each), `unpriced`.

    Raises `InputError`.
    """
    whose = scope or _chosen(form, "scope", get_args(Scope))
    measure = _chosen(form, "measure", get_args(Measure))
    window = "at_once" if measure == "streams" else _chosen(form, "window", get_args(Window))
    most = _dollars(form.text("most")) if measure == "money" else form.number("most", "At most", 1, 10**11)
    budget = Budget(
        msgspec.convert(whose, Scope),
        msgspec.convert(measure, Measure),
        msgspec.convert(window, Window),
        most,
        tuple(dict.fromkeys(form.texts("plan"))),
        "allow" if form.text("unpriced") else "refuse",
    )
    fault = fault_of(budget)
    if fault is not None:
        raise InputError("window", f"This budget cannot be: {fault[0]}.", fault[1])
    return budget


def plan_from_form(policy: Policy, form: Form) -> Plan:
    """Fields: `id`, `label`, `model`, `action` and `endpoint` (each), `prompt`, `tools`, limits.

    Limits are empty where they are the application's. Raises `InputError`.
    """
    plan_id = form.text("id")
    if not _PLAN_ID.fullmatch(plan_id):
        raise InputError(
            "id",
            f"{plan_id[:80]!r} cannot name a plan.",
            "Use letters, digits and . _ -, as your back end signs it.",
        )
    before = next((plan for plan in policy.plans if plan.id == plan_id), None)
    limits = msgspec.structs.replace(  # what the page does not show stays
        before.limits if before else PlanLimits(),
        requests_per_minute=_optional(form, "requests_per_minute", "Requests per minute", 100_000),
        concurrent_streams=_optional(form, "concurrent_streams", "Streams at once", 1_000),
        output_tokens=_optional(form, "output_tokens", "Output tokens", 1_000_000),
        input_bytes=_optional(form, "input_bytes", "Bytes of text", 16_777_216),
        tools=None if form.text("tools") else False,
    )
    ticked = form.texts("endpoint")
    endpoints = tuple(each for each in policy.endpoints if each in ticked)
    return Plan(
        plan_id,
        check_name("label", form.text("label") or plan_id, "A plan"),
        models=_own(form, "model", policy.models),
        endpoints=None if endpoints == policy.endpoints else endpoints,
        actions=_own(form, "action", tuple(action.id for action in policy.actions)),
        prompt=bool(form.text("prompt")) or policy.prompt is None,
        limits=limits,
    )


def with_plan(policy: Policy, plan: Plan) -> Policy:
    """The policy with this plan, in the place of one of the same id; raises `InputError`."""
    known = any(each.id == plan.id for each in policy.plans)
    plans = (
        tuple(plan if each.id == plan.id else each for each in policy.plans)
        if known
        else (*policy.plans, plan)
    )
    return checked(msgspec.structs.replace(policy, plans=plans))


def without_plan(policy: Policy, plan_id: str) -> Policy:
    """The policy without a plan, and without the budgets that were for it alone; raises `InputError`."""
    budgets = []
    for budget in policy.budgets:
        left = tuple(each for each in budget.plans if each != plan_id)
        if left or not budget.plans:
            budgets.append(msgspec.structs.replace(budget, plans=left))
    plans = tuple(each for each in policy.plans if each.id != plan_id)
    return checked(msgspec.structs.replace(policy, plans=plans, budgets=tuple(budgets)))


def checked(policy: Policy) -> Policy:
    """The policy as proxies will read it; raises `InputError`."""
    try:
        return own_budgets(decode_policy(encode_policy(policy)))
    except PolicyError as error:
        text = str(error)
        raise InputError("budget", f"{text[:1].upper()}{text[1:]}.", error.hint) from None


def _own(form: Form, field: str, all_of_them: tuple[str, ...]) -> tuple[str, ...] | None:
    """Those that are ticked; None where all are, so that the plan gets what the application gets later."""
    ticked = form.texts(field)
    chosen = tuple(each for each in all_of_them if each in ticked)
    return None if chosen == all_of_them else chosen


def _optional(form: Form, field: str, label: str, most: int) -> int | None:
    return form.number(field, label, 1, most) if form.text(field) else None


def _chosen(form: Form, field: str, words: Sequence[str]) -> str:
    text = form.text(field)
    if text not in words:
        raise InputError(field, f"{text[:80]!r} is not one of these.", "Choose from the list.")
    return text


def _dollars(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,9})?", text) or not 0 < Decimal(text) * _NANO <= _MOST:
        raise InputError(
            "most", f"This cannot be {text[:80]!r} dollars.", "Type an amount such as 25 or 0.50."
        )
    return int(Decimal(text) * _NANO)


def _check_number(found: int, most: int, whose: str) -> None:
    if found > most:
        raise InputError("budgets", f"{whose} has at most {most} budgets.", "Remove one first.")
