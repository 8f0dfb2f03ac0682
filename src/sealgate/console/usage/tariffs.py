"""What a token costs, worked out once for each price of the table and kept: every exchange asks.

Counterpart: `prices`, which finds the model. genai-prices takes a quarter of a millisecond for each sum, as
long as the proxy takes for the whole exchange. Its prices are by the token and the request, in steps of
a request's length: so a few sums tell the rest. Where they do not, its own sum counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import Struct

PROBE_TOKENS = 1_000_000
Sum = Callable[[int, int, int], Decimal]
"""The table's own sum in dollars: of input tokens, those of them that were cached, and output tokens."""


class _Step(Struct, frozen=True):
    """Dollars for a token, in requests of some length, and for the request itself."""

    fixed: Decimal
    given: Decimal
    cached: Decimal
    written: Decimal

    def sum(self, given: int, cached: int, written: int) -> Decimal:
        tokens = self.given * (given - cached) + self.cached * cached + self.written * written
        return self.fixed + tokens


class Tariff:
    """One price of the table: where its steps begin, and what a token costs in each."""

    def __init__(self, price: Any, own_sum: Sum) -> None:
        self.price = price  # held, so that nothing else is found under its identity
        self._own_sum = own_sum
        self._starts = sorted({start for value in vars(price).values() for start in _starts(value)})
        self._steps: dict[int, _Step | None] = {}

    def sum(self, given: int, cached: int, written: int) -> Decimal:
        """Dollars; `cached` of the `given` tokens were. Raises what the table's own sum does."""
        number = bisect_left(self._starts, given)  # a step holds for more tokens than where it starts
        if number not in self._steps:
            self._steps[number] = self._find(number)
        step = self._steps[number]
        return self._own_sum(given, cached, written) if step is None else step.sum(given, cached, written)

    def _find(self, number: int) -> _Step | None:
        """The step, or None for one that is no line."""
        shortest = self._starts[number - 1] + 1 if number else 1
        probe = self._starts[number] if number < len(self._starts) else shortest + PROBE_TOKENS
        if probe < shortest:
            return None  # a step of nothing: the next begins with the first token
        fixed, given = self._own_sum(0, 0, 0), self._own_sum(probe, 0, 0)
        found = _Step(
            fixed,
            (given - fixed) / probe,
            (self._own_sum(probe, probe, 0) - fixed) / probe,
            (self._own_sum(probe, 0, PROBE_TOKENS) - given) / PROBE_TOKENS,
        )
        mixed = (shortest, shortest // 3, 12_345)
        return found if found.sum(*mixed) == self._own_sum(*mixed) else None


def _starts(value: object) -> tuple[int, ...]:
    return tuple(int(tier.start) for tier in getattr(value, "tiers", ()))
