"""Operators and vault: administrators of the vault, and what waits for their approval.

Counterparts: the vault's `administering`; `sealgate.scripts.administrator_commands`; `operating`, in whose
conversation these messages stand. An invitation's link goes to the operator who asked, and nowhere else.
"""

from __future__ import annotations

import msgspec

from sealgate.messages.frames import Message


class InviteAdministrator(Message, frozen=True, tag="invite-administrator"):
    """Ask for a link with which one person enrols a passkey. Answer: `AdministratorInvited`."""

    name: str = ""
    """Of a new person."""
    organization: str = ""
    """Whose deposits a new person approves; empty: the whole vault."""
    administrator: str = ""
    """A person who is known already: the link adds a passkey."""


class AdministratorInvited(Message, frozen=True, tag="administrator-invited"):
    """The link works once, until it expires."""

    administrator: str
    name: str
    organization: str
    link: str
    expires_at: float


class AskAdministrators(Message, frozen=True, tag="ask-administrators"):
    """Ask for everybody. Answer: `AdministratorList`."""


class PasskeyRow(msgspec.Struct, frozen=True):
    """One passkey by its short name. Times are Unix seconds."""

    passkey: str
    fingerprint: str
    enrolled_at: float
    used_at: float | None


class AdministratorRow(msgspec.Struct, frozen=True):
    """One person."""

    administrator: str
    name: str
    organization: str
    state: str
    """`invited`, `enrolled`, `enrolled-whole`; `damaged`: altered outside the vault, counts for nothing."""
    invited_until: float | None
    passkeys: tuple[PasskeyRow, ...]


class AdministratorList(Message, frozen=True, tag="administrators"):
    """Everybody, in the order of their invitation."""

    items: tuple[AdministratorRow, ...]
    deposits_need_passkey: tuple[str, ...]
    """Organizations whose deposits need an approval; `all`: everybody's."""


class RemoveAdministrator(Message, frozen=True, tag="remove-administrator"):
    """Let a person, or one passkey of theirs, count no more. Answer: `AdministratorRemoved`."""

    administrator: str
    passkey: str = ""
    """Short name; empty: the person."""


class AdministratorRemoved(Message, frozen=True, tag="administrator-removed"):
    """Done."""

    administrator: str
    passkeys: int
    """How many this person has left."""


class ApprovalRow(msgspec.Struct, frozen=True):
    """Who approved, and when."""

    administrator: str
    name: str
    approved_at: float


class ProposalRow(msgspec.Struct, frozen=True):
    """Something that waits for approval, or has it."""

    proposal: str
    action: str
    subject: str
    proposed_at: float
    expires_at: float
    needed: int
    approved: tuple[ApprovalRow, ...]
    state: str
    """`open`, `granted`, `done` or `expired`."""
    link: str
    """Where administrators of the whole vault approve it; the same each time it is asked for."""


class ApprovalsMissing(Message, frozen=True, tag="approvals-missing"):
    """Answer to whatever needs approvals, until they are there: nothing was done."""

    proposal: ProposalRow


class AskProposals(Message, frozen=True, tag="ask-proposals"):
    """Ask for everything that was proposed of late. Answer: `ProposalList`."""


class ProposalList(Message, frozen=True, tag="proposals"):
    """Newest first."""

    items: tuple[ProposalRow, ...]


AdministeringRequest = InviteAdministrator | AskAdministrators | RemoveAdministrator | AskProposals
AdministeringReply = (
    AdministratorInvited | AdministratorList | AdministratorRemoved | ProposalList | ApprovalsMissing
)
