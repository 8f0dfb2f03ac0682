"""How much one session may use: requests per minute by GCRA, and answers at once.

Counterpart: `admission.py` asks, `exchange.py` gives back. Pure: time comes in. Keeps one small record per
session that was active in the last minute, and never a subject.
"""

from __future__ import annotations

import math

import msgspec

from sealgate.policy.document import Limits
from sealgate.proxy.errors import ProxyError

WINDOW_S = 60.0


class Allowance(msgspec.Struct):
    """What a session used. `due_s`: GCRA's theoretical arrival time (ITU-T I.371), monotonic seconds."""

    due_s: float = 0.0
    streams: int = 0


class Remaining(msgspec.Struct, frozen=True):
    """What a session has left, as `/assistant/v1/me` and the headers say it."""

    requests: int
    reset_s: int
    streams: int


class SessionLimits:
    """The allowances of all sessions, by (application, sid)."""

    def __init__(self) -> None:
        self._allowances: dict[tuple[str, str], Allowance] = {}

    def __len__(self) -> int:
        return len(self._allowances)

    def take(self, application: str, sid: str, limits: Limits, now_s: float) -> Allowance:
        """Use one request and one stream; raises `ProxyError` (429). Give the stream back with `release`."""
        key = (application, sid)
        allowance = self._allowances.get(key)
        if allowance is None:
            allowance = self._allowances[key] = Allowance()
        interval_s = WINDOW_S / limits.requests_per_minute
        due_s = max(allowance.due_s, now_s)
        wait_s = due_s + interval_s - now_s - WINDOW_S
        if wait_s > 1e-6:
            raise ProxyError("rate_limited", retry_after_s=max(1, math.ceil(wait_s)))
        if allowance.streams >= limits.concurrent_streams:
            raise ProxyError("too_many_streams", retry_after_s=1)
        allowance.due_s = due_s + interval_s
        allowance.streams += 1
        return allowance

    def release(self, allowance: Allowance) -> None:
        """An answer ended."""
        allowance.streams -= 1

    def remaining(self, application: str, sid: str, limits: Limits, now_s: float) -> Remaining:
        """What is left, without using any of it."""
        allowance = self._allowances.get((application, sid)) or Allowance()
        return Remaining(
            requests=requests_left(allowance, limits, now_s),
            reset_s=max(0, math.ceil(allowance.due_s - now_s)),
            streams=max(0, limits.concurrent_streams - allowance.streams),
        )

    def forget_idle(self, now_s: float) -> None:
        """Drop what equals a fresh allowance."""
        idle = [key for key, each in self._allowances.items() if each.due_s <= now_s and each.streams == 0]
        for key in idle:
            del self._allowances[key]


def requests_left(allowance: Allowance, limits: Limits, now_s: float) -> int:
    """Whole requests that could be made at once now."""
    used_s = max(0.0, allowance.due_s - now_s)
    return max(0, int((WINDOW_S - used_s) * limits.requests_per_minute / WINDOW_S + 1e-6))
