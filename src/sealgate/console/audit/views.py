"""The page of the record of changes, and its CSV file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlencode

from starlette.responses import Response

from sealgate.console.applications.services import list_applications
from sealgate.console.audit.listing import (
    COMMAND_LINE,
    AuditFilter,
    audit_lines,
    audit_page,
    who_made_changes,
)
from sealgate.console.audit.services import WORDS, chain_end
from sealgate.console.days import DayRange, parse_day
from sealgate.console.spreadsheets import Cell, download, moment
from sealgate.console.visit import Visit

HEADS = ("position", "time", "who", "user", "what", "detail", "application", "application_id", "hash")


async def index(visit: Visit) -> Response:
    """Query: `who`, `what`, `application`, `from`, `to`, `page`."""
    wanted, organization = _filter(visit), visit.account.organization
    async with visit.reading() as tx:
        found = await audit_page(tx, organization, wanted, visit.page_number())
        people = await who_made_changes(tx, organization)
        applications = [application for application, _addon in await list_applications(tx, organization)]
        end = await chain_end(tx)
    return visit.render(
        "audit.html",
        found=found,
        wanted=wanted,
        query=_query(wanted),
        people=people,
        command_line=COMMAND_LINE,
        applications=applications,
        words=WORDS,
        end=end,
        check=visit.console.housekeeping.last_check,
    )


async def export(visit: Visit) -> Response:
    """The same list, whole, as CSV."""
    wanted, organization = _filter(visit), visit.account.organization

    async def rows() -> AsyncIterator[Sequence[Cell]]:
        async with visit.reading() as tx:
            async for line in audit_lines(tx, organization, wanted):
                entry = line.entry
                yield (
                    entry.id,
                    moment(entry.at),
                    line.who,
                    entry.user_id,
                    entry.what,
                    entry.detail,
                    line.application_name,
                    entry.application_id,
                    entry.hash.hex(),
                )

    return download("sealgate-audit.csv", HEADS, rows())


def _filter(visit: Visit) -> AuditFilter:
    query = visit.request.query_params
    return AuditFilter(
        who=query.get("who", ""),
        what=query.get("what", ""),
        application=query.get("application", ""),
        days=DayRange(parse_day(query.get("from", "")), parse_day(query.get("to", ""))),
    )


def _query(wanted: AuditFilter) -> str:
    """The filter as a query, for the links to other pages and to the file."""
    days = wanted.days
    return urlencode(
        {
            "who": wanted.who,
            "what": wanted.what,
            "application": wanted.application,
            "from": days.first or "",
            "to": days.last or "",
        }
    )
