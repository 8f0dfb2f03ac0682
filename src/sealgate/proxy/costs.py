"""What tokens cost, by the prices that came with the application's document. Pure.

Counterpart: the console, which compiles the prices and says what was spent; these figures are for limits.
"""

from __future__ import annotations

from collections.abc import Sequence

from sealgate.messages.feed import ModelPrice

_PER: int = 1_000_000


def nano_usd(price: ModelPrice | None, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int:
    """Billionths of a US dollar, rounded up; without a price, nothing."""
    if price is None:
        return 0
    cached = min(cached_tokens, input_tokens)
    total = (input_tokens - cached) * price.input + cached * price.cached_input + output_tokens * price.output
    return -(-total // _PER)


def dearest(prices: Sequence[ModelPrice]) -> ModelPrice:
    """The most of each part: nothing costs more by it than by any of these."""
    return ModelPrice(
        input=max(each.input for each in prices),
        cached_input=max(each.cached_input for each in prices),
        output=max(each.output for each in prices),
    )


def tokens_for(price: ModelPrice, nano_usd_left: int) -> int:
    """How many output tokens so much money pays for."""
    return nano_usd_left * _PER // price.output if price.output else 2**40
