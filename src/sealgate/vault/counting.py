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
from sqlalchemy import Table, func, select

from sealgate.vault.database import Query
from sealgate.vault.faults import StorageError
from sealgate.vault.rewrapping import WRAPPED, by_kek
from sealgate.vault.schema import CREDENTIALS, KEYRING, PEPPERS, ROOT, TICKETS, VERSIONS

_PATIENCE_S = 2.0
_KEPT: tuple[Table, ...] = (PEPPERS, KEYRING, CREDENTIALS, VERSIONS, TICKETS)
_BY_KEK = tuple(by_kek(table) for table in (ROOT, *(each.table for each in WRAPPED)))
_BY_STATE = Query(select(CREDENTIALS.c.state, func.count()).group_by(CREDENTIALS.c.state))
_ROWS = {str(table.name): Query(select(func.count()).select_from(table)) for table in _KEPT}


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
    for query in _BY_KEK:
        for version, number in database.execute(query.sql, query.values):
            by_kek[str(version)] = by_kek.get(str(version), 0) + int(number)
    states = database.execute(_BY_STATE.sql, _BY_STATE.values)
    return Counts(
        rows={
            name: int(database.execute(query.sql, query.values).fetchone()[0])
            for name, query in _ROWS.items()
        },
        by_kek=by_kek,
        credentials={str(state): int(number) for state, number in states},
    )
