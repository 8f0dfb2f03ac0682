"""The check of every row's MAC and standing, in the background: a damaged row is known before it is needed.

Counterparts: `rowseal`, which makes the MACs, and `operator`, which tells the result. Small pieces, with
pauses between them: proxies come first. Each damaged row raises one alarm, and none again while it stays as
it is. Without this, damage to a row that nobody asks for would be found on the day that it is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence

from sealgate.log import Log
from sealgate.messages.checking import DamagedRow, RowsChecked, TableChecked
from sealgate.messages.tickets import CredentialState
from sealgate.vault.database import Database
from sealgate.vault.rowseal import Cell, RowSeal
from sealgate.vault.schema import (
    ADMINISTRATORS,
    APPROVALS,
    CREDENTIALS,
    PASSKEYS,
    PROPOSALS,
    VERSIONS,
    Table,
    sealed_tables,
)
from sealgate.vault.witness import Witness

PAGE_ROWS = 40
BETWEEN_S = 0.01
"""Pause between two pieces: each takes well under a millisecond."""
START_AFTER_S = 5.0
"""The first moments belong to proxies that come back."""
ROUND_EVERY_S = 6 * 3600.0
AGAIN_AFTER_S = 60.0
"""Pause after a disk that could not be read."""
SHOWN_LIMIT = 100
_REVISED = {
    CREDENTIALS.name: "credential",
    VERSIONS.name: "credential",
    ADMINISTRATORS.name: "administrator",
    PASSKEYS.name: "administrator",
    PROPOSALS.name: "proposal",
    APPROVALS.name: "proposal",
}
"""Tables whose rows carry the revision of their subject, and the column that names it."""
_CREDENTIAL = "SELECT credential FROM credentials WHERE credential = :credential"


class _Round:
    """What one round found."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.damaged: dict[tuple[str, Cell], DamagedRow] = {}
        """By table and row."""

    @property
    def seen(self) -> int:
        """Rows of every table."""
        return sum(self.rows.values())

    def tables(self) -> tuple[TableChecked, ...]:
        """The counts, by table."""
        damaged = [table for table, _ in self.damaged]
        return tuple(TableChecked(name, rows, damaged.count(name)) for name, rows in self.rows.items())


class Checking:
    """Checks round after round, and answers for the last one."""

    def __init__(
        self, database: Database, witness: Witness, seal: RowSeal, *, clock: Callable[[], float], log: Log
    ) -> None:
        self._database = database
        self._witness = witness
        self._seal = seal
        self._clock = clock
        self._log = log
        self._tables = _pages()
        self._last = _Round()
        self._under_way: _Round | None = None
        self._rounds = 0
        self._ended_at = 0.0
        self._awake = asyncio.Event()

    def answer(self, *, anew: bool) -> RowsChecked:
        """The last whole round, and how far the present one is; `anew` begins one now."""
        if anew:
            self._awake.set()
        damaged = tuple(self._last.damaged.values())
        return RowsChecked(
            round=self._rounds,
            ended_at=self._ended_at,
            tables=self._last.tables(),
            damaged=damaged[:SHOWN_LIMIT],
            under_way=0 if self._under_way is None else self._under_way.seen,
        )

    async def run(self) -> None:
        """Round after round, until cancelled."""
        await self._wait(START_AFTER_S)
        while True:
            pause_s = ROUND_EVERY_S
            try:
                for _piece in self.pieces():
                    await asyncio.sleep(BETWEEN_S)
            except OSError as error:
                self._log("database_failed", error=type(error).__name__, operation="check")
                pause_s = AGAIN_AFTER_S
            await self._wait(pause_s)

    async def _wait(self, pause_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._awake.wait()
        self._awake.clear()

    def pieces(self) -> Iterator[None]:
        """One round; yields after each small piece of work. Raises `StorageError`."""
        found = self._under_way = _Round()
        for table in self._tables:
            found.rows[table.name] = 0
            for rows in table.pages(self._database):
                for row in rows:
                    self._check(table, row, found)
                yield
        yield from self._missing(found)
        self._last, self._under_way = found, None
        self._rounds += 1
        self._ended_at = self._clock()
        self._log("rows_checked", rows=found.seen, damaged=len(found.damaged))

    def _check(self, table: _Page, row: Sequence[Cell], found: _Round) -> None:
        row_id, *values, mac = row
        found.rows[table.name] += 1
        sealed = self._seal.is_sealed(table.name, table.columns, values, mac)
        if not (sealed and self._stands(table.name, dict(zip(table.columns, values, strict=True)))):
            self._note(table.name, row_id, values[0], found)

    def _stands(self, table: str, row: dict[str, Cell]) -> bool:
        """True unless a sealed row is an old copy: what the anchor remembers says so."""
        subject = _REVISED.get(table)
        if subject is None:
            return True
        standing = self._witness.standing(str(row[subject]))
        if standing is None or standing.version != row["revision"]:
            return False
        return "state" not in row or standing.state == row["state"]

    def _missing(self, found: _Round) -> Iterator[None]:
        """Credentials that the anchor knows as active must be there."""
        active = [
            name
            for name, standing in self._witness.standings("cred_").items()
            if standing.state == CredentialState.ACTIVE
        ]
        for at in range(0, len(active), PAGE_ROWS):
            for name in active[at : at + PAGE_ROWS]:
                if self._is_gone(name):
                    self._note(CREDENTIALS.name, name, name, found)
            yield

    def _is_gone(self, credential: str) -> bool:
        standing = self._witness.standing(credential)
        is_active = standing is not None and standing.state == CredentialState.ACTIVE
        return is_active and self._database.row(_CREDENTIAL, {"credential": credential}) is None

    def _note(self, table: str, row: Cell, subject: Cell, found: _Round) -> None:
        known = self._last.damaged.get((table, row))
        if known is None:
            alarm = self._seal.alarm(table, subject)
            known = DamagedRow(table, alarm.subject)
        found.damaged[table, row] = known


class _Page:
    """Reads one table, some rows at a time, in the order in which they lie on disk."""

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.columns = table.columns[:-1]
        self._query = table.page()

    def pages(self, database: Database) -> Iterator[list[tuple[Cell, ...]]]:
        last: Cell = -1
        while rows := database.rows(self._query, {"after": last, "most": PAGE_ROWS}):
            last = rows[-1][0]
            yield rows


@functools.cache
def _pages() -> tuple[_Page, ...]:
    """Compiled once."""
    return tuple(_Page(table) for table in sealed_tables())


def unsealed(database: Database, seal: RowSeal) -> Iterator[DamagedRow]:
    """Every row of a stopped vault whose MAC is not the vault's, after its alarm."""
    for table in _pages():
        for rows in table.pages(database):
            for _row_id, *values, mac in rows:
                if not seal.is_sealed(table.name, table.columns, values, mac):
                    yield DamagedRow(table.name, seal.alarm(table.name, values[0]).subject)
