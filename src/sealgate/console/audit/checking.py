"""Checks the chain of the record of changes: for the command line, and daily by the console itself.

Reads the file alone, so it works with the console running, stopped or broken. What it cannot see: a writer
of both the database and the head who makes the whole chain anew. Against that, note the head somewhere else
(`AuditReport.end`) and hand it in as `noted`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from sealgate.console.audit.chain import START, Fields, Link, entry_hash, parse_link
from sealgate.console.audit.head import Head, head_path, read_head, write_head
from sealgate.console.config import ConsoleConfig

MOST_FINDINGS = 100
LOOKS = 3


class Fault(StrEnum):
    """What is wrong at a place of the chain."""

    CHANGED = "changed"  # the entry does not give its hash: edited, moved or forged
    MISSING = "missing"  # positions were left out
    CUT_OFF = "cut_off"  # the head knows entries that are not there any more
    NOT_OURS = "not_ours"  # entries after the head, which the console did not write
    REWRITTEN = "rewritten"  # the chain is whole in itself and is not the one that the head was written for
    NO_HEAD = "no_head"  # the head is gone or cannot be read
    NOT_AS_NOTED = "not_as_noted"  # the head that was noted elsewhere does not fit


class Finding(Struct, frozen=True):
    """One fault and its place."""

    fault: Fault
    position: int
    words: str


class AuditReport(Struct, frozen=True):
    """What a check found; `end` is worth noting on another machine."""

    entries: int
    end: Link
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """True if nothing is wrong."""
        return not self.findings

    def lines(self) -> tuple[str, ...]:
        """The report for people, one line each."""
        head = f"head {self.end.text()}"
        if self.sound:
            return (
                f"The record of changes is whole: {self.entries} entries.",
                head,
                "hint: note the head on another machine; a writer of both files could make both anew",
            )
        return (
            f"The record of changes is NOT whole: {len(self.findings)} findings in {self.entries} entries.",
            *(finding.words for finding in self.findings),
            head,
            "hint: find out who wrote console.db; restore it with console.audit-head from a backup",
        )


def check_audit(config: ConsoleConfig, noted: str = "") -> AuditReport:
    """Check the whole chain, its head, and a head `noted` earlier (`position:hash`), if one is given.

    Raises `ValueError` with a hint for a database without the chain and for a noted head of another form.
    """
    before = parse_link(noted) if noted else None
    return _check(config.database_path, before)


def accept_audit(config: ConsoleConfig) -> Link:
    """Take the chain as it ends now for the true one, after a restore that a person has looked at.

    Gives its end. The console must be stopped. Faults inside the chain stay; only the head is written anew.
    """
    end = _check(config.database_path, None).end
    write_head(head_path(config.database_path), Head(end))
    return end


def _check(database: Path, noted: Link | None) -> AuditReport:
    for _ in range(LOOKS):
        before = _head_of(database)
        report = _look_through(database, before, noted)
        if report.sound or _head_of(database) == before:
            break  # else the console wrote while we read
    return report


def _look_through(database: Path, head: Head | Finding | None, noted: Link | None) -> AuditReport:
    findings: list[Finding] = []
    entries, end, hashes = 0, START, dict[int, bytes]()
    known = head.now.position if isinstance(head, Head) else 0
    wanted = {known, noted.position if noted else 0}
    for fields, stored in _entries(database):
        if len(findings) < MOST_FINDINGS:
            findings += _look_at(fields, stored, end)
        entries, end = entries + 1, Link(fields.position, stored)
        if fields.position in wanted:
            hashes[fields.position] = stored
    findings += [head] if isinstance(head, Finding) else _at_the_end(head, end, hashes)
    if noted is not None and noted != START and hashes.get(noted.position) != noted.hash:
        words = f"The head that was noted for entry {noted.position} is not the one that is there now."
        findings.append(Finding(Fault.NOT_AS_NOTED, noted.position, words))
    return AuditReport(entries, end, tuple(findings))


def _look_at(fields: Fields, stored: bytes, before: Link) -> Iterator[Finding]:
    if fields.position != before.position + 1:
        words = f"Entries {before.position + 1} to {fields.position - 1} are missing."
        yield Finding(Fault.MISSING, before.position + 1, words)
    if entry_hash(before.hash, fields) != stored:
        words = f"Entry {fields.position} does not give its hash: it was edited, moved or forged."
        yield Finding(Fault.CHANGED, fields.position, words)


def _at_the_end(head: Head | None, end: Link, hashes: dict[int, bytes]) -> Iterator[Finding]:
    if head is None:
        if end != START:
            words = f"The head is missing, so nobody knows whether entries after {end.position} were cut off."
            yield Finding(Fault.NO_HEAD, end.position, words)
    elif head.fits(end):
        return
    elif end.position < head.now.position:
        words = f"The head knows {head.now.position} entries; those after {end.position} were cut off."
        yield Finding(Fault.CUT_OFF, end.position + 1, words)
    elif hashes.get(head.now.position) != head.now.hash:
        words = (
            f"Entry {head.now.position} is another than the head was written for: the chain was rewritten."
        )
        yield Finding(Fault.REWRITTEN, head.now.position, words)
    else:
        words = f"Entries {head.now.position + 1} to {end.position} were not written by the console."
        yield Finding(Fault.NOT_OURS, head.now.position + 1, words)


def _head_of(database: Path) -> Head | Finding | None:
    try:
        return read_head(head_path(database))
    except ValueError:
        return Finding(Fault.NO_HEAD, 0, "The head cannot be read: its file was damaged.")


_ENTRIES = """SELECT id, at, organization_id, application_id, user_id, what, detail, token_id, hash
    FROM audit ORDER BY id"""


def _entries(database: Path) -> Iterator[tuple[Fields, bytes]]:
    with _opened(database) as connection:
        for *values, stored in connection.execute(_ENTRIES):
            yield _fields(values), bytes(stored) if isinstance(stored, bytes) else b""


def _fields(values: list[object]) -> Fields:
    """The columns as they stand; one of another type (SQLite takes any) can only fail to give its hash."""
    position, at, organization, application, user, what, detail, token = values
    return Fields(
        position if isinstance(position, int) else 0,
        float(at) if isinstance(at, int | float) else -1.0,
        str(organization),
        None if application is None else str(application),
        None if user is None else str(user),
        str(what),
        str(detail),
        None if token is None else str(token),
    )


@contextlib.contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT hash, token_id FROM audit LIMIT 0")
            yield connection
    except sqlite3.DatabaseError as error:
        msg = f"{database} has no record of changes to check ({error}); hint: start the console once"
        raise ValueError(msg) from None
