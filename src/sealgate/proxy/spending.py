"""What one exchange may spend: held before it goes up, watched while it is written, settled at its end.

Counterparts: `exchange.py`, which says when; `ledger.py`, which counts; `lines.py`, which says on what. Must
never let an exchange begin without what it may use being held.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import msgspec

from sealgate.messages.feed import ModelPrice
from sealgate.policy.budgets import Budget, Words, cut_words, too_large_words, used_up_words
from sealgate.policy.requests import Shaped
from sealgate.proxy.costs import nano_usd, tokens_for
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.ledger import (
    MONEY,
    REQUESTS,
    STREAMS,
    TOKENS,
    Amounts,
    Ledger,
    Line,
    Moment,
    Reservation,
    Shortage,
)
from sealgate.proxy.lines import Charged, charged
from sealgate.proxy.metering import Usage
from sealgate.proxy.sessions import Verified

USEFUL_TOKENS = 64
"""An answer is made shorter by a budget's end, but not shorter than this."""
INPUT_UNSEEN = 32
"""Tokens of the frame around a prompt."""
_BYTES_PER_TOKEN = 3
"""Fewer than on average: what is held should be enough, and what is not used is given back."""
EXTENSION = 256
_OUTPUT_FIELDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def now() -> Moment:
    """This moment, on both clocks."""
    return Moment(time.time(), time.monotonic())


class Spending:
    """The share of one exchange. `covered`: output tokens that are held."""

    __slots__ = ("_covered", "_ledger", "_price", "_reservation", "_verified")

    def __init__(
        self,
        ledger: Ledger,
        verified: Verified,
        price: ModelPrice | None,
        reservation: Reservation,
        covered: int,
    ) -> None:
        self._ledger, self._verified, self._price = ledger, verified, price
        self._reservation, self._covered = reservation, covered

    def held(self) -> Charged | None:
        """What `began` says: what is counted if nothing is heard of this exchange any more."""
        return self._charged(self._reservation.amounts)

    def watch(self, written_tokens: int) -> None:
        """More was written: hold more where there is room; `ProxyError` where a budget ends here."""
        while written_tokens > self._covered:
            more = (0, EXTENSION, nano_usd(self._price, 0, EXTENSION), 0)
            if not self._ledger.extend(self._reservation, more, now()):
                raise self._cut()
            self._covered += EXTENSION

    def settle(self, usage: Usage, *, forwarded: bool, model: str = "") -> Charged | None:
        """Count what was used, and give back the rest; what never went up counts for nothing.

        `model`: the one that answered, which may cost less than the dearest that could have.
        """
        price, prices = self._price, self._verified.application.document.prices
        if price is not None and prices is not None:
            price = prices.models.get(model, price)
        cost = nano_usd(price, usage.input_tokens, usage.output_tokens, usage.cached_tokens)
        spent = (int(forwarded), usage.input_tokens + usage.output_tokens, cost, 0)
        self._ledger.settle(self._reservation, spent, now())
        return self._charged(spent)

    def _charged(self, amounts: Amounts) -> Charged | None:
        return charged(self._verified, amounts, self._reservation.began.at_s)

    def _cut(self) -> ProxyError:
        moment = now()
        metered = [line for line in self._reservation.lines if line.measure in (TOKENS, MONEY)]
        line = min(metered, key=lambda each: self._ledger.left(each, moment) / each.most)
        self._ledger.tally(line)
        frees_s = self._ledger.frees_s(line, moment)
        return _error("budget_cut", line.budget, cut_words(line.budget, moment.at_s), frees_s)


