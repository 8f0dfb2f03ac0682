"""What one exchange may spend: held before it goes up, watched while it is written, settled at its end.

Counterparts: `exchange.py`, which says when; `store.py`, which counts; `lines.py`, which says on what. Must
never let an exchange begin without what it may use being held.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

import msgspec

from sealgate.messages.feed import ModelPrice
from sealgate.policy.budgets import Budget, Words, cut_words, too_large_words, used_up_words
from sealgate.policy.clamps import pictures_in
from sealgate.policy.media import PICTURE_INPUT_TOKENS
from sealgate.policy.requests import Shaped
from sealgate.proxy.costs import dearest, nano_usd, tokens_for
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.ledger import (
    MONEY,
    REQUESTS,
    STREAMS,
    TOKENS,
    Amounts,
    Ledger,
    Moment,
    Reservation,
    Shortage,
)
from sealgate.proxy.lines import Charged, charged
from sealgate.proxy.metering import Usage
from sealgate.proxy.sessions import Verified
from sealgate.proxy.store import Counts, Found

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

    __slots__ = ("_asking", "_counts", "_covered", "_price", "_reservation", "_verified")

    def __init__(
        self,
        counts: Counts,
        verified: Verified,
        price: ModelPrice | None,
        reservation: Reservation,
        covered: int,
    ) -> None:
        self._counts, self._verified, self._price = counts, verified, price
        self._reservation, self._covered = reservation, covered
        self._asking = False

    def held(self) -> Charged | None:
        """What `began` says: what is counted if nothing is heard of this exchange any more."""
        return self._charged(self._reservation.amounts)

    def watch(self, written_tokens: int, cut: Callable[[ProxyError], None]) -> None:
        """More was written: hold more where there is room; `cut` is called where a budget ends here."""
        if written_tokens <= self._covered or self._asking:
            return
        tokens = -(-(written_tokens - self._covered) // EXTENSION) * EXTENSION
        more = (0, tokens, nano_usd(self._price, 0, tokens), 0)
        self._asking = True
        self._counts.extend(self._reservation, more, now(), partial(self._extended, tokens, cut))

    def settle(self, usage: Usage, *, forwarded: bool, sequence: int, model: str = "") -> Charged | None:
        """Count what was used, and give back the rest; what never went up counts for nothing.

        `model`: the one that answered, which may cost less than the dearest that could have.
        """
        price, prices = self._price, self._verified.application.document.prices
        if price is not None and prices is not None:
            price = prices.models.get(model, price)
        cost = nano_usd(price, usage.input_tokens, usage.output_tokens, usage.cached_tokens)
        spent = (int(forwarded), usage.input_tokens + usage.output_tokens, cost, 0)
        self._counts.settle(self._reservation, spent, now(), sequence)
        return self._charged(spent)

    def _extended(self, tokens: int, cut: Callable[[ProxyError], None], held: bool) -> None:
        self._asking = False
        if held:
            self._covered += tokens
        else:
            cut(self._cut())

    def _charged(self, amounts: Amounts) -> Charged | None:
        return charged(self._verified, amounts, self._reservation.counts_at_s)

    def _cut(self) -> ProxyError:
        moment, ledger = now(), self._counts.ledger
        metered = [line for line in self._reservation.lines if line.measure in (TOKENS, MONEY)]
        line = min(metered, key=lambda each: ledger.left(each, moment) / each.most)
        ledger.tally(line)
        frees_s = ledger.frees_s(line, moment)
        return _error("budget_cut", line.budget, cut_words(line.budget, moment.at_s), frees_s)


Spent = tuple[Spending, Shaped] | ProxyError
"""The request too, its answer made shorter where less is left; or why it may not go up."""


class _Asking:
    """One exchange asks for what it may use; once more for less, where there is less."""

    __slots__ = (
        "_asked",
        "_clamp",
        "_counts",
        "_input_tokens",
        "_moment",
        "_price",
        "_shaped",
        "_then",
        "_verified",
    )

    def __init__(
        self, counts: Counts, verified: Verified, shaped: Shaped, *, free: bool, then: Callable[[Spent], None]
    ) -> None:
        self._counts, self._verified, self._shaped, self._then = counts, verified, shaped, then
        self._price = None if free else _price_of(verified, shaped.model)
        self._input_tokens = _input_tokens(shaped)
        self._moment, self._asked = now(), shaped.output_tokens_clamp
        self._clamp = self._asked

    def ask(self) -> None:
        amounts = _amounts(self._price, self._input_tokens, self._clamp)
        self._counts.reserve(self._verified.lines, amounts, self._moment, self._found)

    def _found(self, found: Found) -> None:
        if isinstance(found, Reservation):
            shaped = self._shaped if self._clamp == self._asked else _shortened(self._shaped, self._clamp)
            spending = Spending(self._counts, self._verified, self._price, found, self._clamp)
            self._then((spending, shaped))
        elif isinstance(found, ProxyError):
            self._then(found)
        else:
            self._short(found)

    def _short(self, found: Shortage) -> None:
        clamp = _affordable(found, self._price, self._input_tokens, self._asked)
        least = _least(self._shaped)
        if self._clamp == self._asked and least <= clamp < self._asked:
            self._clamp = clamp
            self.ask()
            return
        amounts = _amounts(self._price, self._input_tokens, least)
        self._then(_refused(self._counts.ledger, found, amounts, self._moment))


def spend(
    counts: Counts, verified: Verified, shaped: Shaped, *, free: bool, then: Callable[[Spent], None]
) -> None:
    """Hold what an exchange may use. `free`: the provider takes no money for this endpoint.

    Raises `ProxyError` for a model without a price; every other end comes to `then`, at once or later.
    """
    _Asking(counts, verified, shaped, free=free, then=then).ask()


def _input_tokens(shaped: Shaped) -> int:
    """What a prompt may count for: its text, the frame around it, and its pictures."""
    pictures = pictures_in(shaped.body) * PICTURE_INPUT_TOKENS
    return -(-shaped.input_bytes // _BYTES_PER_TOKEN) + INPUT_UNSEEN + pictures


def _amounts(price: ModelPrice | None, input_tokens: int, output_tokens: int) -> Amounts:
    return 1, input_tokens + output_tokens, nano_usd(price, input_tokens, output_tokens), 1


def _price_of(verified: Verified, model: str) -> ModelPrice | None:
    """The most that any model costs that may be asked for it: one may be dearer to tell, another to listen.

    `ProxyError` where a budget of money must know a price and the document does not say.
    """
    prices = verified.application.document.prices
    if prices is None and all(line.measure != MONEY for line in verified.lines):
        return None  # nobody counts money
    ways = verified.application.ways
    if (
        len(ways) == 1
        and prices is not None
        and (only := prices.models.get(ways[0].model(model))) is not None
    ):
        return only
    asked = {way.model(model) for way in ways}
    known = [each for each in map(prices.models.get, asked) if each] if prices is not None else []
    if len(known) < len(asked):
        for line in verified.lines:
            if line.measure == MONEY and line.budget.unpriced == "refuse":
                raise ProxyError("price_missing", param="model")
    return dearest(known) if known else None


def _affordable(shortage: Shortage, price: ModelPrice | None, input_tokens: int, asked: int) -> int:
    """How long the answer may be, so that every line has room; for a minute its best, as one can wait."""
    most = asked
    for line, left in zip(shortage.lines, shortage.left, strict=True):
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
    useful = USEFUL_TOKENS * shaped.answers
    return min(useful, shaped.output_tokens_clamp) if bounded else shaped.output_tokens_clamp


def _shortened(shaped: Shaped, clamp: int) -> Shaped:
    for name in _OUTPUT_FIELDS:
        asked = shaped.body.get(name)
        if isinstance(asked, int):
            shaped.body[name] = min(asked, clamp // shaped.answers)
    return msgspec.structs.replace(shaped, output_tokens_clamp=clamp)


def _refused(ledger: Ledger, shortage: Shortage, least: Amounts, moment: Moment) -> ProxyError:
    line, budget = shortage.line, shortage.line.budget
    ledger.tally(line)
    if line.limit:
        return ProxyError(line.limit, retry_after_s=max(1, math.ceil(shortage.frees_s)))
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
