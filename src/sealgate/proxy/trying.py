"""What one exchange tries, in order, and whether another try may follow.

Counterparts: `exchange.py`, which goes each way; `endings.py`, where a try fails; `retry_table.py`, the rule;
`policy/sources.py`, the order; `breaker.py`, who is left alone.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from typing import Final

from sealgate.policy.sources import in_order
from sealgate.proxy.breaker import Breakers, Key
from sealgate.proxy.errors import ERRORS, ProxyError
from sealgate.proxy.retry_table import AFTER, FAILING, NOT_ASKED, OF_A_MODEL, After
from sealgate.proxy.ways import Way

PAUSE_S: Final = 0.25
MOST_PAUSE_S: Final = 2.0
"""A `Retry-After` beyond it is the client's to wait for."""


class Tries:
    """The ways of one exchange. `way` is the one that is gone now; `began_s`, when the request was whole."""

    __slots__ = ("_again", "_breakers", "_entered", "_left", "_model", "_retries", "_told", "began_s", "way")

    def __init__(self, ways: Sequence[Way], breakers: Breakers, retries: int, model: str) -> None:
        self._breakers, self._retries, self._model = breakers, retries, model
        self._left = list(ways) if len(ways) == 1 else in_order(ways, random.random)
        self._again: list[Way] = []
        self._told: ProxyError | None = None
        self._entered = False
        self.way, self.began_s = self._left[0], time.monotonic()

    def take(self) -> Way:
        """The next way that is not left alone; raises the `ProxyError` for which it is, if all are."""
        while True:
            way = self._left.pop(0)
            breaker = self._breakers.enter(self._key(way), time.monotonic()) if self._breakers else None
            if breaker is None:
                self.way, self._entered = way, True
                return way
            if not self._left:
                self._retries = 0
                raise self._told or _resting(breaker.code, breaker.left_s(time.monotonic()))

    def answered(self) -> bool:
        """The provider works; True if it had not."""
        entered, self._entered = self._entered, False
        if not entered or not self._breakers:
            return False
        return self._breakers.succeeded(self._key(self.way), time.monotonic())

    def failed(self, error: ProxyError, *, sent: bool, answered: bool) -> float | None:
        """This try failed; gives for how long its credential or model is left alone, if that begins now.

        `sent`: a request had gone up, so that it may be its model's doing. `answered`: the provider itself
        said so, which is a failure of its own only for some errors.
        """
        if error.code not in FAILING or not self._entered:
            if answered:
                self.answered()
            self.given_up()
            return None
        self._entered = False
        whole = not sent or error.code not in OF_A_MODEL
        opened = self._breakers.failed(self._key(self.way), time.monotonic(), error.code, whole=whole)
        return None if opened is None else opened.rest_s

    def given_up(self) -> None:
        """This try ended and tells nothing of the provider."""
        entered, self._entered = self._entered, False
        if entered and self._breakers:
            self._breakers.left(self._key(self.way))

    def pause_s(self, error: ProxyError, asked_s: float | None, left_s: float) -> float | None:
        """How long to wait before the next try; None where there is none.

        `asked_s`: the provider's `Retry-After`; `left_s`: how long the client still waits for a first byte.
        """
        then = AFTER.get(error.code)
        if then is None or left_s <= 0:
            return None
        if then is After.AGAIN:
            self._again.append(self.way)
        if error.code not in NOT_ASKED:
            self._told = error
        self._left = [way for way in self._left if not self._rests(way)]
        if self._left:
            return 0.0
        pause_s = max(PAUSE_S * (0.5 + random.random()), asked_s or 0.0)  # noqa: S311 - it spreads load
        if not self._again or self._retries <= 0 or pause_s > min(MOST_PAUSE_S, left_s):
            return None
        self._retries -= 1
        self._left, self._again = self._again, []
        return pause_s

    def _rests(self, way: Way) -> bool:
        return self._breakers.resting(self._key(way), time.monotonic()) is not None

    def _key(self, way: Way) -> Key:
        return (*way.key, way.model(self._model))

    def told(self, error: ProxyError) -> ProxyError:
        """What the client is told at the end."""
        return self._told if self._told is not None and error.code in NOT_ASKED else error


def _resting(code: str, left_s: float) -> ProxyError:
    """The error for which nobody is asked, with the time until somebody is."""
    row = ERRORS[code]
    wait_s = max(1, math.ceil(left_s))
    return ProxyError(
        code,
        message=f"{row.message} It failed several times in a row and is asked again in {wait_s} s.",
        retry_after_s=wait_s if row.retry else None,
    )
