"""Proxy and vault: have a credential opened, keep its lease, hear of revocations.

The reply to `Open` is a SECRET frame: the key is in the frame's secret part, everything else in `Opened`.
The vault refuses what is not bound exactly as named here; a proxy cannot ask for "any key of this provider".
"""

from __future__ import annotations

from enum import StrEnum

from sealgate.messages.frames import Message


class Open(Message, frozen=True, tag="open"):
    """Ask for the key of one credential, naming everything that it is bound to."""

    organization: str
    application: str
    credential: str
    provider: str
    origin: str
    version: int | None = None
    """None: the active version. A number: that one, active, staged or previous (for key tests)."""


class Opened(Message, frozen=True, tag="opened"):
    """A key was opened (it stands in the frame's secret part)."""

    credential: str
    version: int
    lease_s: float
    """Seconds for which the proxy may go on using the key while it cannot reach the vault."""
    pseudonym_key: bytes
    """32 bytes; the key that `pseudonym.pseudonym(key, subject)` takes for this application.
    Not to be logged or stored."""


class Renew(Message, frozen=True, tag="renew"):
    """Ask for more time with a key that the proxy still holds."""

    credential: str
    version: int


class Renewed(Message, frozen=True, tag="renewed"):
    """The lease starts again."""

    lease_s: float


class Waymark(Message, frozen=True, tag="waymark"):
    """How many changes the vault had made, in words that only the vault can write; a proxy keeps the newest.

    As a notice: now and then, to every proxy. As a reply: to `ShowWaymark`.
    """

    number: int
    tag: str
    """Of that change: another history has another one."""
    mac: bytes


class ShowWaymark(Message, frozen=True, tag="show-waymark"):
    """Show the vault the newest waymark that this proxy was given, first of all on each connection.

    A vault whose vault.db and anchor were put back together knows less than its own waymark says.
    """

    number: int
    tag: str
    mac: bytes


class CredentialEvent(StrEnum):
    """What happened to a credential."""

    DEPOSITED = "deposited"
    REPLACED = "replaced"
    REVOKED = "revoked"


class CredentialChanged(Message, frozen=True, tag="credential-changed"):
    """Notice to every connected proxy: wipe what you hold of this credential."""

    credential: str
    application: str
    event: CredentialEvent


class OpenRefusal(StrEnum):
    """`Refusal.code` values that a proxy acts on."""

    NO_CREDENTIAL = "no_credential"
    """Nothing deposited yet, or not bound as asked: the add-on is not activated."""
    REVOKED = "credential_revoked"
    DAMAGED = "credential_damaged"
    """MAC, version mark or envelope does not verify: an alarm in the vault."""
    MALFORMED = "malformed"
    QUOTA = "open_quota"
    """This proxy had as many keys opened in this minute as it may; one under its lease may be used on."""
    UNAVAILABLE = "vault_unavailable"
    """The vault's disk or KEK fails now; a key that is still under its lease may be used on."""
    ROLLED_BACK = "vault_rolled_back"
    """A proxy knows a later state of this vault: it opens nothing before the restore ceremony."""
    WAYMARK_FOREIGN = "waymark_foreign"
    """This waymark was not written by this vault."""


OpeningRequest = Open | Renew | ShowWaymark
OpeningReply = Opened | Renewed | Waymark
