"""Slows guessing: so many tries at once, then one each few seconds (GCRA).

In memory, bounded, and keyed by hashes: it holds neither e-mails nor addresses.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

MOST_KEYS = 50_000


class Throttle:
    """`burst` tries at once, one more every `every_s`."""

    def __init__(self, burst: int, every_s: float, clock: Callable[[], float]) -> None:
        self._slack_s = (burst - 1) * every_s
        self._every_s = every_s
        self._clock = clock
        self._next_at: dict[bytes, float] = {}

    def admit(self, key: str) -> int:
        """0 if this try may go on; else the seconds to wait, and the try does not count."""
        now = self._clock()
        digest = hashlib.sha256(key.encode()).digest()[:16]
        due = max(self._next_at.get(digest, now), now)
        if due - now > self._slack_s:
            return math.ceil(due - now - self._slack_s)
        self._make_room(now)
        self._next_at[digest] = due + self._every_s
        return 0

    def _make_room(self, now: float) -> None:
        if len(self._next_at) < MOST_KEYS:
            return
        self._next_at = {key: due for key, due in self._next_at.items() if due > now}
        while len(self._next_at) >= MOST_KEYS:  # an attack with many names: the oldest are forgotten first
            del self._next_at[next(iter(self._next_at))]


class Throttles:
    """Every throttle of the console."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.sign_in_by_both = Throttle(10, 60.0, clock)
        self.sign_in_by_email = Throttle(1_000, 5.0, clock)
        self.sign_in_by_address = Throttle(60, 6.0, clock)
        self.confirm_by_user = Throttle(10, 60.0, clock)
        self.key_test_by_application = Throttle(10, 10.0, clock)
        self.invitation_by_address = Throttle(60, 6.0, clock)
        self.api_by_token = Throttle(300, 0.1, clock)
        self.api_misses_by_address = Throttle(60, 1.0, clock)
