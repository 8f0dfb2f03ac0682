"""Puts prices into an application's document, where a budget counts money.

Counterpart: the proxy's `costs.py`. What was spent is said by `usage.pricing`, from the same table, and by
nobody else; these prices are for limits alone.
"""

from __future__ import annotations

import datetime

import msgspec

from sealgate.console.usage.prices import Prices
from sealgate.messages import feed
from sealgate.policy.document import PolicyError, Source, decode_policy


def with_prices(document: feed.Application, prices: Prices, at_s: float) -> feed.Application:
    """The document with the prices of its models and of those that its sources are asked for instead.

    Where a model has several prices it is the highest. Its first look reads the table: call from a thread.
    """
    credential = document.credential
    try:
        policy = decode_policy(document.policy)
    except PolicyError:
        return document  # the proxy says what is wrong with it
    if credential is None or all(budget.measure != "money" for budget in policy.budgets):
        return document
    newest = prices.newest(datetime.datetime.fromtimestamp(at_s, datetime.UTC).date())
    table = f"{prices.name}, {newest}" if newest else prices.name
    models: dict[str, feed.ModelPrice] = {}
    for source in policy.sources or (Source(),):
        to = source if source.credential else credential
        asked = (source.models.get(model, model) for model in policy.models)
        for model, price in prices.of_models(to.provider, to.origin, asked, at_s).items():
            models[model] = max(price, models.get(model, price), key=_weight)
    return msgspec.structs.replace(document, prices=feed.Prices(table, models))


def _weight(price: feed.ModelPrice) -> tuple[int, int]:
    return price.output, price.input
