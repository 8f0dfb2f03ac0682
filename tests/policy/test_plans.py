"""Plans: what a session whose token names one may do, and what a plan may not say."""

from __future__ import annotations

import msgspec
import pytest

from sealgate.policy.budgets import Budget
from sealgate.policy.catalogue import ready_actions, ready_prompt
from sealgate.policy.document import (
    Limits,
    Plan,
    PlanLimits,
    Policy,
    PolicyError,
    decode_policy,
    encode_policy,
)
from sealgate.policy.plans import by_plan

READY = ready_actions("small")
FIRST, SECOND = READY[0], msgspec.structs.replace(READY[1], model="large")


def policy(*plans: Plan, budgets: tuple[Budget, ...] = ()) -> Policy:
    return Policy(
        models=("small", "large"),
        actions=(FIRST, SECOND),
        prompt=ready_prompt("large"),
        limits=Limits(requests_per_minute=30, output_tokens=500),
        plans=plans,
        budgets=budgets,
    )


def test_a_plan_that_says_nothing_is_its_application() -> None:
    found = by_plan(policy(Plan("free", "Free")))["free"]
    assert found == policy(Plan("free", "Free"))


def test_a_plan_changes_the_limits_that_it_names_and_no_others() -> None:
    free = Plan("free", "Free", limits=PlanLimits(output_tokens=100, tools=False))
    limits = by_plan(policy(free))["free"].limits
    assert (limits.output_tokens, limits.tools, limits.requests_per_minute) == (100, False, 30)


def test_sessions_without_a_plan_go_by_the_application() -> None:
    free = Plan("free", "Free", limits=PlanLimits(output_tokens=100))
    assert by_plan(policy(free))[None].limits.output_tokens == 500


def test_a_plan_has_the_actions_and_the_prompt_whose_model_it_allows() -> None:
    found = by_plan(policy(Plan("free", "Free", models=("small",))))["free"]
    assert found.actions == (FIRST,)
    assert found.prompt is None


def test_a_plan_may_name_its_actions_and_leave_out_the_prompt() -> None:
    found = by_plan(policy(Plan("pro", "Pro", actions=(SECOND.id,), prompt=False)))["pro"]
    assert found.actions == (SECOND,)
    assert found.prompt is None


def test_a_plan_counts_the_budgets_of_all_and_its_own() -> None:
    of_all = Budget("user", "requests", "day", 10)
    of_free = Budget("user", "tokens", "day", 10, plans=("free",))
    of_plans = Budget("plan", "tokens", "day", 10)
    found = by_plan(policy(Plan("free", "Free"), Plan("pro", "Pro"), budgets=(of_all, of_free, of_plans)))
    assert found[None].budgets == (of_all,)
    assert found["free"].budgets == (of_all, of_free, of_plans)
    assert found["pro"].budgets == (of_all, of_plans)


WRONG = {
    "a plan that stands twice": (policy(Plan("a", "A"), Plan("a", "B")), "plan 'a' stands twice"),
    "a model that the application has not": (policy(Plan("a", "A", models=("huge",))), "'huge'"),
    "an action that the application has not": (policy(Plan("a", "A", actions=("dance",))), "'dance'"),
    "an action without its model": (
        policy(Plan("a", "A", models=("small",), actions=(SECOND.id,))),
        "uses model 'large'",
    ),
    "a budget of a plan that there is not": (
        policy(budgets=(Budget("user", "requests", "day", 1, plans=("gold",)),)),
        "'gold'",
    ),
    "a budget that stands twice": (
        policy(budgets=(Budget("user", "requests", "day", 1), Budget("user", "requests", "day", 2))),
        "stands twice",
    ),
    "streams in a day": (policy(budgets=(Budget("user", "streams", "day", 1),)), "at once"),
    "requests at once": (policy(budgets=(Budget("user", "requests", "at_once", 1),)), "at once"),
    "money in a minute": (policy(budgets=(Budget("user", "money", "minute", 1),)), "by day or month"),
    "a session's month": (policy(budgets=(Budget("session", "tokens", "month", 1),)), "does not last"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_document_is_refused_that_has(name: str) -> None:
    document, words = WRONG[name]
    with pytest.raises(PolicyError, match=words) as caught:
        encode_policy(document)
    assert caught.value.hint


def test_plans_and_budgets_survive_their_encoding() -> None:
    document = policy(
        Plan("free", "Free", models=("small",), limits=PlanLimits(images=0)),
        budgets=(Budget("organization", "money", "month", 5_000_000_000, unpriced="allow", reset=3),),
    )
    assert decode_policy(encode_policy(document)) == document
