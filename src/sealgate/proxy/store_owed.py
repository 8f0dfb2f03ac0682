"""What was used and the shared store has not said that it counted: in order, so that each is counted once.

Counterparts: `store.py`, which sends it; `lua/settle.lua`, which counts no sequence twice. What was never
sent is added up while the store is away, so that a long time without it costs little memory. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from sealgate.proxy.store_calls import Used

MOST_KEYS: Final = 1_000
"""One call counts at most about so many keys: a script runs alone."""


class Debt(msgspec.Struct):
    """Exchanges of one run, from sequence `first` to `last`. `sent`: the store may have counted it."""

    run: str
    first: int
    last: int
    used: dict[tuple[str, int], int]
    sent: bool = False

    def each(self) -> Iterator[Used]:
        """Count by count."""
        return (Used(key, window, amount) for (key, window), amount in self.used.items())


class Owed:
    """Debts in the order of their sequences."""

    def __init__(self) -> None:
        self._debts: deque[Debt] = deque()

    def __len__(self) -> int:
        return len(self._debts)

    def __iter__(self) -> Iterator[Debt]:
        return iter(tuple(self._debts))

    def add(self, run: str, sequence: int, used: Iterable[Used], *, sent: bool) -> Debt:
        """One exchange more."""
        last = self._debts[-1] if self._debts else None
        if last is None or sent or last.sent or last.run != run or len(last.used) >= MOST_KEYS:
            last = Debt(run, sequence, sequence, {}, sent)
            self._debts.append(last)
        last.last = sequence
        for each in used:
            at = (each.key, each.window)
            last.used[at] = last.used.get(at, 0) + each.amount
        return last

    def paid(self, debt: Debt) -> None:
        """The store counted it, now or before."""
        if debt in self._debts:
            self._debts.remove(debt)

    def counted_through(self, run: str, sequence: int) -> int:
        """Up to which sequence everything of a run is counted, if `sequence` is its last."""
        return min((debt.first - 1 for debt in self._debts if debt.run == run), default=sequence)
