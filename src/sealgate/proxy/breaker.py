"""Leaves a credential alone that fails again and again, or one model at it: pure; times come in.

    closed ──(FAILURES in a row)──▶ open ──(its rest is over)──▶ half-open ──(one call)──▶ closed
                                     ▲────────(it failed: twice the rest)──────┘

Counterpart: `trying.py`, which asks before each call and says how it ended. One that never failed is not
kept: where all is well this costs one look into an empty table. Must never wait or know a provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

FAILURES: Final = 10
FIRST_REST_S: Final = 1.0
LONGEST_REST_S: Final = 30.0
BREAKERS_KEPT: Final = 10_000

Key = tuple[str, str, str]
"""Origin, credential and model; without a model, what all models of the credential share."""


class State(Enum):
    """What a breaker lets through: everything, nothing, or one call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Of a credential, or of a model. Every `enter` that gives True is followed by one of the other three."""

    __slots__ = ("_failures", "_rest_s", "_trying", "_until_s", "code")

    def __init__(self) -> None:
        self._failures, self._rest_s, self._until_s, self._trying = 0, 0.0, 0.0, False
        self.code = ""
        """The error of the last failure."""

    def state(self, now_s: float) -> State:
        """Where it stands."""
        if not self._rest_s:
            return State.CLOSED
        return State.OPEN if now_s < self._until_s else State.HALF_OPEN

    def left_s(self, now_s: float) -> float:
        """How long nothing passes; 0.0 where a call may be made."""
        if self.state(now_s) is State.HALF_OPEN and self._trying:
            return FIRST_REST_S
        return max(0.0, self._until_s - now_s) if self._rest_s else 0.0

    def enter(self, now_s: float) -> bool:
        """May a call be made now? Half-open, one at a time may."""
        if self.left_s(now_s) > 0.0:
            return False
        self._trying = self.state(now_s) is State.HALF_OPEN
        return True

    def succeeded(self, now_s: float) -> bool:
        """A call was answered; True if that closed it. One that began before it opened tells nothing new."""
        state = self.state(now_s)
        if state is State.OPEN:
            return False
        self._failures, self._rest_s, self._trying = 0, 0.0, False
        return state is State.HALF_OPEN

    def failed(self, now_s: float, code: str) -> bool:
        """A call failed; True if that opened it. Those that began before it opened count no more."""
        state = self.state(now_s)
        if state is State.OPEN:
            return False
        self.code, self._failures = code, self._failures + 1
        if state is State.CLOSED and self._failures < FAILURES:
            return False
        self._trying = False
        self._rest_s = min(LONGEST_REST_S, 2 * self._rest_s) if self._rest_s else FIRST_REST_S
        self._until_s = now_s + self._rest_s
        return True

    def left(self) -> None:
        """A call ended and tells nothing of the provider: another may be made in its place."""
        self._trying = False

    @property
    def rest_s(self) -> float:
        """How long it rests when it is open."""
        return self._rest_s

    def __repr__(self) -> str:
        return f"<Breaker {self._failures} failures, rests {self._rest_s:g} s>"


class Breakers:
    """Those that failed of late. `opened` counts how often one opened.

    A credential has one for all its models, and each model there one of its own: a model that is broken
    leaves the others alone. A call enters both.
    """

    def __init__(self) -> None:
        self._kept: dict[Key, Breaker] = {}
        self.opened = 0

    def __len__(self) -> int:
        return len(self._kept)

    def resting(self, key: Key, now_s: float) -> Breaker | None:
        """The one for which no call may be made now; None where one may."""
        return next((each for each in self._both(key) if each.left_s(now_s) > 0.0), None)

    def enter(self, key: Key, now_s: float) -> Breaker | None:
        """Make a call, or not: gives the one that is against it."""
        against = self.resting(key, now_s)
        if against is None:
            for each in self._both(key):
                each.enter(now_s)
        return against

    def failed(self, key: Key, now_s: float, code: str, *, whole: bool) -> Breaker | None:
        """A call failed, for a reason that holds for the `whole` credential or perhaps for its model alone.

        Gives the breaker if that opened it; the other one was told nothing.
        """
        model, credential = key, (key[0], key[1], "")
        failed, other = (credential, model) if whole else (model, credential)
        if other in self._kept:
            self._kept[other].left()
        breaker = self._kept.get(failed)
        if breaker is None:
            if len(self._kept) >= BREAKERS_KEPT:
                del self._kept[next(iter(self._kept))]
            breaker = self._kept[failed] = Breaker()
        if not breaker.failed(now_s, code):
            return None
        self.opened += 1
        return breaker

    def succeeded(self, key: Key, now_s: float) -> bool:
        """A call was answered; True if that closed an open breaker."""
        closed = False
        for each in (key, (key[0], key[1], "")):
            breaker = self._kept.get(each)
            if breaker is None:
                continue
            closed |= breaker.succeeded(now_s)
            if breaker.state(now_s) is State.CLOSED:
                del self._kept[each]
        return closed

    def left(self, key: Key) -> None:
        """A call ended and tells nothing of the provider."""
        for each in self._both(key):
            each.left()

    def shown(self, now_s: float) -> Iterator[tuple[Key, Breaker]]:
        """Those that let nothing through, or one call."""
        return ((key, each) for key, each in self._kept.items() if each.state(now_s) is not State.CLOSED)

    def open_count(self, now_s: float) -> int:
        """How many let nothing through, or one call."""
        return sum(1 for _each in self.shown(now_s))

    def _both(self, key: Key) -> list[Breaker]:
        """Of the credential and of the model, as far as there are any."""
        kept = (self._kept.get((key[0], key[1], "")), self._kept.get(key))
        return [each for each in kept if each is not None]
