"""Who must have agreed before something is done that cannot be undone.

Counterparts: `kek_changes`, which asks before it destroys a KEK version.
"""

from __future__ import annotations

from typing import Protocol


class Approvals(Protocol):
    """What an action's owner asks."""

    def granted(self, action: str) -> bool:
        """True if two administrators approved exactly this action, such as `kek.destroy:<version>`."""


class NoApprovals:
    """Nobody can approve anything: refuses."""

    def granted(self, action: str) -> bool:
        """False."""
        return False
