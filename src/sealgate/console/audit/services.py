"""Writes and reads the record of changes. Every change of an organization's things goes through `Editing`.

Details name things (an origin, a key's name, an id), never a secret and never what an end user wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import User
from sealgate.console.audit.models import AuditEntry

WORDS: Final[Mapping[str, str]] = {
    "account.joined": "joined the organization",
    "application.created": "created the application",
    "application.renamed": "renamed the application",
    "application.paused": "paused the application",
    "application.resumed": "made the application active",
    "origin.added": "added the origin",
    "origin.removed": "removed the origin",
    "session-key.added": "added the session key",
    "session-key.revoked": "revoked the session key",
    "actions.changed": "chose the actions",
    "limits.changed": "changed limits and models",
    "ticket.asked": "went to seal a key for",
    "credential.switched": "switched to the key sealed for",
    "credential.revoked": "revoked the key of",
    "add-on.on": "switched the add-on on",
    "add-on.off": "switched the add-on off",
}
"""What happened, as the second half of a sentence that begins with a person."""


class Editing(Struct, frozen=True):
    """One transaction in which somebody changes things of one organization."""

    tx: AsyncSession
    organization: str
    user: str | None
    """`None`: the command line."""
    now_s: float

    def record(self, what: str, detail: str = "", application: str | None = None) -> None:
        """Write down one change; `what` is a key of `WORDS`."""
        assert what in WORDS
        self.tx.add(
            AuditEntry(
                at=self.now_s,
                organization_id=self.organization,
                application_id=application,
                user_id=self.user,
                what=what,
                detail=detail,
            )
        )


class Happened(Struct, frozen=True):
    """One change, ready to be shown."""

    at: float
    who: str
    what: str
    detail: str


async def recent_changes(
    tx: AsyncSession, organization: str, application: str, limit: int = 12
) -> Sequence[Happened]:
    """The newest changes of one application first."""
    rows = await tx.execute(
        select(AuditEntry, User.name)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .where(AuditEntry.organization_id == organization, AuditEntry.application_id == application)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    return [
        Happened(entry.at, name or "Command line", WORDS.get(entry.what, entry.what), entry.detail)
        for entry, name in rows
    ]
