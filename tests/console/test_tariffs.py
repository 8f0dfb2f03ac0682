"""Tariffs: what is worked out from a few sums is what the table says of every request."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelPrice, TieredPrices, Usage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealgate.console.usage.tariffs import Tariff


def prices() -> Iterator[tuple[str, ModelPrice]]:
    """Every price of the table, by the model's name."""
    for provider in providers:
        for model in provider.models:
            steps = model.prices if isinstance(model.prices, list) else []
            found = (
                [model.prices] if isinstance(model.prices, ModelPrice) else [each.prices for each in steps]
            )
            for number, price in enumerate(found):
                yield f"{provider.id}/{model.id}/{number}", price


def in_steps(price: ModelPrice) -> bool:
    return any(isinstance(value, TieredPrices) for value in vars(price).values())


ALL = dict(prices())
STEPPED = [name for name, price in ALL.items() if in_steps(price)]
SOME = [*STEPPED, *list(ALL)[::25]]


def own_sum(price: Any, given: int, cached: int, written: int) -> Decimal:
    usage = Usage(input_tokens=given, cache_read_tokens=cached, output_tokens=written)
    return Decimal(price.calc_price(usage)["total_price"])


class Asked:
    """The table's own sum, and how often it was asked."""

    def __init__(self, price: ModelPrice) -> None:
        self.price, self.times = price, 0

    def __call__(self, given: int, cached: int, written: int) -> Decimal:
        self.times += 1
        return own_sum(self.price, given, cached, written)


def test_the_table_has_prices_in_steps_and_others() -> None:
    assert len(STEPPED) > 10
    assert len(ALL) > 500


@pytest.mark.parametrize("name", SOME)
def test_a_sum_is_the_tables_around_every_step(name: str) -> None:
    price = ALL[name]
    starts = [tier.start for value in vars(price).values() for tier in getattr(value, "tiers", ())]
    tariff = Tariff(price, Asked(price))
    for tokens in {0, 1, 999, *(start + by for start in starts for by in (-1, 0, 1))}:
        for cached in (0, tokens // 3, tokens):
            assert tariff.sum(tokens, cached, 77) == own_sum(price, tokens, cached, 77)


@given(
    name=st.sampled_from(SOME),
    tokens=st.integers(0, 3_000_000),
    cached=st.integers(0, 3_000_000),
    written=st.integers(0, 200_000),
)
@example(name=SOME[0], tokens=0, cached=0, written=0)
@settings(max_examples=150)
def test_a_sum_is_the_tables_for_any_request(name: str, tokens: int, cached: int, written: int) -> None:
    price, cached = ALL[name], min(cached, tokens)
    assert Tariff(price, Asked(price)).sum(tokens, cached, written) == own_sum(price, tokens, cached, written)


def test_the_table_is_asked_a_few_times_and_no_more() -> None:
    price = next(price for price in ALL.values() if not in_steps(price))
    asked = Asked(price)
    tariff = Tariff(price, asked)
    for tokens in range(500):
        tariff.sum(tokens, 0, tokens)
    assert asked.times <= 10


def test_where_a_price_is_no_line_the_tables_own_sum_counts() -> None:
    def bent(given: int, cached: int, written: int) -> Decimal:
        return Decimal(given * given + cached + written)

    tariff = Tariff(next(iter(ALL.values())), bent)
    assert tariff.sum(7, 2, 3) == 54
    assert tariff.sum(8, 0, 0) == 64