def spend(ledger: Ledger, verified: Verified, shaped: Shaped, *, free: bool) -> tuple[Spending, Shaped]:
    """Hold what an exchange may use; gives the request too, its answer made shorter where less is left.

    `free`: the provider takes no money for this endpoint. Raises `ProxyError` where there is no room.
    """
    price = None if free else _price_of(verified, shaped.model)
    input_tokens = -(-shaped.input_bytes // _BYTES_PER_TOKEN) + INPUT_UNSEEN
    moment, asked = now(), shaped.output_tokens_clamp
    clamp, least = asked, _least(shaped)
    found = ledger.reserve(verified.lines, _amounts(price, input_tokens, asked), moment)
    if isinstance(found, Shortage):
        clamp = _affordable(verified.lines, found, price, input_tokens, asked)
        if least <= clamp < asked:
            found = ledger.reserve(verified.lines, _amounts(price, input_tokens, clamp), moment)
    if isinstance(found, Shortage):
        raise _refused(ledger, found, _amounts(price, input_tokens, least), moment)
    if clamp < asked:
        shaped = _shortened(shaped, clamp)
    return Spending(ledger, verified, price, found, clamp), shaped


def _amounts(price: ModelPrice | None, input_tokens: int, output_tokens: int) -> Amounts:
    return 1, input_tokens + output_tokens, nano_usd(price, input_tokens, output_tokens), 1


def _price_of(verified: Verified, model: str) -> ModelPrice | None:
    """The price of the dearest model that may be asked for it; `ProxyError` where a budget of money must know
    one and the document does not say."""
    prices = verified.application.document.prices
    asked = {way.model(model) for way in verified.application.ways}
    known = [prices.models.get(each) for each in asked] if prices is not None else []
    found = max((each for each in known if each), key=lambda each: (each.output, each.input), default=None)
    if found is None or None in known:
        for line in verified.lines:
            if line.measure == MONEY and line.budget.unpriced == "refuse":
                raise ProxyError("price_missing", param="model")
    return found


def _affordable(
    lines: Sequence[Line], shortage: Shortage, price: ModelPrice | None, input_tokens: int, asked: int
) -> int:
    """How long the answer may be, so that every line has room; for a minute its best, as one can wait."""
    most = asked
    for line, left in zip(lines, shortage.left, strict=True):
        room = line.most if line.budget.window == "minute" else left
        if line.measure == TOKENS:
            most = min(most, room - input_tokens)
        elif line.measure == MONEY and price is not None:
            most = min(most, tokens_for(price, room - nano_usd(price, input_tokens, 0)))
        elif line.measure in (REQUESTS, STREAMS) and room < 1:
            return 0
    return most


def _least(shaped: Shaped) -> int:
    """How short the answer may be made: pictures, sound and vectors are as long as they are."""
    bounded = any(name in shaped.body for name in _OUTPUT_FIELDS)
    return min(USEFUL_TOKENS, shaped.output_tokens_clamp) if bounded else shaped.output_tokens_clamp


def _shortened(shaped: Shaped, clamp: int) -> Shaped:
    for name in _OUTPUT_FIELDS:
        asked = shaped.body.get(name)
        if isinstance(asked, int):
            shaped.body[name] = min(asked, clamp)
    return msgspec.structs.replace(shaped, output_tokens_clamp=clamp)


def _refused(ledger: Ledger, shortage: Shortage, least: Amounts, moment: Moment) -> ProxyError:
    budget = shortage.line.budget
    ledger.tally(shortage.line)
    if least[shortage.line.measure] > budget.most:  # it never fits: no hour to come again is told
        return _error("request_over_budget", budget, too_large_words(budget))
    codes = {"minute": "budget_rate_limited", "at_once": "too_many_streams"}
    code = codes.get(budget.window, "budget_used_up")
    return _error(code, budget, used_up_words(budget, moment.at_s), shortage.frees_s)


def _error(code: str, budget: Budget, words: Words, frees_s: float | None = None) -> ProxyError:
    """An error that names its limit."""
    return ProxyError(
        code,
        message=words.message,
        hint=words.hint,
        retry_after_s=None if frees_s is None else max(1, math.ceil(frees_s)),
        limit=named(budget),
    )


def named(budget: Budget) -> dict[str, str]:
    """What a program is told of a limit: never how much of it others have used."""
    return {"scope": budget.scope, "measure": budget.measure, "window": budget.window}
