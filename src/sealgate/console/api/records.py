"""Ways that read what happened: usage, the record of changes, and who is connected now."""

from __future__ import annotations

from importlib.metadata import version

from sqlalchemy import select

from sealgate.console.api import declaring
from sealgate.console.api.bodies import (
    ChangeList,
    ChangeView,
    StatusView,
    UsageList,
    UsageTotalsView,
    UsageView,
)
from sealgate.console.api.call import Call, Reply, moment
from sealgate.console.audit.listing import AuditFilter, AuditLine, audit_lines
from sealgate.console.usage.listing import UsageFilter, usage_page
from sealgate.console.usage.models import Usage
from sealgate.messages.frames import PROTOCOL

PAGE_ROWS = 100
_HIGHEST = 2**63 - 1


async def usage(call: Call) -> Reply:
    """Query: `application`, `cursor`, `limit`. What was counted last comes first."""
    limit = call.number("limit", PAGE_ROWS, 1, PAGE_ROWS)
    before = call.number("cursor", _HIGHEST, 1, _HIGHEST)
    only = await _application(call)
    ask = select(Usage).where(Usage.organization_id == call.organization, Usage.id < before)
    if only is not None:
        ask = ask.where(Usage.application_id == only)
    async with call.reading() as tx:
        rows = (await tx.scalars(ask.order_by(Usage.id.desc()).limit(limit + 1))).all()
    page = rows[:limit]
    following = str(page[-1].id) if len(rows) > limit else None
    return Reply(UsageList(tuple(_usage(row) for row in page), following))


async def totals(call: Call) -> Reply:
    """Query: `application`. Sums over everything that is kept."""
    only = await _application(call)
    async with call.reading() as tx:
        found = (await usage_page(tx, call.organization, UsageFilter(application=only or ""), 1)).totals
    return Reply(UsageTotalsView(found.exchanges, found.input_tokens, found.output_tokens, found.estimated))


async def changes(call: Call) -> Reply:
    """Query: `application`, `cursor`, `limit`. The newest comes first."""
    limit = call.number("limit", PAGE_ROWS, 1, PAGE_ROWS)
    before = call.number("cursor", _HIGHEST, 1, _HIGHEST)
    only = await _application(call)
    page: list[ChangeView] = []
    async with call.reading() as tx:
        async for line in audit_lines(tx, call.organization, AuditFilter(application=only or ""), before):
            if len(page) == limit:
                return Reply(ChangeList(tuple(page), str(page[-1].position)))
            page.append(_change(line))
    return Reply(ChangeList(tuple(page), None))


async def status(call: Call) -> Reply:
    """Versions, and who is connected."""
    console = call.console
    return Reply(
        StatusView(
            instance=console.config.instance,
            version=version("sealgate"),
            protocol=PROTOCOL,
            vault_connected=console.desk.connected,
            proxies=console.feed.proxies,
        )
    )


async def _application(call: Call) -> str | None:
    named = call.query("application")
    if not named:
        return None
    async with call.reading() as tx:
        return (await declaring.find_named(tx, call.organization, named)).id


def _usage(row: Usage) -> UsageView:
    taken = set(UsageView.__struct_fields__) - {"started_at", "application"}
    values = {name: getattr(row, name) for name in taken}
    return UsageView(started_at=moment(row.started_at), application=row.application_id, **values)


def _change(line: AuditLine) -> ChangeView:
    entry = line.entry
    return ChangeView(
        position=entry.id,
        at=moment(entry.at),
        who=line.who,
        what=entry.what,
        words=line.words,
        detail=entry.detail,
        application=entry.application_id,
        token=entry.token_id,
    )
