"""In which order an application's sources are asked: rank after rank, within one by weight. Pure.

Counterparts: `document.py`, whose `Source` has the two numbers; the proxy, which asks them in this order.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar


class Ranked(Protocol):
    """What the order hangs on."""

    @property
    def rank(self) -> int:
        """Lower ranks come first."""

    @property
    def weight(self) -> int:
        """Its share among those of its rank."""


T = TypeVar("T", bound=Ranked)


def in_order(sources: Sequence[T], draw: Callable[[], float]) -> list[T]:
    """The sources in the order in which they are asked; `draw` gives numbers from 0 up to 1.

    Each comes first of its rank in proportion to its weight, and so on among those that are left
    (Efraimidis and Spirakis, 2006: sort by draw ** (1 / weight)).
    """
    return sorted(sources, key=lambda each: (each.rank, -(draw() ** (1 / each.weight))))
