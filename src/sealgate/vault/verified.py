"""A bounded memory of what was read, verified and unwrapped once: the newest few of anything, by key.

Counterparts: `keyring` and `peppers`. What is in here came from a row whose MAC verified; whoever edits
that row afterwards changes nothing that is in use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Verified(Generic[Value]):
    """Keeps up to `limit` values; the one that was not asked for longest goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value, made now if it is not here; what `make` raises is not remembered."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > self._limit:
            self._values.popitem(last=False)
        return value

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def drop(self, key: Hashable) -> None:
        """Forget a value that is no longer true."""
        self._values.pop(key, None)

    def drop_all(self, is_dropped: Callable[[Any], bool]) -> None:
        """Forget every value whose key is one of those."""
        for key in [key for key in self._values if is_dropped(key)]:
            del self._values[key]

    def __repr__(self) -> str:
        return f"<Verified of {len(self._values)}>"
