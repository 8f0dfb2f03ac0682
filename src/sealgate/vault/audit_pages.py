"""Entries of the audit for people: from a number on, filtered, a page at a time.

Counterparts: `auditing`, in a running vault; the command itself, where the vault is stopped. It reads a
bounded stretch of the table for each page, so that a rare event does not hold up the vault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from sealgate.messages.auditing import AskAudit, AuditEntry, AuditPage, Detail
from sealgate.vault import fields
from sealgate.vault.audit_rows import AuditRecord
from sealgate.vault.database import Database
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import AUDIT

PAGE_ROWS = 500
STRETCH = 20_000
"""Numbers that one page looks at."""

_EVENT = re.compile(r"[a-z_.]{0,64}")
_ABOUT = re.compile(r"[A-Za-z0-9_.:-]{0,80}")
_HIGHEST = "SELECT coalesce(max(number), 0) FROM audit"
_STRETCH = AUDIT.select(
    "WHERE number > :after AND number <= :until AND at >= :since AND (:event = '' OR event = :event)"
    " AND (:about = '' OR instr(details, :about) > 0) ORDER BY number LIMIT :most"
)
_decoder = msgspec.json.Decoder(dict[str, Detail])


class AuditPages:
    """Reads the table."""

    def __init__(self, database: Database, seal: RowSeal) -> None:
        self._database = database
        self._table = SealedTable(AUDIT, AuditRecord, seal)

    def page(self, asked: AskAudit) -> AuditPage:
        """The next entries; raises `RefusedError` for filters that nothing could match."""
        if not _EVENT.fullmatch(asked.event):
            fields.malformed("event", "name one of docs/reference/events.md")
        if not _ABOUT.fullmatch(asked.about):
            fields.malformed("about", "name an id")
        fields.check_place("after", asked.after)
        fields.check_time("since", asked.since)
        until = min(asked.after + STRETCH, 2**62)
        found = self._database.rows(
            _STRETCH,
            {
                "after": asked.after,
                "until": until,
                "since": asked.since,
                "event": asked.event,
                "about": asked.about,
                "most": PAGE_ROWS,
            },
        )
        items = tuple(map(self._entry, found))
        seen = items[-1].number if len(items) == PAGE_ROWS else until
        return AuditPage(items=items, next=seen if seen < self._end() else 0)

    def _end(self) -> int:
        end = self._database.rows(_HIGHEST)[0][0]
        assert isinstance(end, int)
        return end

    def _entry(self, values: Sequence[Cell]) -> AuditEntry:
        record = self._table.read_quietly(values)
        if record is None:
            number = values[0]
            assert isinstance(number, int)
            return AuditEntry(number=number, at=0.0, event="", details={}, genuine=False)
        return AuditEntry(
            number=record.number,
            at=record.at,
            event=record.event,
            details=_decoder.decode(record.details),
            genuine=True,
        )
