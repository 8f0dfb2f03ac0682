"""Plans and budgets over the management API, and the prices that they need on their way to a proxy."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from sealgate.console.feed.pricing import with_prices
from sealgate.console.usage.prices import Prices
from sealgate.messages import feed
from sealgate.policy.budgets import Budget
from sealgate.policy.document import Policy, decode_policy, encode_policy
from sealgate.policy.plans import by_plan
from tests.console.api.program import Program, code
from tests.console.api.test_applications import document
from tests.console.running import Running

FREE = {"id": "free", "label": "Free", "limits": {"output_tokens": 100, "tools": False}}
DAILY = {"scope": "user", "measure": "tokens", "window": "day", "most": 1_000, "plans": ["free"]}


async def test_plans_and_budgets_reach_the_proxies_document(world: Running, deploy: Program) -> None:
    app = await deploy.newsletter(policy={"plans": [FREE], "budgets": [DAILY]})
    policy = by_plan(decode_policy((await document(world, app["id"])).policy))["free"]
    assert (policy.limits.output_tokens, policy.limits.tools) == (100, False)
    assert policy.budgets == (Budget("user", "tokens", "day", 1_000, ("free",)),)


async def test_a_reset_is_kept_by_those_who_do_not_name_it(deploy: Program) -> None:
    app = await deploy.newsletter(policy={"plans": [FREE], "budgets": [DAILY]})
    address = f"/applications/{app['id']}"
    for budget, reset in ((DAILY | {"reset": 4}, 4), (DAILY | {"most": 5}, 4), (DAILY | {"reset": 5}, 5)):
        changed = await deploy.send("PATCH", address, {"policy": {"budgets": [budget]}})
        assert changed.json()["policy"]["budgets"][0]["reset"] == reset
    again = await deploy.send("PATCH", address, {"policy": {"budgets": changed.json()["policy"]["budgets"]}})
    assert again.json() == changed.json()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a budget of the organization": (
        {"budgets": [{"scope": "organization", "measure": "tokens", "window": "day", "most": 1}]},
        "at the organization",
    ),
    "a plan that there is not": ({"budgets": [DAILY]}, "'free'"),
    "a window of another form": ({"budgets": [DAILY | {"window": "week"}]}, "'week'"),
    "nothing to use": ({"budgets": [DAILY | {"most": 0}]}, ">= 1"),
    "an unknown field": ({"plans": [FREE | {"colour": "red"}]}, "colour"),
    "an unknown limit": ({"plans": [FREE | {"limits": {"idle_s": 3}}]}, "idle_s"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_policy_is_refused_that_has(deploy: Program, name: str) -> None:
    policy, words = WRONG[name]
    answer = await deploy.put("/applications/newsletter", {"name": "x", "policy": policy})
    assert answer.status_code in {400, 422}
    assert words in answer.json()["error"]["message"]
    assert code(answer) in {"invalid", "invalid_body"}


def application(*budgets: Budget, provider: str = "openai") -> feed.Application:
    policy = Policy(models=("gpt-4o-mini", "a-model-of-ours"), budgets=budgets)
    return feed.Application(
        organization="org_1",
        application="app_1",
        name="A",
        version=1,
        active=True,
        origins=(),
        session_keys=(),
        credential=feed.CredentialReference("cred_1", provider, "https://api.openai.com"),
        policy=msgspec.Raw(encode_policy(policy)),
    )


def test_a_budget_of_money_brings_the_prices_of_the_applications_models_along() -> None:
    found = with_prices(application(Budget("user", "money", "day", 1)), Prices(), time.time()).prices
    assert found is not None
    assert set(found.models) == {"gpt-4o-mini"}
    price = found.models["gpt-4o-mini"]
    assert 0 < price.cached_input < price.input < price.output
    assert "genai-prices" in found.table


def test_prices_are_of_the_unit_that_usage_is_priced_in() -> None:
    prices, now_s = Prices(), time.time()
    unit = prices.of_models("openai", "https://api.openai.com", ["gpt-4o-mini"], now_s)["gpt-4o-mini"]
    assert unit.input == 150_000_000  # $0.15 for a million


def test_without_a_budget_of_money_no_table_is_read() -> None:
    prices = Prices()
    untouched = application(Budget("user", "tokens", "day", 1))
    assert with_prices(untouched, prices, time.time()) is untouched
    assert prices._table is None


def test_a_document_of_the_release_before_has_no_prices() -> None:
    raw = msgspec.msgpack.decode(msgspec.msgpack.encode(application()))
    del raw["prices"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(raw), type=feed.Application).prices is None
