"""A bounded memory of what was read, verified and unwrapped once: the newest few of anything, by key.

Counterparts: `keyring` and `peppers`, where whoever edits a row afterwards changes nothing that is in use;
`credentials`, which forgets everything as soon as anybody else wrote the file. What is in here came from a
row whose MAC verified.
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
        value = self.find(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def find(self, key: Hashable) -> Value | None:
        """The value, if it is here."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Hashable, value: Value) -> None:
        """Remember a value, in the place of one that was remembered under its key."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._limit:
            self._values.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()

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
