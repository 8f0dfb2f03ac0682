"""Writes into vault.db what its own schema forbids, as who owns the file may: for tests of altered rows."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Edit = Callable[[sqlite3.Connection], object]


def rewrite(database: Path, edit: Edit) -> bool:
    """Edit vault.db as its owner may: past every type and NOT NULL, leaving the schema as it was found.

    False if an index of ours allows no such row.
    """
    changed = False
    with closing(sqlite3.connect(database)) as connection:
        declared = connection.execute("SELECT rowid, sql FROM sqlite_schema").fetchall()
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        _declare(
            connection,
            version + 1,
            [(rowid, sql and sql.replace("STRICT", "").replace("NOT NULL", "")) for rowid, sql in declared],
        )
    with closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.IntegrityError):
        connection.execute("PRAGMA ignore_check_constraints = ON")
        with connection:
            edit(connection)
        changed = True
    with closing(sqlite3.connect(database)) as connection:
        _declare(connection, version + 2, declared)
    return changed


def _declare(connection: sqlite3.Connection, version: int, declared: list[tuple[int, str | None]]) -> None:
    connection.execute("PRAGMA writable_schema = ON")
    with connection:
        connection.executemany(
            "UPDATE sqlite_schema SET sql = ?2 WHERE rowid = ?1 AND sql IS NOT ?2", declared
        )
    connection.execute(f"PRAGMA schema_version = {version}")
