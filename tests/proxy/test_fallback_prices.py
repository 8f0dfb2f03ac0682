"""Budgets of money where several models may answer: held for the dearest, settled by the one that did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.ids import new_id
from sealgate.messages.feed import ModelPrice, Prices
from sealgate.policy.budgets import Budget
from sealgate.policy.document import Source
from sealgate.proxy.costs import dearest, nano_usd
from tests.proxy.test_budgets import told, with_budgets
from tests.proxy.world import World, prompt

USD = 1_000_000_000
CHEAP = ModelPrice(input=USD, cached_input=USD // 2, output=2 * USD)
DEAR = ModelPrice(input=10 * USD, cached_input=5 * USD, output=20 * USD)
LISTENER = ModelPrice(input=50 * USD, cached_input=25 * USD, output=USD)
"""Dear to tell, cheap to write: by its output alone it would pass for the cheapest."""
MONTH = Budget("user", "money", "month", 10 * USD)


async def with_fallback(
    world: World, first: str, second: str, prices: dict[str, ModelPrice], *, budget: Budget = MONTH
) -> None:
    """`gpt-test` goes up as `first`, and as `second` with another key after it."""
    other = new_id("cred")
    world.vault.keys[other] = "sk-canary-other-9a77e02b46c84f1c"
    first_way, origin = Source(models={"gpt-test": first}), world.provider.origin
    second_way = Source(
        credential=other, provider="openai", origin=origin, rank=2, models={"gpt-test": second}
    )
    sources = (first_way, second_way)
    await with_budgets(world, budget, prices=Prices("a table", prices), sources=sources)


def used(world: World) -> list[int]:
    return [int(used) for _window, used in world.running.parts.ledger.lasting().values()]


def cost(price: ModelPrice) -> int:
    return nano_usd(price, 11, 4, 3)  # what the provider of the tests reports


async def test_the_one_that_answered_is_paid_for_and_the_one_that_failed_is_not(world: World) -> None:
    await with_fallback(world, "html-500", "gpt-test", {"html-500": DEAR, "gpt-test": CHEAP})
    assert (await world.chat()).status == 200
    assert used(world) == [cost(CHEAP)]


async def test_a_dearer_fallback_is_paid_for_in_full(world: World) -> None:
    await with_fallback(world, "html-500", "gpt-test", {"html-500": CHEAP, "gpt-test": DEAR})
    assert (await world.chat()).status == 200
    assert used(world) == [cost(DEAR)]


@pytest.mark.parametrize("dear", [DEAR, LISTENER], ids=["dear to write", "dear to tell"])
async def test_what_is_held_is_enough_for_whoever_answers(world: World, dear: ModelPrice) -> None:
    text = "x" * 3_000
    body = prompt(max_completion_tokens=64)
    body["messages"][0]["content"] = text
    room = nano_usd(CHEAP, 3_000, 64)
    budget = Budget("user", "money", "month", room)
    prices = {"html-500": CHEAP, "gpt-test": dear}
    await with_fallback(world, "html-500", "gpt-test", prices, budget=budget)
    refused = await world.chat(body)
    assert told(refused)[1] == "request_over_budget", "the fallback could spend more than there is"
    assert not world.provider.calls


async def test_a_fallback_without_a_price_is_refused_before_anything_is_spent(world: World) -> None:
    await with_fallback(world, "gpt-test", "wait", {"gpt-test": CHEAP})
    refused = await world.chat()
    assert (refused.status, refused.error["code"]) == (403, "price_missing")
    assert not world.provider.calls


async def test_where_no_price_is_allowed_the_known_ones_are_counted_all_the_same(world: World) -> None:
    allowing = Budget("user", "money", "month", 10 * USD, unpriced="allow")
    await with_fallback(world, "gpt-test", "wait", {"gpt-test": CHEAP}, budget=allowing)
    assert (await world.chat()).status == 200
    assert used(world) == [cost(CHEAP)]


@given(
    st.lists(st.builds(ModelPrice, *[st.integers(0, 10**12)] * 3), min_size=1, max_size=4),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_nothing_costs_more_than_by_the_dearest(
    prices: list[ModelPrice], told: int, written: int, cached: int
) -> None:
    most = nano_usd(dearest(prices), told, written)
    for price in prices:
        if price.cached_input <= price.input:
            assert nano_usd(price, told, written, cached) <= most
