"""Actions that several applications have alike are kept once: most have the ready ones, word for word.

Counterpart: `applications.py`, which keeps thousands of documents. An action is never changed. It must not
keep what no application has any more: one action may be hundreds of kilobytes of somebody's text.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary, ref

import msgspec

from sealgate.policy.document import Action, Policy


class Alike:
    """Every action that somebody still has."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Action, ref[Action]] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._kept)

    def shared(self, policy: Policy) -> Policy:
        """The same policy, of actions that others hold too."""
        return msgspec.structs.replace(policy, actions=tuple(map(self._first, policy.actions)))

    def _first(self, action: Action) -> Action:
        """The first of its like that is still held."""
        return self._kept.setdefault(action, ref(action))() or action
