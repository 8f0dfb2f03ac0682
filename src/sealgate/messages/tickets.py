"""Console and vault: tickets for deposits, masked lists of credentials, their versions, pseudonyms.

There is no message that opens or returns a key: the console can never ask for one.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sealgate.messages.erasing import ErasureReply, ErasureRequest
from sealgate.messages.frames import Message


class ListDestinations(Message, frozen=True, tag="list-destinations"):
    """Ask where keys may go."""


class Destination(Message, frozen=True, tag="destination"):
    """One origin that a key may be bound to; only the vault's own configuration makes one."""

    provider: str
    origin: str
    label: str


class Destinations(Message, frozen=True, tag="destinations"):
    """Every allowed destination."""

    items: tuple[Destination, ...]


class IssueTicket(Message, frozen=True, tag="issue-ticket"):
    """Ask for a one-time right to deposit a key."""

    organization: str
    organization_name: str
    application: str
    application_name: str
    provider: str
    origin: str
    credential: str | None = None
    """The credential whose key is to be replaced; `None` makes a new credential."""
    stage: bool = False
    """True: the key becomes the staged version beside the active one, and is used once it is switched to."""


class TicketIssued(Message, frozen=True, tag="ticket-issued"):
    """The ticket (256 bits; the vault keeps only its hash) and where to take it."""

    ticket: str
    deposit_url: str
    """The sealing page with the ticket in the fragment."""
    credential: str
    version: int
    expires_at: float
    """Unix seconds."""


class ListCredentials(Message, frozen=True, tag="list-credentials"):
    """Ask for an application's credentials, masked."""

    organization: str
    application: str


class CredentialState(StrEnum):
    """Where a credential is in its life."""

    AWAITED = "awaited"  # a ticket is out, nothing deposited
    ACTIVE = "active"
    REVOKED = "revoked"
    DAMAGED = "damaged"  # its row was edited outside the vault: nothing of it is believed, shown or opened


class VersionStanding(StrEnum):
    """What a version of a credential is for."""

    ACTIVE = "active"  # proxies use it
    STAGED = "staged"  # deposited, tested perhaps, waiting for the switch
    PREVIOUS = "previous"  # was active before the switch; kept for the way back


class CredentialVersion(msgspec.Struct, frozen=True):
    """One key of a credential that the vault holds now, masked."""

    version: int
    standing: VersionStanding
    last_four: str
    fingerprint: str
    deposited_at: float


class CredentialRow(Message, frozen=True, tag="credential"):
    """What anyone may ever see of a credential."""

    credential: str
    organization: str
    application: str
    provider: str
    origin: str
    version: int
    state: CredentialState
    last_four: str
    fingerprint: str
    deposited_at: float | None
    last_opened_at: float | None
    revoked_at: float | None
    versions: tuple[CredentialVersion, ...] = ()
    """Every key that is held now, newest first; none once revoked, awaited or damaged."""


class DepositApproval(StrEnum):
    """Whether an administrator of the vault must approve an organization's deposits with a passkey."""

    NOT_NEEDED = "not-needed"
    NEEDED = "needed"
    IMPOSSIBLE = "impossible"
    """It is needed, and nobody is enrolled who could: no ticket is issued."""


class Credentials(Message, frozen=True, tag="credentials"):
    """An application's credentials, newest first."""

    items: tuple[CredentialRow, ...]
    sealing_words: str = ""
    """Fingerprint of the sealing keys that the next ticket offers; empty before the first one."""
    approval: DepositApproval = DepositApproval.NOT_NEEDED


class Revoke(Message, frozen=True, tag="revoke"):
    """Destroy a credential's key at once; proxies are told by the vault itself."""

    organization: str
    application: str
    credential: str


class CredentialRevoked(Message, frozen=True, tag="credential-revoked"):
    """Done: the envelope is gone and every connected proxy has been told."""

    credential: str
    revoked_at: float


class Switch(Message, frozen=True, tag="switch"):
    """Staged becomes active, active becomes previous. Answer: the new row."""

    organization: str
    application: str
    credential: str


class RollBack(Message, frozen=True, tag="roll-back"):
    """Previous becomes active again, active becomes staged. Answer: the new row."""

    organization: str
    application: str
    credential: str


class Discard(Message, frozen=True, tag="discard"):
    """Destroy a staged or previous version. Answer: the new row."""

    organization: str
    application: str
    credential: str
    version: int


class AskPseudonym(Message, frozen=True, tag="ask-pseudonym"):
    """Ask for the pseudonym of one end user, by the host application's reference (for subject requests)."""

    organization: str
    application: str
    subject: str


class Pseudonym(Message, frozen=True, tag="pseudonym"):
    """The keyed pseudonym under which usage is recorded."""

    value: str


TicketRequest = (
    ListDestinations
    | IssueTicket
    | ListCredentials
    | Revoke
    | Switch
    | RollBack
    | Discard
    | AskPseudonym
    | ErasureRequest
)
TicketReply = (
    Destinations | TicketIssued | Credentials | CredentialRow | CredentialRevoked | Pseudonym | ErasureReply
)
