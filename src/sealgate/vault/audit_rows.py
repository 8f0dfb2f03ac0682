"""The rows of the audit and how they hold together: numbered without a gap, each MAC covering the one before.

Counterparts: `audit`, which adds and removes; `audit_check` and `audit_pages`, which read. Only who holds the
KEK can make a row; that none is taken away, the chain and its head (`audit_head`) tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from sealgate.vault.audit_queue import Draft
from sealgate.vault.database import Database
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import AUDIT

PIECE_ROWS = 200
"""Rows that are read at once, so that nobody waits long for it."""
_LOOKED_BACK_ROWS = 1_000

_BETWEEN = AUDIT.select(f"WHERE number > :after AND number <= :until ORDER BY number LIMIT {PIECE_ROWS}")
_NEWEST = AUDIT.select(f"WHERE number > :after ORDER BY number DESC LIMIT {_LOOKED_BACK_ROWS}")
_OUTSIDE = AUDIT.delete("WHERE number <= :after OR number > :until")
_DEPOSITS_NAMING = AUDIT.select(
    "WHERE event = 'deposited' AND instr(details, :name) > 0 ORDER BY number DESC"
)
_OF_EVENT = AUDIT.select("WHERE event = :event ORDER BY number")


class Link(Struct, frozen=True):
    """A place in the chain: an entry's number and its MAC."""

    number: int
    mac: bytes

    def text(self) -> str:
        """`12:9f0c…`, to be noted elsewhere."""
        return f"{self.number}:{self.mac.hex()}"


START: Final = Link(0, bytes(32))
"""Before the first entry."""
LAST_NUMBER: Final = 2**53
_FIRST_NUMBER = -(2**62)
_HIGHEST_NUMBER = 2**63 - 1
"""Somebody may have planted any number that SQLite takes."""


def parse_link(text: str) -> Link:
    """What `Link.text` made; raises `ValueError` for anything else."""
    number, _, mac = text.partition(":")
    link = Link(int(number), bytes.fromhex(mac))
    if not 0 <= link.number < LAST_NUMBER or len(link.mac) != len(START.mac):
        raise ValueError("no link of a chain")
    return link


class AuditRecord(Struct, frozen=True):
    """One entry. `before` is the MAC of the entry with the number before."""

    number: int
    at: float
    event: str
    details: str
    """The event's fields, as JSON."""
    before: bytes


class DepositTold(Struct, frozen=True):
    """What a genuine entry says of a deposit: whose the key was, whatever its row says now."""

    credential: str = ""
    organization: str = ""
    application: str = ""


class StoredEntry(Struct, frozen=True):
    """A row as it stands. `record` is None for one that the vault did not write."""

    number: int
    mac: bytes
    record: AuditRecord | None

    @property
    def link(self) -> Link:
        """Its place in the chain."""
        return Link(self.number, self.mac)


class AuditRows:
    """Reads and writes the table."""

    def __init__(self, database: Database, seal: RowSeal) -> None:
        self._database = database
        self._table = SealedTable(AUDIT, AuditRecord, seal)

    def between(self, after: int, until: int) -> list[StoredEntry]:
        """The next rows by number, `PIECE_ROWS` at most."""
        found = self._database.rows(_BETWEEN, {"after": after, "until": until})
        return [self._stored(values) for values in found]

    def newest(self, after: Link) -> Link:
        """The newest row that verifies, of those after a known link; else that link."""
        rows = map(self._stored, self._database.rows(_NEWEST, {"after": after.number}))
        return next((row.link for row in rows if row.record is not None and row.number < LAST_NUMBER), after)

    def of_event(self, event: str) -> Iterator[AuditRecord]:
        """Every genuine entry of a rare event."""
        for values in self._database.rows(_OF_EVENT, {"event": event}):
            if (record := self._stored(values).record) is not None:
                yield record

    def deposits_of(self, name: str) -> Iterator[DepositTold]:
        """Every deposit that a genuine entry tells of this credential, application or organization.

        The newest first; those that are older than the audit are not told any more.
        """
        for values in self._database.rows(_DEPOSITS_NAMING, {"name": name}):
            if (record := self._stored(values).record) is not None:
                told = msgspec.json.decode(record.details, type=DepositTold)
                if name in {told.credential, told.application, told.organization}:
                    yield told

    def floor(self) -> Link:
        """Where the chain begins, by its oldest row that verifies."""
        for piece in self.pieces():
            for row in piece:
                if row.record is not None:
                    return Link(row.number - 1, row.record.before)
        return START

    def pieces(self) -> Iterator[list[StoredEntry]]:
        """Every row in the order of its number, a piece at a time."""
        after = _FIRST_NUMBER - 1
        while piece := self.between(after, _HIGHEST_NUMBER):
            yield piece
            after = piece[-1].number

    def add(self, after: Link, drafts: Sequence[Draft]) -> Link:
        """Write entries in one transaction; gives where the chain ends then. Raises `StorageError`.

        A row that somebody planted at a number to come is overwritten.
        """
        rows = []
        for draft in drafts:
            record = AuditRecord(after.number + 1, draft.at, draft.event, draft.details, after.mac)
            row = self._table.row(record)
            mac = row["mac"]
            assert isinstance(mac, bytes)
            rows.append(row)
            after = Link(record.number, mac)
        with self._database.transaction() as connection:
            connection.executemany(AUDIT.replace, rows)
        return after

    def keep(self, after: int, until: int) -> None:
        """Remove every row but those between two numbers."""
        with self._database.transaction() as connection:
            connection.execute(_OUTSIDE, {"after": after, "until": until})

    def _stored(self, values: Sequence[Cell]) -> StoredEntry:
        number, mac = values[0], values[-1]
        assert isinstance(number, int)  # as SQLite's row id it cannot be anything else
        known = mac if isinstance(mac, bytes) else b""
        return StoredEntry(number, known, self._table.read_quietly(values))
