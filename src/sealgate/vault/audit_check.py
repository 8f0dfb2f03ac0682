"""Looks through the whole audit for what somebody changed: rows, gaps, a cut end, another history.

Counterparts: `audit`, which does it at each start and daily; `sealgate vault audit --check`, with the vault
running or stopped. It goes in pieces, so that nobody waits for it, and keeps nothing but what it found.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec
from msgspec import Struct

from sealgate.vault.audit_head import Head
from sealgate.vault.audit_rows import START, AuditRecord, AuditRows, Link, StoredEntry

FINDINGS_LIMIT = 100
ALARM = "alarm_audit"
"""The event of what a start or the daily look found."""
ACCEPTED = "audit_accepted"
"""The event with which an operator takes one finding for explained."""


class Fault(StrEnum):
    """What is wrong at a place of the chain."""

    CHANGED = "changed"  # not a row that the vault wrote: edited, moved or planted
    MISSING = "missing"  # numbers were left out
    APART = "apart"  # genuine rows of two histories: one was put back from a copy
    CUT_OFF = "cut_off"  # head or anchor know entries that are not there any more
    REWRITTEN = "rewritten"  # another entry stands where head or anchor know one
    NO_HEAD = "no_head"  # the head is gone or was altered
    NOT_AS_NOTED = "not_as_noted"  # the end that was noted elsewhere is not there


class Finding(Struct, frozen=True):
    """One fault and its place."""

    fault: Fault
    number: int
    until: int
    """The last entry that it concerns."""


class Expected(Struct, frozen=True):
    """What a whole chain has: its beginning, and places that are known from outside of the table."""

    head: Head | None
    known: tuple[Link, ...]
    """Of the head, the anchor and the running vault."""
    noted: Link | None = None


class Examination:
    """One look through the whole. `pieces` goes on bit by bit; `findings` is what it has found."""

    def __init__(self, rows: AuditRows, expected: Expected) -> None:
        self._rows = rows
        self._expected = expected
        head = expected.head
        self.end = START if head is None else head.floor
        """The newest entry so far."""
        self._trusted = head is not None
        """False right after a row of which nothing is known: what comes next cannot be compared with it."""
        self._places = {link.number for link in self._outside()}
        self._seen: dict[int, bytes] = {self.end.number: self.end.mac}
        self._accepted: frozenset[Finding] = frozenset()
        self.entries = 0
        self.findings: list[Finding] = []
        """What nobody has accepted yet, the first `FINDINGS_LIMIT`."""
        self.accepted = 0
        """Findings that an operator accepted."""

    def pieces(self) -> Iterator[None]:
        """Look through, yielding after each piece."""
        self._accepted = frozenset(map(_accepted, self._rows.of_event(ACCEPTED)))
        if self._expected.head is None and self._outside():
            self._find(Fault.NO_HEAD, self._last_known.number)
        for piece in self._rows.pieces():
            for row in piece:
                self._look_at(row)
            yield
        self._look_at_the_end()

    @property
    def _last_known(self) -> Link:
        return max(self._outside(), key=lambda link: link.number, default=START)

    def _outside(self) -> tuple[Link, ...]:
        noted = self._expected.noted
        return tuple(each for each in (*self._expected.known, noted) if each is not None and each != START)

    def _look_at(self, row: StoredEntry) -> None:
        if not self.entries and row.number <= self.end.number and row.record is not None:
            # Too old, and not removed yet: the chain begins before its floor.
            self.end, self._trusted = Link(row.number - 1, row.record.before), True
        self.entries += 1
        if row.number > self.end.number + 1:
            self._find(Fault.MISSING, self.end.number + 1, row.number - 1)
            self._trusted = False
        if row.record is None:
            self._find(Fault.CHANGED, row.number)
        elif self._trusted and row.record.before != self.end.mac:
            self._find(Fault.APART, row.number)
        self._go_on(row)

    def _go_on(self, row: StoredEntry) -> None:
        self.end, self._trusted = row.link, row.record is not None
        if row.record is not None and row.number in self._places:
            self._seen[row.number] = row.mac
        if row.record is not None and row.record.event == ALARM and Fault.NO_HEAD in row.record.details:
            self._find(Fault.NO_HEAD, row.number)

    def _look_at_the_end(self) -> None:
        floor = START if self._expected.head is None else self._expected.head.floor
        if self._last_known.number > self.end.number:
            self._find(Fault.CUT_OFF, self.end.number + 1, self._last_known.number)
        for link in dict.fromkeys(self._outside()):
            here = self._seen.get(link.number)
            if floor.number <= link.number <= self.end.number and here not in {None, link.mac}:
                noted = link not in self._expected.known
                self._find(Fault.NOT_AS_NOTED if noted else Fault.REWRITTEN, link.number)

    def _find(self, fault: Fault, number: int, until: int | None = None) -> None:
        finding = Finding(fault, number, number if until is None else until)
        if finding in self._accepted:
            self.accepted += 1
        elif len(self.findings) < FINDINGS_LIMIT:
            self.findings.append(finding)


def _accepted(record: AuditRecord) -> Finding:
    return msgspec.json.decode(record.details, type=_Accepted).finding()


class _Accepted(Struct, frozen=True):
    """The fields of the event."""

    code: Fault
    number: int
    until: int

    def finding(self) -> Finding:
        return Finding(self.code, self.number, self.until)
