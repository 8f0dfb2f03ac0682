"""Tickets: the one-time right to deposit one key for one purpose, as the vault itself recorded it.

Counterparts: `deposits` issues and redeems them. 256 bits, stored as their SHA-256, good once and for
minutes; whatever is wrong with a ticket looks alike outside. A ticket is in no log and, in the clear, in no
file.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from sealgate.log import Log
from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import TICKETS

TICKET_BYTES = 32
LIVE_LIMIT = 20
"""Tickets of one application that may be out at a time."""
_KEPT_AFTER_EXPIRY_S = 3600.0
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_BY_HASH = TICKETS.select("WHERE ticket_hash = :ticket_hash")
_LIVE = TICKETS.select(
    "WHERE application = :application AND used_at IS NULL AND expires_at > :now_s ORDER BY expires_at DESC"
)
_USE = TICKETS.update("WHERE ticket_hash = :ticket_hash AND used_at IS NULL")
_OLD = TICKETS.delete("WHERE expires_at < :before")


class TicketRecord(Struct, frozen=True):
    """What a ticket is good for."""

    ticket_hash: bytes
    organization: str
    organization_name: str
    application: str
    application_name: str
    provider: str
    origin: str
    credential: str
    version: int
    stage: int
    """1: the key waits beside the active one until it is switched to; 0: it is active at once."""
    key_id: bytes
    """One pair of the epoch that it offers; the key may be sealed to that epoch's pair of any suite."""
    expires_at: float
    used_at: float | None


class TicketRefusedError(Exception):
    """The ticket does not count. `code` is for the log alone: outside, all of them look alike."""

    def __init__(self, code: str) -> None:
        super().__init__("the ticket does not count")
        self.code = code


class Tickets:
    """Keeps tickets by their hash."""

    def __init__(self, database: Database, seal: RowSeal, log: Log) -> None:
        self._database = database
        self._log = log
        self.rows = SealedTable(TICKETS, TicketRecord, seal)

    def add(self, purpose: TicketRecord, now_s: float) -> str:
        """Draw a ticket for a purpose and give its text; `purpose.ticket_hash` is filled in here."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        record = msgspec.structs.replace(purpose, ticket_hash=_hash(ticket))
        with self._database.transaction() as connection:
            connection.execute(_OLD, {"before": now_s - _KEPT_AFTER_EXPIRY_S})
            connection.execute(TICKETS.insert, self.rows.row(record))
        return ticket

    def look(self, ticket: str, now_s: float) -> TicketRecord:
        """What the ticket is good for, without using it; raises `TicketRefusedError` after logging why."""
        row = None
        if _FORM.fullmatch(ticket):
            row = self._database.row(_BY_HASH, {"ticket_hash": _hash(ticket)})
        if row is None:
            raise self.refuse("unknown")
        try:
            record = self.rows.read(row)
        except AlarmError as error:
            raise self.refuse("damaged") from error
        if record.used_at is not None:
            raise self.refuse("used", record)
        if record.expires_at <= now_s:
            raise self.refuse("expired", record)
        return record

    def use(self, connection: Connection, record: TicketRecord, now_s: float) -> None:
        """Use it up inside the deposit's transaction; of two uses, one raises `TicketRefusedError`."""
        used = self.rows.row(msgspec.structs.replace(record, used_at=now_s))
        if connection.execute(_USE, used).rowcount != 1:
            raise self.refuse("used", record)

    def live(self, organization: str, application: str, now_s: float) -> Sequence[TicketRecord]:
        """An application's usable tickets, newest first; damaged rows raise an alarm and are left out."""
        found = []
        for row in self._database.rows(_LIVE, {"application": application, "now_s": now_s}):
            try:
                found.append(self.rows.read(row))
            except AlarmError:
                continue
        return [each for each in found if each.organization == organization]

    def cancel(self, connection: Connection, *credentials: str) -> None:
        """Remove every ticket of some credentials, inside the caller's transaction."""
        of_one = TICKETS.delete("WHERE credential = :credential")
        connection.executemany(of_one, ({"credential": each} for each in credentials))

    def refuse(self, code: str, record: TicketRecord | None = None) -> TicketRefusedError:
        """Log why a ticket does not count, and give the error to raise."""
        known = {} if record is None else msgspec.structs.asdict(record)
        names = ("credential", "organization", "application")
        self._log("ticket_refused", code=code, **{name: known.get(name, "") for name in names})
        return TicketRefusedError(code)


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
