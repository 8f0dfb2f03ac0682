"""What the vault remembers of erasures: the order, how far it came, and hashes of the envelopes destroyed.

Counterparts: `erasures`, which writes them, and `finality`, which reads them. Nothing in here opens anything.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import ERASED_VERSIONS, ERASURES

UNKNOWN = b"unknown"
"""A sealing key's id in a row of version 0: there was a key, and no sound row says what it was sealed to."""

_EVERY = ERASURES.select("ORDER BY rowid DESC")
_EVERY_VERSION = ERASED_VERSIONS.select()
_OF_RECEIPT = ERASED_VERSIONS.select("WHERE receipt = :receipt ORDER BY credential, version")
_BY_CREDENTIAL = ERASED_VERSIONS.select("WHERE credential = :credential")
_VERSIONS_OF = "SELECT version, key_id, envelope FROM versions WHERE credential = :credential"


class ErasureRecord(Struct, frozen=True):
    """One erasure. Times are Unix seconds."""

    receipt: str
    kind: str
    subject: str
    organization: str
    application: str
    began_at: float
    erased_at: float | None
    final_by: float
    sealing_keys_gone_at: float | None
    """Since when the vault holds no private key that what was erased was sealed to."""
    noted: int
    """Once it is erased: how many rows say what was destroyed, so that none can be taken away."""


class ErasedVersionRecord(Struct, frozen=True):
    """One version that was destroyed. A credential without any has a row of version 0."""

    receipt: str
    credential: str
    version: int
    key_id: bytes
    envelope_hash: str
    """SHA-256, hexadecimal; empty where there was no envelope any more."""


class ErasureRecords:
    """Reads and writes them."""

    def __init__(self, database: Database, seal: RowSeal) -> None:
        self._database = database
        self._rows = SealedTable(ERASURES, ErasureRecord, seal)
        self._versions = SealedTable(ERASED_VERSIONS, ErasedVersionRecord, seal)

    def every(self) -> tuple[ErasureRecord, ...]:
        """The newest first; raises `AlarmError`."""
        return tuple(self._rows.read(row) for row in self._database.rows(_EVERY))

    def sound(self) -> Iterator[ErasureRecord]:
        """The newest first, without those that were edited: they must not stop the others."""
        for row in self._database.rows(_EVERY):
            with contextlib.suppress(AlarmError):
                yield self._rows.read(row)

    def of_erasure(self, record: ErasureRecord) -> tuple[ErasedVersionRecord, ...]:
        """What it destroyed, by credential and version; raises `AlarmError`."""
        rows = self._database.rows(_OF_RECEIPT, {"receipt": record.receipt})
        found = tuple(self._versions.read(row) for row in rows)
        if record.erased_at is not None and len(found) != record.noted:
            raise self._versions.seal.alarm("erased_versions", record.receipt)
        return found

    def check_whole(self, subjects: Iterable[str]) -> None:
        """Raise `AlarmError` if one of these ids was erased and no record says so: somebody removed it."""
        records = self.every()
        told = {each.subject for each in records}
        receipts = {each.receipt for each in records}
        versions = (self._versions.read(row) for row in self._database.rows(_EVERY_VERSION))
        told.update(each.credential for each in versions if each.receipt in receipts)
        for subject in subjects:
            if subject not in told:
                raise self._rows.seal.alarm("erasures", subject)

    def of_subject(self, subject: str) -> ErasureRecord | None:
        """The erasure of this id, by itself or with what it belonged to."""
        rows = self._database.rows(_BY_CREDENTIAL, {"credential": subject})
        receipts = {self._versions.read(row).receipt for row in rows}
        return next(
            (each for each in self.sound() if each.subject == subject or each.receipt in receipts), None
        )

    def add(self, connection: Connection, record: ErasureRecord) -> None:
        """Note an erasure, inside the change that begins it."""
        connection.execute(ERASURES.insert, self._rows.row(record))

    def put(self, record: ErasureRecord) -> None:
        """Note how far an erasure came."""
        with self._database.transaction() as connection:
            connection.execute(ERASURES.update("WHERE receipt = :receipt"), self._rows.row(record))

    def note(
        self,
        connection: Connection,
        receipt: str,
        credentials: Sequence[str],
        unsure: frozenset[str] = frozenset(),
    ) -> None:
        """Note every version of credentials that are about to be destroyed, sound or not.

        `unsure`: those whose rows do not say what every version was sealed to.
        """
        noted = [
            ErasedVersionRecord(receipt, each, _number(version), _raw(key_id), _digest(envelope))
            for each in dict.fromkeys(credentials)
            for version, key_id, envelope in connection.execute(_VERSIONS_OF, {"credential": each})
        ]
        bare = set(credentials) - {each.credential for each in noted} - unsure
        noted += [ErasedVersionRecord(receipt, credential, 0, b"", "") for credential in bare]
        noted += [
            ErasedVersionRecord(receipt, each, 0, UNKNOWN, "") for each in credentials if each in unsure
        ]
        connection.executemany(ERASED_VERSIONS.replace, map(self._versions.row, noted))


# What is noted may be of rows that somebody edited, into whatever a column of SQLite holds.


def _number(value: Cell) -> int:
    return value if isinstance(value, int) else 0


def _raw(value: Cell) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _digest(envelope: Cell) -> str:
    return "" if envelope is None else hashlib.sha256(_raw(envelope)).hexdigest()
