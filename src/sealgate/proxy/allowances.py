"""What a session is told that it has left: of its own and its user's budgets the one nearest to its end.

Counterparts: `exchange.py` and `assistant.py`, which tell; `<sealgate-assistant>`, which shows. Budgets that
are shared with others are not told: what an application spends is not for its end users. Money is a share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from sealgate.proxy.ledger import MONEY, Ledger, Line, Moment
from sealgate.proxy.wire.write import Field


class BudgetLeft(msgspec.Struct, frozen=True):
    """`share` is what is left of it, 0 to 1; `limit` and `remaining` are None for money."""

    measure: str
    window: str
    share: float
    reset_s: int
    limit: int | None
    remaining: int | None


def tightest(ledger: Ledger, told: Sequence[Line], now: Moment) -> BudgetLeft | None:
    """The budget of which the smallest share is left; None where none is told."""
    if not told:
        return None
    line, left = _tightest(ledger, told, now)
    budget, counted = line.budget, line.measure != MONEY
    return BudgetLeft(
        measure=budget.measure,
        window=budget.window,
        share=_hundredths(left, budget.most) / 100,
        reset_s=math.ceil(ledger.frees_s(line, now)),
        limit=budget.most if counted else None,
        remaining=left if counted else None,
    )


def budget_headers(ledger: Ledger, told: Sequence[Line], now: Moment) -> list[Field]:
    """`x-sealgate-budget`, such as `tokens; window=day; share=0.42; reset=60; limit=200; remaining=84`."""
    if not told:
        return []
    line, left = _tightest(ledger, told, now)
    budget = line.budget
    share, reset_s = _SHARES[_hundredths(left, budget.most)], math.ceil(ledger.frees_s(line, now))
    said = f"{budget.measure}; window={budget.window}; share={share}; reset={reset_s}"
    if line.measure != MONEY:
        said += f"; limit={budget.most}; remaining={left}"
    return [(b"x-sealgate-budget", said.encode())]


def _tightest(ledger: Ledger, told: Sequence[Line], now: Moment) -> tuple[Line, int]:
    line, left = told[0], ledger.left(told[0], now)
    for other in told[1:]:
        others = ledger.left(other, now)
        if others * line.budget.most < left * other.budget.most:
            line, left = other, others
    return line, left


def _hundredths(left: int, most: int) -> int:
    return 100 * left // most


_SHARES = tuple(f"{hundredths / 100:g}" for hundredths in range(101))
