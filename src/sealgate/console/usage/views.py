"""The usage page: time, application, action, model, tokens, outcome, duration; never any text."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from sealgate.console.applications.services import find_application, list_applications
from sealgate.console.usage.services import usage_page
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
    Outcome.LOST.value: ("Lost: proxy stopped", "bad"),
    Outcome.REFUSED_REQUEST.value: ("Refused: request", "warn"),
    Outcome.REFUSED_SESSION.value: ("Refused: session", "warn"),
    Outcome.REFUSED_POLICY.value: ("Refused: policy", "warn"),
    Outcome.REFUSED_LIMIT.value: ("Refused: limit", "warn"),
    Outcome.REFUSED_CREDENTIAL.value: ("Refused: no key", "bad"),
    Outcome.REFUSED_UNAVAILABLE.value: ("Refused: not available", "bad"),
}
"""Outcome → (words, tone)."""


async def index(visit: Visit) -> Response:
    """Query: `application` (an id, or empty for all) and `page`."""
    query = visit.request.query_params
    chosen, number = query.get("application", ""), query.get("page", "1")
    page = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else 1
    async with visit.reading() as tx:
        applications = await list_applications(tx, visit.account.organization)
        if chosen:
            await find_application(tx, visit.account.organization, chosen)
        found = await usage_page(tx, visit.account.organization, chosen or None, page)
    return visit.render(
        "usage.html",
        applications=[application for application, _addon in applications],
        chosen=chosen,
        found=found,
        outcomes=OUTCOMES,
    )
