"""Plans: what an application's policy is for sessions whose token names one.

Counterparts: `document.py`, which holds them; the proxy, which works them out once per document. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sealgate.policy.document import Limits, Plan, PlanLimits, Policy

_CHANGED = PlanLimits.__struct_fields__


def by_plan(policy: Policy) -> Mapping[str | None, Policy]:
    """Every plan's policy by the plan's name; under None that of sessions without a plan.

    Each holds the budgets that count for it. An application without plans has one policy, whatever a token
    names, and its sessions count as those without a plan.
    """
    return {None: _counted(policy, None)} | {
        plan.id: _counted(_planned(policy, plan), plan.id) for plan in policy.plans
    }


def _planned(policy: Policy, plan: Plan) -> Policy:
    models = policy.models if plan.models is None else plan.models
    actions = tuple(
        action
        for action in policy.actions
        if (action.model in models if plan.actions is None else action.id in plan.actions)
    )
    prompt = policy.prompt if plan.prompt and policy.prompt and policy.prompt.model in models else None
    return msgspec.structs.replace(
        policy,
        models=models,
        actions=actions,
        endpoints=policy.endpoints if plan.endpoints is None else plan.endpoints,
        prompt=prompt,
        limits=_changed(policy.limits, plan.limits),
    )


def _changed(limits: Limits, changes: PlanLimits) -> Limits:
    given = {name: getattr(changes, name) for name in _CHANGED if getattr(changes, name) is not None}
    return msgspec.structs.replace(limits, **given)


def _counted(policy: Policy, plan: str | None) -> Policy:
    budgets = tuple(budget for budget in policy.budgets if budget.applies_to(plan))
    return msgspec.structs.replace(policy, budgets=budgets)
