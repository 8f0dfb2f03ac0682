"""The table `keks`: every KEK version that this vault ever wrapped with, and which is current.

Counterparts: `kek_ring` holds the keys, `witness` remembers the table as a whole: a row put back from an old
copy is noticed at start. Nothing in here can open anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from msgspec import Struct, structs

from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError, StartError
from sealgate.vault.kek import bind
from sealgate.vault.kek_folder import KekEntry
from sealgate.vault.kek_ring import KekRing
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import KEKS
from sealgate.vault.witness import Witness

SUBJECT = "keks"
"""What the anchor calls the table; its state there is the table's digest."""
CURRENT, LIVE, DESTROYING, DESTROYED = "current", "live", "destroying", "destroyed"

_EVERY = KEKS.select("ORDER BY rowid")  # as they were written: in the order of their making


class KekRecord(Struct, frozen=True):
    """One version. `destroyed_at` (Unix seconds) is when its destruction is final: KMS waits days."""

    version: str
    description: str
    """`KekDescription` as JSON."""
    state: str
    made_at: float
    destroyed_at: float | None

    @property
    def provider(self) -> str:
        """Who keeps it, `file` and the like: the version's name without its number."""
        return self.version.rpartition("-")[0]


class Keks:
    """Reads and writes the table, and keeps the ring's current version in step with it."""

    def __init__(self, database: Database, witness: Witness, seal: RowSeal, ring: KekRing) -> None:
        self._database = database
        self._witness = witness
        self._rows = SealedTable(KEKS, KekRecord, seal)
        self._ring = ring

    def adopt(self, root_version: str, now_s: float) -> None:
        """At start: note the very first version, or check the table; raises `StartError`."""
        standing = self._witness.standing(SUBJECT)
        if standing is None and not self._database.rows(_EVERY):
            self.add_current(self._ring.entries[root_version], now_s)
        else:
            self.take_up()
            self._remember_destroyed()

    def take_up(self) -> None:
        """Check the table against what was witnessed; raises `StartError`."""
        standing = self._witness.standing(SUBJECT)
        try:
            records = self.records()
        except AlarmError:
            records = ()
        if standing is None or standing.state != digest(records):
            raise StartError("keks_damaged", "the table keks of vault.db was altered", "restore vault.db")
        current = next(each.version for each in records if each.state == CURRENT)
        self._ring.use(current)

    def _remember_destroyed(self) -> None:
        """Have the anchor name each version that is destroyed: an older vault.db does not know of it."""
        for record in self.records():
            if record.state == DESTROYED and self._witness.standing(destroyed_name(record.version)) is None:
                with self._witness.change(destroyed_name(record.version), 1, DESTROYED):
                    pass

    def check_files(self, used: Iterable[str]) -> None:
        """Refuse to start without a version that is current, or that rows are still wrapped by."""
        living = (each.version for each in self.records() if each.state in {CURRENT, LIVE})
        for version in {self._ring.version, *(set(used) & set(living))} - self._ring.entries.keys():
            raise StartError(
                "kek_missing", f"the file of the KEK {version} is missing", "put it back from its backup"
            )

    def records(self) -> tuple[KekRecord, ...]:
        """Every version, oldest first; raises `AlarmError`."""
        return tuple(self._rows.read(row) for row in self._database.rows(_EVERY))

    def record(self, version: str) -> KekRecord | None:
        """One version; None if this vault never had it."""
        return next((each for each in self.records() if each.version == version), None)

    def add_current(self, entry: KekEntry, now_s: float) -> None:
        """A new version, current from now on; the one before stays live."""
        before = tuple(_as(each, LIVE) if each.state == CURRENT else each for each in self.records())
        made = KekRecord(entry.version, entry.description.text(), CURRENT, now_s, None)
        self._write((*before, made))
        self._ring.use(entry.version)

    def mark(self, version: str, state: str, destroyed_at: float | None = None) -> None:
        """Change one version's state."""
        self._write(
            tuple(
                _as(each, state, destroyed_at) if each.version == version else each for each in self.records()
            )
        )
        self._remember_destroyed()

    def _write(self, records: tuple[KekRecord, ...]) -> None:
        standing = self._witness.standing(SUBJECT)
        number = 1 if standing is None else standing.version + 1
        with self._witness.change(SUBJECT, number, digest(records)) as connection:
            self._replace(connection, records)

    def _replace(self, connection: Connection, records: tuple[KekRecord, ...]) -> None:
        connection.execute(KEKS.delete())
        connection.executemany(KEKS.insert, map(self._rows.row, records))


def made_whole(
    found: tuple[KekRecord, ...], root_version: str, entries: Iterable[KekEntry]
) -> tuple[KekRecord, ...]:
    """The table for the restore ceremony, some of whose rows are lost, or not made yet in an older vault.db.

    `entries` are what has a file here: a backup of any history may be wrapped by it, so it lives until it is
    destroyed. When it was made nobody can say: at the beginning, lest a receipt of an erasure take it for one
    that came later. Exactly one is current; if that was lost, it is the root's.
    """
    known = {each.version for each in found}
    lost = (each for each in entries if each.version not in known)
    every = (*found, *(KekRecord(each.version, each.description.text(), LIVE, 0.0, None) for each in lost))
    current = [each.version for each in every if each.state == CURRENT]
    chosen = current[0] if len(current) == 1 else root_version
    living = {CURRENT, LIVE}
    return tuple(
        _as(each, CURRENT if each.version == chosen else LIVE) if each.state in living else each
        for each in every
    )


def destroyed_name(version: str) -> str:
    """What the anchor calls a version that is destroyed, beside the table as a whole."""
    return f"kek:{version}"


def _as(record: KekRecord, state: str, destroyed_at: float | None = None) -> KekRecord:
    return structs.replace(record, state=state, destroyed_at=destroyed_at)


def digest(records: tuple[KekRecord, ...]) -> str:
    """The table in 32 hexadecimal characters, a word of the anchor."""
    rows = (
        f"{each.version} {each.state} {each.made_at} {each.destroyed_at}"
        for each in sorted(records, key=lambda each: each.version)
    )
    return hashlib.sha256(bind("sealgate keks v1", *rows)).hexdigest()[:32]
