"""How many rows there are of what: read over a connection of its own, so that it can run in a thread.

Counterpart: `observing`, which asks now and then. Counts say what the file says; nothing here is verified,
and nothing that is decided hangs on it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from sealgate.vault.faults import StorageError
from sealgate.vault.rewrapping import WRAPPED, rows_by_kek
from sealgate.vault.schema import CREDENTIALS, KEYRING, PEPPERS, ROOT, TICKETS, VERSIONS, Table

_PATIENCE_S = 2.0
_KEPT: tuple[Table, ...] = (PEPPERS, KEYRING, CREDENTIALS, VERSIONS, TICKETS)
_BY_STATE = "SELECT state, count(*) FROM credentials GROUP BY state"


class Counts(Struct, frozen=True):
    """Rows of vault.db."""

    rows: Mapping[str, int]
    """By table."""
    by_kek: Mapping[str, int]
    """Rows that name each KEK version."""
    credentials: Mapping[str, int]
    """By state."""


def count(path: Path) -> Counts:
    """Count everything; raises `StorageError`."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_PATIENCE_S)
        ) as database:
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            return _counted(database)
    except sqlite3.Error as error:
        raise StorageError(type(error).__name__) from error


def _counted(database: sqlite3.Connection) -> Counts:
    by_kek: dict[str, int] = {}
    for table in (ROOT, *(each.table for each in WRAPPED)):
        for version, number in database.execute(rows_by_kek(table)):
            by_kek[str(version)] = by_kek.get(str(version), 0) + int(number)
    states = database.execute(_BY_STATE)
    return Counts(
        rows={table.name: int(database.execute(table.count()).fetchone()[0]) for table in _KEPT},
        by_kek=by_kek,
        credentials={str(state): int(number) for state, number in states},
    )
