"""The page of notices: what happened to keys, people and rights, for every owner."""

from __future__ import annotations

from starlette.responses import Response

from sealgate.console.accounts.models import User
from sealgate.console.notices.services import list_notices, mark_read
from sealgate.console.visit import Visit


async def index(visit: Visit) -> Response:
    """The newest hundred; those that are unread are marked."""
    async with visit.reading() as tx:
        user = await tx.get_one(User, visit.account.user)
        lines = await list_notices(tx, visit.account.organization)
    return visit.render(
        "notices.html",
        lines=lines,
        read_to=user.notices_read_to,
        unread=[line for line in lines if line.entry.id > user.notices_read_to],
        by_mail=visit.console.config.mail is not None,
    )


async def read(visit: Visit) -> Response:
    """Field: `up_to`, the newest that the page showed."""
    text = visit.form.text("up_to")
    up_to = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
    async with visit.console.database.writing() as tx:
        await mark_read(tx, visit.account.user, up_to)
    return visit.go("/notices")
