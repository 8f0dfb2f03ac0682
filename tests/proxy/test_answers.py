"""Several answers to one chat: as many as the application allows, held for all of them."""

from __future__ import annotations

from sealgate.ids import new_id
from sealgate.policy.budgets import Budget
from sealgate.policy.document import Limits, Plan, PlanLimits, Source
from tests.proxy.world import World, prompt, until

THREE = Limits(requests_per_minute=1_000, concurrent_streams=100, retries=0, output_tokens=200, answers=3)


async def known(world: World, version: int) -> None:
    await until(lambda: world.running.parts.applications.ids()[0][1] == version)


async def test_an_application_allows_one_unless_it_says_more(world: World) -> None:
    refused = await world.chat(prompt(n=2))
    assert (refused.status, refused.error["code"], refused.error["param"]) == (400, "invalid_value", "n")
    assert "allows one answer" in refused.error["message"]
    world.publish(THREE)
    await known(world, 2)
    assert (await world.chat(prompt(n=3))).status == 200
    assert world.provider.calls[0].body["n"] == 3
    assert (await world.chat(prompt(n=4))).error["param"] == "n"
    assert len(world.provider.calls) == 1


async def test_a_plan_may_allow_more_than_its_application(world: World) -> None:
    world.publish(rules={"plans": (Plan("pro", "Pro", limits=PlanLimits(answers=2)),)})
    assert (await world.chat(prompt(n=2))).status == 400
    assert (await world.chat(prompt(n=2), token=world.token(plan="pro"))).status == 200


async def test_as_much_is_held_as_all_of_them_may_take(world: World) -> None:
    world.publish(THREE, rules={"budgets": (Budget("user", "tokens", "day", 10_000),)})
    world.provider.gate.clear()
    browser = await world.browser()
    browser.send(world.request(prompt("wait", stream=True, n=3)))
    await world.provider.started.wait()
    (tokens,) = (await world.admin("/-/limits")).json()["top"]
    assert 600 < tokens["held"] < 700
    world.provider.gate.set()
    assert (await browser.answer()).status == 200


async def test_where_less_is_left_each_of_them_is_made_shorter(world: World) -> None:
    world.publish(THREE, rules={"budgets": (Budget("user", "tokens", "day", 400),)})
    assert (await world.chat(prompt(n=3))).status == 200
    assert 64 <= world.provider.calls[0].body["max_completion_tokens"] <= 400 // 3
    world.publish(THREE, rules={"budgets": (Budget("user", "tokens", "day", 200, reset=1),)})
    await known(world, 3)
    assert (await world.chat(prompt(n=3))).error["code"] == "request_over_budget"


async def test_a_provider_that_gives_one_is_passed_over(world: World) -> None:
    other = new_id("cred")
    world.vault.keys[other] = "sk-canary-other-9a77e02b46c84f1c"
    anthropic = Source(credential=other, provider="anthropic", origin=world.provider.origin)
    world.publish(THREE, rules={"sources": (anthropic, Source(rank=2))})
    assert (await world.chat(prompt(n=2))).status == 200
    assert [each.credential for each in world.vault.opens] == [world.credential]
    world.publish(THREE, rules={"sources": (anthropic,)})
    await known(world, 3)
    refused = await world.chat(prompt(n=2))
    assert (refused.status, refused.error["param"]) == (400, "n")
    assert "nothing but 1" in refused.error["message"]
    assert len(world.provider.calls) == 1
