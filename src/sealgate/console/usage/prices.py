"""Prices of models, from the table that comes with genai-prices; it is never updated over the network.

Pure but for reading the installed package. What a provider bills may differ (discounts, taxes), so pages call
it what it is: the list price.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from sealgate.console.days import DAY_S
from sealgate.console.usage.tariffs import Tariff
from sealgate.messages.feed import ModelPrice

PROVIDERS: Final = {
    "openai": "openai",
    "azure-openai": "azure",
    "anthropic": "anthropic",
    "google": "google",
    "mistral": "mistral",
    "groq": "groq",
    "openrouter": "openrouter",
}
"""Our provider's name → the table's. Any other is looked up by its origin."""

UNITS_KEPT: Final = 10_000
_MILLION: Final = 1_000_000
_NANO: Final = Decimal(1_000_000_000)
_DATE: Final = re.compile(r"datetime\.date\((\d{4}), (\d{1,2}), (\d{1,2})\)")


class Spent(Struct, frozen=True):
    """What has a price: one exchange's tokens."""

    provider: str
    origin: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    at: float


class Prices:
    """Looks prices up. The table is read at the first look (0.3 s, 15 MB), so call it from a thread."""

    def __init__(self) -> None:
        self._table: Any = None
        self._dates: set[datetime.date] | None = None
        self._units: dict[tuple[str, str, str, int], ModelPrice | None] = {}
        self._models: dict[tuple[str, str, str], Any] = {}
        """The table's model of each that was asked; None where it has none."""
        self._tariffs: dict[int, Tariff] = {}
        """By the identity of the table's price."""

    @property
    def name(self) -> str:
        """Which table it is."""
        return f"genai-prices {version('genai-prices')}"

    def newest(self, today: datetime.date) -> datetime.date | None:
        """The newest date up to today on which the table has a price begin: as new as it is known to be."""
        if self._dates is None:
            source = (files("genai_prices") / "data.py").read_text("utf-8")
            self._dates = {datetime.date(int(y), int(m), int(d)) for y, m, d in _DATE.findall(source)}
        return max((date for date in self._dates if date <= today), default=None)

    def of_models(
        self, provider: str, origin: str, models: Iterable[str], at_s: float
    ) -> dict[str, ModelPrice]:
        """What a million tokens of each cost, in billionths of a dollar; those without a price are left out.

        Where a price grows with the length of a request it is the highest: limits must not be too late.
        """
        day = int(at_s // DAY_S)
        found = {model: self._unit((provider, origin, model, day)) for model in models}
        return {model: price for model, price in found.items() if price is not None}

    def _unit(self, of: tuple[str, str, str, int]) -> ModelPrice | None:
        """Looked up once a day: a document is asked for by every proxy, after every change."""
        if of not in self._units:
            if len(self._units) >= UNITS_KEPT:
                self._units.clear()
            self._units[of] = self._look_up(*of)
        return self._units[of]

    def _look_up(self, provider: str, origin: str, model: str, day: int) -> ModelPrice | None:
        spent = Spent(provider, origin, model, _MILLION, 0, 0, day * DAY_S)
        given = self.nano_usd(spent)
        cached = self.nano_usd(replace(spent, cached_tokens=_MILLION))
        both = self.nano_usd(replace(spent, output_tokens=_MILLION))
        if given is None or cached is None or both is None:
            return None
        return ModelPrice(given, cached, both - given)

    def nano_usd(self, spent: Spent) -> int | None:
        """Billionths of a US dollar at the list price of that moment; `None` where the table has none."""
        if not spent.input_tokens and not spent.output_tokens:
            return 0
        model = self._model(spent)
        if model is None:
            return None
        price = model.get_prices(datetime.datetime.fromtimestamp(spent.at, datetime.UTC))
        cached = min(spent.cached_tokens, spent.input_tokens)
        try:
            dollars = self._tariff(price).sum(spent.input_tokens, cached, spent.output_tokens)
        except (LookupError, ValueError):
            return None
        return int((dollars * _NANO).to_integral_value(ROUND_HALF_EVEN))

    def _model(self, spent: Spent) -> Any:
        """Looked up once: a thousand exchanges in a second ask for the same few."""
        of = (spent.provider, spent.origin, spent.model)
        if of not in self._models:
            if len(self._models) >= UNITS_KEPT:
                self._models.clear()
            self._models[of] = self._find(spent)
        return self._models[of]

    def _find(self, spent: Spent) -> Any:
        if self._table is None:
            self._table = importlib.import_module("genai_prices")
        one = self._table.Usage(input_tokens=1, output_tokens=1)
        try:
            return self._table.calc_price(one, model_ref=spent.model, **_where(spent)).model
        except (LookupError, ValueError):
            return None

    def _tariff(self, price: Any) -> Tariff:
        if id(price) not in self._tariffs:
            self._tariffs[id(price)] = Tariff(price, functools.partial(self._own_sum, price))
        return self._tariffs[id(price)]

    def _own_sum(self, price: Any, given: int, cached: int, written: int) -> Decimal:
        usage = self._table.Usage(input_tokens=given, cache_read_tokens=cached, output_tokens=written)
        return Decimal(price.calc_price(usage)["total_price"])


def _where(spent: Spent) -> dict[str, str]:
    known = PROVIDERS.get(spent.provider)
    return {"provider_id": known} if known else {"provider_api_url": spent.origin}
