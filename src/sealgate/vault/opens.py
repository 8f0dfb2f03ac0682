"""How often and when each credential was last opened: counted in memory, written now and then.

Counterpart: `opener`, which counts. Writing on each open would cost a disk flush per request, so a crash
may lose the last `FLUSH_EVERY_S` seconds of counts, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import OPENS

FLUSH_EVERY_S = 30.0
AT_ONCE = 50
"""Credentials in one transaction: some milliseconds."""
_BY_CREDENTIAL = OPENS.select("WHERE credential = :credential")
_PUT = OPENS.put("count", "last_opened_at", "mac")


class OpensRecord(Struct, frozen=True):
    """Opens of one credential since it was made."""

    credential: str
    count: int
    last_opened_at: float


class Opens:
    """Counts opens."""

    def __init__(self, database: Database, seal: RowSeal) -> None:
        self._database = database
        self._rows = SealedTable(OPENS, OpensRecord, seal)
        self._pending: dict[str, tuple[int, float]] = {}

    def note(self, credential: str, now_s: float) -> None:
        """One more open."""
        count, _ = self._pending.get(credential, (0, 0.0))
        self._pending[credential] = (count + 1, now_s)

    def of(self, credential: str) -> OpensRecord:
        """Count and time, written or not; a damaged row raises an alarm and counts as none."""
        stored = self._stored(credential)
        count, last = self._pending.get(credential, (0, 0.0))
        return OpensRecord(credential, stored.count + count, max(stored.last_opened_at, last))

    def drop(self, credential: str) -> None:
        """Forget what was counted and not written yet, of a credential that is no more."""
        self._pending.pop(credential, None)

    def flush(self) -> None:
        """Write everything that was counted; raises `StorageError`."""
        for _piece in self.pieces():
            pass

    def pieces(self) -> Iterator[None]:
        """The same, yielding after each small transaction."""
        credentials = tuple(self._pending)
        for start in range(0, len(credentials), AT_ONCE):
            self._write(credentials[start : start + AT_ONCE])
            yield

    def _write(self, credentials: Iterable[str]) -> None:
        # What was dropped meanwhile is gone, and what was opened again meanwhile is in here.
        records = [self.of(credential) for credential in credentials if credential in self._pending]
        if not records:
            return
        with self._database.transaction() as connection:
            connection.executemany(_PUT, [self._rows.row(record) for record in records])
        for record in records:
            del self._pending[record.credential]

    def _stored(self, credential: str) -> OpensRecord:
        row = self._database.row(_BY_CREDENTIAL, {"credential": credential})
        try:
            return OpensRecord(credential, 0, 0.0) if row is None else self._rows.read(row)
        except AlarmError:
            return OpensRecord(credential, 0, 0.0)
