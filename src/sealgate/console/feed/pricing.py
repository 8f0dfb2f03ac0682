"""Puts prices into an application's document, where a budget counts money.

Counterpart: the proxy's `costs.py`. What was spent is said by `usage.pricing`, from the same table, and by
nobody else; these prices are for limits alone.
"""

from __future__ import annotations

import datetime

import msgspec

from sealgate.console.usage.prices import Prices
from sealgate.messages import feed
from sealgate.policy.document import PolicyError, decode_policy


def with_prices(document: feed.Application, prices: Prices, at_s: float) -> feed.Application:
    """The document with the prices of its models. Its first look reads the table: call it from a thread."""
    credential = document.credential
    try:
        policy = decode_policy(document.policy)
    except PolicyError:
        return document  # the proxy says what is wrong with it
    if credential is None or all(budget.measure != "money" for budget in policy.budgets):
        return document
    newest = prices.newest(datetime.datetime.fromtimestamp(at_s, datetime.UTC).date())
    table = f"{prices.name}, {newest}" if newest else prices.name
    models = prices.of_models(credential.provider, credential.origin, policy.models, at_s)
    return msgspec.structs.replace(document, prices=feed.Prices(table, models))
