"""Which changes every owner is told of: the one literal table. The rest stands in the record alone.

Pure. A test holds it to `audit.services.WORDS`, so that whoever adds a change decides this too.
"""

from __future__ import annotations

from typing import Final

NOTICED: Final = frozenset(
    {
        # Who may act
        "account.joined",
        "member.invited",
        "member.role-changed",
        "member.removed",
        "token.made",
        "token.revoked",
        # Keys, and where they may go
        "credential.deposited",
        "credential.switched",
        "version.switched",
        "version.rolled-back",
        "version.discarded",
        "credential.revoked",
        "destination.added",
        "destination.removed",
        # Who may sign sessions
        "session-key.added",
        "session-key.revoked",
        # What may be spent
        "limits.changed",
        "plans.changed",
        "sources.changed",
        "budgets.changed",
        "policy.changed",
        # What is gone for good
        "erasure.ordered",
        "erasure.refused",
        "credential.erased",
        "application.erased",
        "organization.erased",
        "retention.changed",
    }
)
"""Keys of `WORDS` that make a notice."""

QUIET: Final = frozenset(
    {
        "invitation.withdrawn",
        "member.signed-out",
        "application.created",
        "application.renamed",
        "application.paused",
        "application.resumed",
        "application.external-name",
        "origin.added",
        "origin.removed",
        "actions.changed",
        "ticket.asked",
        "version.staged",
        "credential.tested",
        "add-on.on",
        "add-on.off",
    }
)
"""Those that do not: no key, no right, no money and nothing for good."""
