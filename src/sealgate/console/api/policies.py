"""An application's policy as the management API writes it: what is given replaces, what is absent stays.

Pure. Counterpart: `applications.policies`, which does the same for the pages' forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from sealgate.console.api.bodies import ActionWanted, BudgetWanted, PolicyWanted
from sealgate.console.api.likeness import hint_for
from sealgate.console.applications.policies import READY_IDS, starting_policy
from sealgate.console.budgets.forms import own_budgets
from sealgate.console.forms import InputError
from sealgate.policy.budgets import Budget
from sealgate.policy.catalogue import ready_actions
from sealgate.policy.document import Action, Policy, PolicyError, decode_policy, encode_policy

PARTS = (
    "models",
    "actions",
    "limits",
    "endpoints",
    "prompt",
    "allow_unknown_fields",
    "plans",
    "budgets",
    "sources",
)


def first_policy(wanted: PolicyWanted) -> Policy:
    """The policy of a new application; raises `InputError`."""
    models = starting_policy().models if wanted.models is UNSET else wanted.models
    return merged(starting_policy(models), wanted)


def merged(policy: Policy, wanted: PolicyWanted) -> Policy:
    """The policy with every given part replaced; raises `InputError` naming the part."""
    models = policy.models if wanted.models is UNSET else wanted.models
    changes: dict[str, object] = {
        part: msgspec.to_builtins(getattr(wanted, part))
        for part in PARTS
        if getattr(wanted, part) is not UNSET and part != "actions"
    }
    if wanted.actions is not UNSET:
        changes["actions"] = [
            msgspec.to_builtins(_action(each, models, place)) for place, each in enumerate(wanted.actions)
        ]
    if wanted.budgets is not UNSET:
        changes["budgets"] = with_resets(wanted.budgets, policy.budgets)
    try:
        changed = msgspec.convert(msgspec.to_builtins(policy) | changes, Policy)
        return own_budgets(decode_policy(encode_policy(changed)))
    except PolicyError as error:
        text = str(error)
        raise InputError("policy", f"{text[:1].upper()}{text[1:]}.", error.hint) from None


def with_resets(wanted: Sequence[BudgetWanted], before: Sequence[Budget]) -> list[dict[str, Any]]:
    """The budgets with their resets: those that are not given are kept."""
    kept = {budget.name: budget.reset for budget in before}
    return [{"reset": kept.get(each.name, 0), **msgspec.to_builtins(each)} for each in wanted]


def changed_parts(before: Policy, after: Policy) -> tuple[str, ...]:
    """Which parts differ."""
    return tuple(part for part in PARTS if getattr(before, part) != getattr(after, part))


def _action(wanted: str | ActionWanted, models: tuple[str, ...], place: int) -> Action:
    asked = ActionWanted(id=wanted) if isinstance(wanted, str) else wanted
    ready = next((each for each in ready_actions(models[0]) if each.id == asked.id), None)
    if ready is None and isinstance(wanted, str):
        raise InputError(
            f"policy.actions[{place}]",
            f"There is no ready action {wanted[:48]!r}.",
            f"{hint_for(wanted, READY_IDS)} Or write the whole action.",
        )
    given = msgspec.to_builtins(asked)  # without what is UNSET
    base = msgspec.to_builtins(ready) if ready is not None else {"model": models[0]}
    try:
        return msgspec.convert(base | given, Action)
    except msgspec.ValidationError as error:
        raise InputError(
            f"policy.actions[{place}]",
            f"Action {asked.id!r} is not a ready one and is not complete: {error}.",
            "Give it label, description and instructions.",
        ) from None
