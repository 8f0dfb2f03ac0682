"""Operators and the vault's audit: entries, the check of the whole, and how often keys were opened.

Counterparts: the vault's `auditing`; `operating`, in whose conversation these messages stand. Ids, codes and
numbers only.
"""

from __future__ import annotations

import msgspec

from sealgate.messages.frames import Message

Detail = str | int | float | bool
"""What a field of an entry holds."""


class AskAudit(Message, frozen=True, tag="ask-audit"):
    """Ask for the next entries after a number. Answer: `AuditPage`."""

    after: int = 0
    since: float = 0.0
    """Unix seconds; 0: from the beginning."""
    event: str = ""
    """Only this one; empty: every event."""
    about: str = ""
    """Only entries that name this id; empty: all."""


class AuditEntry(msgspec.Struct, frozen=True):
    """One entry."""

    number: int
    at: float
    event: str
    details: dict[str, Detail]
    genuine: bool
    """False: not a row that the vault wrote; nothing but its number is told."""


class AuditPage(Message, frozen=True, tag="audit-page"):
    """Entries, the oldest first."""

    items: tuple[AuditEntry, ...]
    next: int
    """Ask for what comes after this number; 0: that was all."""


class CheckAudit(Message, frozen=True, tag="check-audit"):
    """Look through the whole. Answer: `AuditChecked`."""

    noted: str = ""
    """An end that was noted earlier, `12:9f0c…`; empty: none."""
    accept: bool = False
    """Take what is found for explained, after a person looked at it."""


class AuditFinding(msgspec.Struct, frozen=True):
    """One fault and the entries that it concerns."""

    fault: str
    number: int
    until: int


class AuditChecked(Message, frozen=True, tag="audit-checked"):
    """What the check found."""

    entries: int
    end: str
    """The newest entry, worth noting on another machine."""
    findings: tuple[AuditFinding, ...]
    accepted: int
    """Findings that an operator accepted, now or earlier."""


class AskOpens(Message, frozen=True, tag="ask-opens"):
    """Ask for the next hours of opens. Answer: `OpensPage`."""

    credential: str = ""
    """Only this one's; empty: everybody's."""
    since: float = 0.0
    """Unix seconds; from the hour in which they are."""
    after: int = 0
    """Where the page before ended."""


class OpensHour(msgspec.Struct, frozen=True):
    """One hour of one credential and proxy, minute by minute."""

    began_at: int
    """Unix seconds."""
    credential: str
    """Empty: of ids under which there never was a key."""
    uid: int
    proxy: str
    """What it called itself."""
    opened: tuple[int, ...]
    refused: tuple[int, ...]


class OpensPage(Message, frozen=True, tag="opens-page"):
    """Hours that verify, in the order in which they were first written."""

    items: tuple[OpensHour, ...]
    next: int
    """Ask for what comes after this; 0: that was all."""


AuditRequest = AskAudit | CheckAudit | AskOpens
AuditReply = AuditPage | AuditChecked | OpensPage
