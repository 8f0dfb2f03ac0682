"""Where keys may go: the built-in origins and those of the vault's own configuration, nobody else's.

Counterparts: `deposits`, which binds a key to one of them, and `opener`, which checks that it is still
allowed.
"""

from __future__ import annotations

from collections.abc import Iterable

from sealgate.messages.tickets import Destination

BUILT_IN: tuple[Destination, ...] = (
    Destination(provider="openai", origin="https://api.openai.com", label="OpenAI"),
    Destination(provider="openai", origin="https://eu.api.openai.com", label="OpenAI (European endpoint)"),
)


class AllowedDestinations:
    """Looks destinations up; a configured one with the origin of a built-in only changes its label."""

    def __init__(self, configured: Iterable[Destination]) -> None:
        self._items = {(each.provider, each.origin): each for each in (*BUILT_IN, *configured)}

    def find(self, provider: str, origin: str) -> Destination | None:
        """The destination, or None: then no key may go there."""
        return self._items.get((provider, origin))

    @property
    def items(self) -> tuple[Destination, ...]:
        """All of them: built-in first, then as configured."""
        return tuple(self._items.values())
