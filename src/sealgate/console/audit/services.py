"""Writes and reads the record of changes. Every change of an organization's things goes through `Editing`.

Details name things (an origin, a key's name, an id), never a secret and never what an end user wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import User
from sealgate.console.api.models import ManagementToken
from sealgate.console.audit.chain import START, Fields, Link, entry_hash
from sealgate.console.audit.models import AuditEntry
from sealgate.console.database import HEAD_OF_AUDIT

WORDS: Final[Mapping[str, str]] = {
    "account.joined": "joined the organization",
    "member.invited": "invited a new",
    "invitation.withdrawn": "withdrew the invitation of a new",
    "member.role-changed": "changed the role of",
    "member.removed": "removed",
    "member.signed-out": "ended all sign-ins of",
    "retention.changed": "set the retention of usage to",
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
    "plans.changed": "changed plans and budgets",
    "sources.changed": "changed where answers come from at",
    "budgets.changed": "changed the organization’s budgets",
    "ticket.asked": "went to seal a key for",
    "credential.deposited": "sealed a key for",
    "destination.added": "now lets keys go to",
    "destination.removed": "no longer lets keys go to",
    "credential.switched": "switched to the key sealed for",
    "credential.tested": "tested the key of",
    "version.staged": "went to seal the next key for",
    "version.switched": "switched to the next key of",
    "version.rolled-back": "went back to the previous key of",
    "version.discarded": "discarded a key of",
    "credential.revoked": "revoked the key of",
    "erasure.ordered": "ordered the erasure for good of the",
    "erasure.refused": "was refused by the vault the erasure of the",
    "credential.erased": "had erased for good the credential for",
    "application.erased": "had erased for good the application",
    "organization.erased": "had erased for good the organization",
    "add-on.on": "switched the add-on on",
    "add-on.off": "switched the add-on off",
    "policy.changed": "changed of the policy:",
    "application.external-name": "gave the application the external name",
    "token.made": "made the management token",
    "token.revoked": "revoked the management token",
}
"""What happened, as the second half of a sentence that begins with a person."""


class Editing(Struct, frozen=True):
    """One transaction in which somebody changes things of one organization."""

    tx: AsyncSession
    organization: str
    user: str | None
    """`None`: the command line."""
    now_s: float
    token: str | None = None
    """The management token with which the user's program does it."""

    async def record(self, what: str, detail: str = "", application: str | None = None) -> None:
        """Write down one change; `what` is a key of `WORDS`."""
        assert what in WORDS
        last = await chain_end(self.tx)
        fields = Fields(
            last.position + 1,
            self.now_s,
            self.organization,
            application,
            self.user,
            what,
            detail,
            self.token,
        )
        now = Link(fields.position, entry_hash(last.hash, fields))
        self.tx.add(_entry(fields, now))
        await self.tx.flush()
        head = self.tx.info.get(HEAD_OF_AUDIT)
        if head is not None:
            await asyncio.to_thread(head.append, last, now)  # it waits for the disk


async def chain_end(tx: AsyncSession) -> Link:
    """Where the chain ends now."""
    last = select(AuditEntry.id, AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)
    row = (await tx.execute(last)).one_or_none()
    return Link(row.id, row.hash) if row else START


def _entry(fields: Fields, link: Link) -> AuditEntry:
    return AuditEntry(
        id=link.position,
        at=fields.at,
        organization_id=fields.organization,
        application_id=fields.application,
        user_id=fields.user,
        what=fields.what,
        detail=fields.detail,
        token_id=fields.token,
        hash=link.hash,
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
        select(AuditEntry, User.name, ManagementToken.name)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .outerjoin(ManagementToken, ManagementToken.id == AuditEntry.token_id)
        .where(AuditEntry.organization_id == organization, AuditEntry.application_id == application)
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    return [
        Happened(entry.at, in_words(name, token), WORDS.get(entry.what, entry.what), entry.detail)
        for entry, name, token in rows
    ]


def by_the_vault(what: str) -> str | None:
    """Who changed what nobody can change here."""
    return "The vault" if what.startswith("destination.") else None


def in_words(person: str | None, token: str | None) -> str:
    """Who made a change: a person, perhaps through a program with a management token."""
    who = person or "Command line"
    return f"{who} (token {token})" if token else who
