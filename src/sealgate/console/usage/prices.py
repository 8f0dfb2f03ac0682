"""Prices of models, from the table that comes with genai-prices; it is never updated over the network.

Pure but for reading the installed package. What a provider bills may differ (discounts, taxes), so pages call
it what it is: the list price.
"""

from __future__ import annotations

import datetime
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
        if self._table is None:
            self._table = importlib.import_module("genai_prices")
        usage = self._table.Usage(
            input_tokens=spent.input_tokens,
            cache_read_tokens=min(spent.cached_tokens, spent.input_tokens),
            output_tokens=spent.output_tokens,
        )
        at = datetime.datetime.fromtimestamp(spent.at, datetime.UTC)
        try:
            found = self._table.calc_price(
                usage, model_ref=spent.model, genai_request_timestamp=at, **_where(spent)
            )
        except (LookupError, ValueError):
            return None
        return int((found.total_price * _NANO).to_integral_value(ROUND_HALF_EVEN))


def _where(spent: Spent) -> dict[str, str]:
    known = PROVIDERS.get(spent.provider)
    return {"provider_id": known} if known else {"provider_api_url": spent.origin}
