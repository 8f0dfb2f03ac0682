"""What operators may see of a running vault, as plain values: states, ids, ages and counts.

Counterparts: `observing` gathers it; `status_page`, `status_metrics` and `/status.json` show it. There is no
field for a key, an envelope, a ticket, a name or a person.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from sealgate.vault.audit import AuditState
from sealgate.vault.quotas import QuotaState

OK = "ok"
NO_ANSWER = "no_answer"
"""Health of what did not say anything in time."""


class Readiness(Struct, frozen=True):
    """May the vault be asked? Each part is `ok`, or the code of what is wrong."""

    ready: bool
    database: str
    anchor: str
    """`behind`: it could not be written, and no change is accepted until it can be."""
    kek: str
    """The current version's keeper. Keys that are open go on without it."""


class Connected(Struct, frozen=True):
    """One socket of the vault, and who is connected."""

    socket: str
    peers: tuple[str, ...]
    """What processes call themselves, the first few."""
    count: int


class KekState(Struct, frozen=True):
    """One KEK version."""

    version: str
    keeper: str
    state: str
    made_at: float
    destroyed_at: float | None
    rows: int
    """Rows of vault.db that name it."""
    health: str


class KekRingState(Struct, frozen=True):
    """Every KEK version, the oldest first."""

    versions: tuple[KekState, ...]
    rewrapping: bool
    left: int
    """Rows that still name another version than the current one."""
    fault: str


class Pair(Struct, frozen=True):
    """One sealing key pair, without its private half."""

    suite: str
    key_id: str
    made_at: float
    envelopes: int
    """Stored keys that are sealed to it."""


class Epoch(Struct, frozen=True):
    """One organization's sealing keys of one epoch."""

    epoch: int
    words: str
    """Their fingerprint."""
    made_at: float
    pairs: tuple[Pair, ...]


class OrganizationKeys(Struct, frozen=True):
    """An organization's epochs, the newest first; none if its rows do not verify."""

    organization: str
    verifies: bool
    next_epoch_at: float | None
    """When new ones are made by themselves; None for never."""
    epochs: tuple[Epoch, ...]


class Organizations(Struct, frozen=True):
    """A page of organizations, by id."""

    total: int
    items: tuple[OrganizationKeys, ...]
    after: str
    """Where the next page begins; empty at the end."""


class Counters(Struct, frozen=True):
    """What happened since the start; refusals by code."""

    opens: int
    deposits: int
    tickets_issued: int
    erasures: int
    open_refusals: Mapping[str, int]
    ticket_refusals: Mapping[str, int]
    deposit_refusals: Mapping[str, int]
    desk_refusals: Mapping[str, int]
    operator_refusals: Mapping[str, int]
    kek_faults: Mapping[str, int]
    alarms: Mapping[str, int]
    """By event: somebody changed the vault's files."""


class Stored(Struct, frozen=True):
    """What stands in vault.db."""

    organizations: int
    credentials_active: int
    credentials_revoked: int
    versions: int
    sealing_pairs: int
    tickets: int


class Checked(Struct, frozen=True):
    """What the check of every row in the background found."""

    ended_at: float
    """When the last whole round ended; 0 for none since the start."""
    rows: int
    damaged: int
    under_way: int
    """Rows that the present round looked at; 0 between two rounds."""


class Status(Struct, frozen=True):
    """Everything but the organizations."""

    instance: str
    release: str
    now: float
    started_at: float
    readiness: Readiness
    memory_locked: bool
    disk_free_bytes: int
    sockets: tuple[Connected, ...]
    kek: KekRingState
    counters: Counters
    checked: Checked
    audit: AuditState
    quotas: tuple[QuotaState, ...]
    """Of each system user whose proxies may ask."""
    two_administrators: bool
    """True once two people can approve what concerns the whole vault."""
    stored: Stored | None
    """None where counting takes too long just now."""
