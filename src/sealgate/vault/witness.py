"""Every change of a credential is witnessed twice: in vault.db's mark, and in the anchor file outside it.

Counterpart: `anchor`. The database commits first, the anchor follows; after a crash between the two, the
database is one transaction ahead and the anchor catches up. Any other difference means that one of the files
is an old copy: the vault does not start. What is counted is changes, not versions: going back to an earlier
version is a change like any other, and a copy from before it is old all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct

from sealgate.log import Log
from sealgate.messages.tickets import CredentialState
from sealgate.vault.anchor import Anchor, Entry, Standing
from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError, RolledBackError, StartError
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import MARK

_EVERY_MARK = MARK.select()

MADE = "made"
"""State of the very first entry, whose subject is the instance."""
ERASING, ERASED = "erasing", "erased"
"""States of what was erased, or is being erased: nothing under such an id opens or comes in again."""

_GONE = frozenset({ERASING, ERASED})
_ENDS = frozenset({CredentialState.REVOKED.value, ERASING, ERASED})
"""What may be done to a vault that is known to be an old copy: it takes, and gives nothing back."""


class MarkRecord(Struct, frozen=True):
    """The one row of `mark`: the last change, or all those of the last transaction."""

    id: int
    number: int
    subject: str
    """Of several changes: each subject and its version, as words. No subject has a space in it."""
    version: int
    state: str

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The changes that it names, the oldest first."""
        words = self.subject.split(" ")
        if len(words) == 1:
            return (Entry(self.number, self.subject, self.version, self.state),)
        first = self.number - len(words) // 2 + 1
        named = zip(words[::2], words[1::2], strict=True)
        return tuple(
            Entry(first + at, name, int(version), self.state) for at, (name, version) in enumerate(named)
        )


