"""Actions that several applications have alike are kept once: most have the ready ones, word for word.

Counterpart: `applications.py`, which keeps thousands of documents. An action is never changed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sealgate.policy.document import Action, Policy

MOST: Final = 4_096


class Alike:
    """Every action that was seen, up to so many; then it begins anew."""

    def __init__(self) -> None:
        self._kept: dict[Action, Action] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def shared(self, policy: Policy) -> Policy:
        """The same policy, of actions that others hold too."""
        if len(self._kept) >= MOST:
            self._kept.clear()
        actions = tuple(self._kept.setdefault(action, action) for action in policy.actions)
        return msgspec.structs.replace(policy, actions=actions)
