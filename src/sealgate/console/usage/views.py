"""The usage page and its CSV file: when, what with, how many tokens, cost, outcome; never any text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import urlencode

from starlette.responses import Response

from sealgate.console.applications.services import find_application, list_applications
from sealgate.console.days import DAY_S, DayRange, day_of, parse_day
from sealgate.console.spreadsheets import Cell, download, moment
from sealgate.console.usage.charts import make_chart
from sealgate.console.usage.listing import (
    DIRECT,
    UsageFilter,
    UsageLine,
    usage_choices,
    usage_days,
    usage_lines,
    usage_page,
)
from sealgate.console.visit import Visit
from sealgate.messages.feed import Outcome

OUTCOMES: Mapping[str, tuple[str, str]] = {
    Outcome.COMPLETED.value: ("Completed", "good"),
    Outcome.CANCELLED.value: ("Stopped by the user", "plain"),
    Outcome.TRUNCATED.value: ("Cut short by the provider", "warn"),
    Outcome.UPSTREAM_REFUSED.value: ("Refused by the provider", "bad"),
    Outcome.UPSTREAM_FAILED.value: ("Provider failed", "bad"),
    Outcome.UPSTREAM_TIMEOUT.value: ("Provider too slow", "bad"),
    Outcome.REVOKED.value: ("Cut: key revoked", "warn"),
    Outcome.CUT.value: ("Cut: budget used up", "warn"),
    Outcome.LOST.value: ("Lost: proxy stopped", "bad"),
    Outcome.REFUSED_REQUEST.value: ("Refused: request", "warn"),
    Outcome.REFUSED_SESSION.value: ("Refused: session", "warn"),
    Outcome.REFUSED_POLICY.value: ("Refused: policy", "warn"),
    Outcome.REFUSED_LIMIT.value: ("Refused: limit", "warn"),
    Outcome.REFUSED_CREDENTIAL.value: ("Refused: no key", "bad"),
    Outcome.REFUSED_UNAVAILABLE.value: ("Refused: not available", "bad"),
}
"""Outcome → (words, tone)."""


SHOWN_DAYS = 30
"""How far back the page looks until somebody chooses days."""

HEADS = (
    "time", "application", "application_id", "action", "endpoint", "model", "outcome", "status",
    "input_tokens", "output_tokens", "cached_tokens", "estimated", "cost_usd", "price_table",
    "first_byte_ms", "duration_ms", "pictures", "sound_ms", "provider", "credential", "tries",
    "request",
)  # fmt: skip


async def index(visit: Visit) -> Response:
    """Query: `application`, `from`, `to`, `model`, `action`, `outcome` (empty for all) and `page`."""
    wanted, organization = _filter(visit), visit.account.organization
    async with visit.reading() as tx:
        applications = await list_applications(tx, organization)
        if wanted.application:
            await find_application(tx, organization, wanted.application)
        found = await usage_page(tx, organization, wanted, visit.page_number())
        days = await usage_days(tx, organization, wanted)
        choices = await usage_choices(tx, organization)
    today = day_of(visit.now_s)
    return visit.render(
        "usage.html",
        applications=[application for application, _addon in applications],
        wanted=wanted,
        query=_query(wanted),
        found=found,
        chart=make_chart(days, min(wanted.days.last or today, today)),
        choices=choices,
        any_usage=bool(choices.models),
        direct=DIRECT,
        outcomes=OUTCOMES,
        price_table=visit.console.prices.name,
        prices_from=await asyncio.to_thread(visit.console.prices.newest, today),
    )


async def export(visit: Visit) -> Response:
    """The same list, whole, as CSV."""
    wanted, organization = _filter(visit), visit.account.organization
    async with visit.reading() as tx:
        if wanted.application:
            await find_application(tx, organization, wanted.application)

    async def rows() -> AsyncIterator[Sequence[Cell]]:
        async with visit.reading() as tx:
            async for line in usage_lines(tx, organization, wanted):
                yield _cells(line)

    return download("sealgate-usage.csv", HEADS, rows())


def _cells(line: UsageLine) -> Sequence[Cell]:
    use = line.usage
    cost = None if use.cost_nano_usd is None else f"{use.cost_nano_usd / 1e9:.9f}"
    return (
        moment(use.started_at), line.application_name, use.application_id, use.action, use.endpoint,
        use.model, use.outcome, use.status, use.input_tokens, use.output_tokens, use.cached_tokens,
        int(use.estimated), cost, use.price_table, use.first_byte_ms, use.duration_ms,
        use.pictures, use.sound_ms, use.provider, use.credential, use.tries, use.request,
    )  # fmt: skip


def _filter(visit: Visit) -> UsageFilter:
    query = visit.request.query_params
    first = parse_day(query.get("from", ""))
    if "from" not in query and "to" not in query:
        first = day_of(visit.now_s - SHOWN_DAYS * DAY_S)
    return UsageFilter(
        application=query.get("application", ""),
        model=query.get("model", ""),
        action=query.get("action", ""),
        outcome=query.get("outcome", ""),
        days=DayRange(first, parse_day(query.get("to", ""))),
    )


def _query(wanted: UsageFilter) -> str:
    """The filter as a query, for the links to other pages and to the file."""
    days = wanted.days
    return urlencode(
        {
            "application": wanted.application,
            "model": wanted.model,
            "action": wanted.action,
            "outcome": wanted.outcome,
            "from": days.first or "",
            "to": days.last or "",
        }
    )
