"""The page of retention: how long usage is kept, and when what was too old was last deleted."""

from __future__ import annotations

from starlette.responses import Response

from sealgate.console.accounts.models import Organization
from sealgate.console.forms import InputError
from sealgate.console.retention.services import LONGEST_DAYS, set_retention
from sealgate.console.visit import Visit


async def index(visit: Visit, problem: InputError | None = None) -> Response:
    """The setting and the last run."""
    async with visit.reading() as tx:
        organization = await tx.get_one(Organization, visit.account.organization)
    return visit.render("retention.html", problem=problem, organization=organization)


async def save(visit: Visit) -> Response:
    """Field: `days`."""
    try:
        days = visit.form.number("days", "Days", 0, LONGEST_DAYS)
        async with visit.editing() as edit:
            await set_retention(edit, days)
    except InputError as problem:
        return await index(visit, problem)
    visit.console.housekeeping.ask()
    return visit.go("/retention", "retention-saved")
