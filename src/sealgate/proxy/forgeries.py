"""How many signatures that were wrong an application may have checked: GCRA, pure, time comes in.

A check costs more than serving a session that is known, so a flood of forged tokens could keep a processor
busy. Beyond so many, new sessions of that application wait; those that verified before are found by their
bytes, and other applications notice nothing. Counterpart: `sessions.py`, which asks before it verifies.
"""

from __future__ import annotations

from typing import Final

from sealgate.proxy.errors import ProxyError

A_SECOND: Final = 1_000
"""About a tenth of a processor. Fewer would let a handful of requests lock an application's new users out."""
AT_ONCE: Final = 2_000
KEPT: Final = 1_000
BUSY: Final = "Too many session tokens of this application were forged; new sessions wait."
_INTERVAL_S: Final = 1 / A_SECOND
_WINDOW_S: Final = AT_ONCE * _INTERVAL_S


class Forgeries:
    """By application, of those that had some within the last seconds. `counted` goes to the metrics."""

    def __init__(self) -> None:
        self._due_s: dict[str, float] = {}
        self.counted = self.unread = 0

    def __len__(self) -> int:
        return len(self._due_s)

    def check(self, application: str, now_s: float) -> None:
        """Raise `ProxyError` (503) while no more are looked at."""
        due_s = self._due_s.get(application)
        if due_s is not None and due_s + _INTERVAL_S - now_s > _WINDOW_S:
            self.unread += 1
            raise ProxyError("too_busy", message=BUSY, retry_after_s=1)

    def found(self, application: str, now_s: float) -> None:
        """One more."""
        self.counted += 1
        due_s = max(self._due_s.pop(application, 0.0), now_s)
        while len(self._due_s) >= KEPT:  # the longest ago first
            del self._due_s[next(iter(self._due_s))]
        self._due_s[application] = due_s + _INTERVAL_S