class Witness:
    """Keeps mark and anchor in step, and tells how far a subject has come."""

    def __init__(self, database: Database, seal: RowSeal, anchor: Anchor, log: Log) -> None:
        self._database = database
        self._seal = seal
        self._marks = SealedTable(MARK, MarkRecord, seal)
        self._anchor = anchor
        self._log = log
        self._pending: Sequence[Entry] = ()
        """Changes of the last transaction, while the anchor does not have them."""
        self._number = 0
        self.is_halted = False
        """True once it is known that vault.db and anchor are old copies both: then only what ends may be."""

    @staticmethod
    def begin(connection: Connection, seal: RowSeal, instance: str) -> None:
        """Write the first mark of a new database, inside the caller's transaction."""
        marks = SealedTable(MARK, MarkRecord, seal)
        connection.execute(MARK.insert, marks.row(MarkRecord(1, 0, instance, 1, MADE)))

    def reconcile(self) -> None:
        """Compare database and anchor at start; raises `StartError` if either was rolled back or edited."""
        mark = read_mark(self._database, self._seal)
        entries, last = mark.entries, self._anchor.last
        witnessed = -1 if last is None else last.number
        if witnessed != entries[0].number - 1 and last not in entries:
            self._log("alarm_rollback", witnessed=witnessed, found=mark.number)
            raise StartError(
                "rolled_back",
                f"vault.db stands at change {mark.number}, its anchor at {witnessed}: one is an old copy",
                "put back the newest vault.db and anchor; if they are lost, sealgate vault restore explains"
                " what is",
            )
        self._anchor.append(*(each for each in entries if each.number > witnessed))
        self._number = mark.number

    def standing(self, subject: str) -> Standing | None:
        """How far a credential or organization has come; None if it was never seen."""
        if self._pending:
            for entry in self._pending:
                if entry.subject == subject:
                    return Standing(entry.version, entry.state)
        return self._anchor.standings.get(subject)

    @property
    def is_behind(self) -> bool:
        """True while the anchor could not be written: the next change must wait for it."""
        return bool(self._pending)

    def standings(self, prefix: str) -> Mapping[str, Standing]:
        """Every subject whose id begins like this, with how far it has come."""
        found = {name: each for name, each in self._anchor.standings.items() if name.startswith(prefix)}
        for entry in self._pending:
            if entry.subject.startswith(prefix):
                found[entry.subject] = Standing(entry.version, entry.state)
        return found

    def stands(self, subject: str, version: int, state: str) -> bool:
        """True if this is how far the subject has come."""
        found = self.standing(subject)
        return found is not None and found.version == version and found.state == state

    def is_erased(self, subject: str) -> bool:
        """True for a subject that is erased, or is being erased."""
        standing = self.standing(subject)
        return standing is not None and standing.state in _GONE

    def erased(self) -> tuple[str, ...]:
        """Every subject that is erased, or is being erased."""
        pending = {entry.subject: entry.state for entry in self._pending}
        return tuple(
            subject
            for subject, standing in self._anchor.standings.items()
            if pending.get(subject, standing.state) in _GONE
        )

    def tip(self) -> tuple[int, str]:
        """The last change that is on the disk twice, and its tag."""
        last = self._anchor.last
        assert last is not None, "reconciled at start"
        return last.number, self._anchor.tags[last.number]

    def is_past(self, number: int, tag: str) -> bool:
        """True for a change of this history, as far as it is remembered; false for a later or another one."""
        return number <= self.tip()[0] and self._anchor.tags.get(number, tag) == tag

    @contextmanager
    def change(self, subject: str, version: int, state: str) -> Iterator[Connection]:
        """A transaction that leaves `subject` at this version and state, witnessed once it is committed."""
        with self.changes({subject: version}, state) as connection:
            yield connection

    @contextmanager
    def changes(self, versions: Mapping[str, int], state: str) -> Iterator[Connection]:
        """The same for several subjects that come to one state together, each at a version of its own."""
        if self.is_halted and state not in _ENDS:
            raise RolledBackError("vault.db and its anchor are old copies")
        self._catch_up()
        for subject, version in versions.items():
            self._check_grows(subject, version)
        entries = [
            Entry(number, subject, version, state)
            for number, (subject, version) in enumerate(versions.items(), self._number + 1)
        ]
        with self._database.transaction() as connection:
            yield connection
            connection.execute(MARK.update(), self._marks.row(_mark_of(entries)))
        self._number = entries[-1].number
        self._pending = entries
        self._witness_pending()

    def _check_grows(self, subject: str, version: int) -> None:
        before = self.standing(subject)
        if before is not None and version <= before.version:
            msg = f"{subject} stands at {before.version}; a standing only grows"
            raise ValueError(msg)
        if before is not None and before.state == ERASED:
            msg = f"{subject} is erased"
            raise ValueError(msg)

    async def shorten(self) -> None:
        """Have a long anchor begin with a summary, while the vault works; raises `OSError` (disk full)."""
        if self._anchor.is_long:
            shortened = self._anchor.shortened()
            await asyncio.to_thread(shortened.write)
            self._anchor.adopt(shortened)
            self._log("anchor_shortened", number=self._number)

    def _catch_up(self) -> None:
        """Refuse a second change while the first is not witnessed: two behind would look like a rollback."""
        if self._pending and not self._witness_pending():
            raise OSError("the anchor cannot be written")

    def _witness_pending(self) -> bool:
        try:
            self._anchor.append(*self._pending)
        except OSError:
            self._log("witness_behind", number=self._number)
            return False
        self._pending = ()
        return True


def read_mark(database: Database, seal: RowSeal) -> MarkRecord:
    """The last change that vault.db knows; raises `StartError`."""
    marks = SealedTable(MARK, MarkRecord, seal)
    rows = database.rows(_EVERY_MARK)
    try:
        if len(rows) != 1:
            raise seal.alarm("mark", None)
        return marks.read(rows[0])
    except AlarmError as error:
        raise StartError(
            "mark_damaged", "the mark in vault.db does not verify", "restore vault.db"
        ) from error


def write_mark(connection: Connection, seal: RowSeal, entry: Entry) -> None:
    """Let vault.db stand at a change, inside the caller's transaction; only a ceremony does so by itself."""
    connection.execute(MARK.update(), SealedTable(MARK, MarkRecord, seal).row(_mark_of([entry])))


def _mark_of(entries: Sequence[Entry]) -> MarkRecord:
    last = entries[-1]
    named = (
        last.subject if len(entries) == 1 else " ".join(f"{each.subject} {each.version}" for each in entries)
    )
    return MarkRecord(1, last.number, named, last.version, last.state)
