"""vault.db as SQLite's own driver gives it: literal SQL, and transactions that begin and end where we say.

Counterparts: `database`, which has the one connection of a vault, and `schema`, whose tables know their
statements. No layer stands between: a vault starts in half the time, and has that much less code beside
its keys.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

IN_MEMORY = ":memory:"
_HOLDS_FOR_EVER = (3, 12) <= sys.version_info < (3, 12, 7)
"""Interned text was never freed by these (cpython#113993): what was erased would be named in memory."""


class Connection(sqlite3.Connection):
    """One connection. Outside of BEGIN and COMMIT every statement stands by itself."""


def connect(path: Path | str) -> Connection:
    """Open a file, or a database in memory; raises `sqlite3.Error`."""
    connection: Connection = sqlite3.connect(path, isolation_level=None, factory=Connection)
    once = str if _HOLDS_FOR_EVER else sys.intern
    # Planted bytes that are no UTF-8 must fail their MAC, not the query. Held once, whoever names it.
    connection.text_factory = lambda raw: once(raw.decode("utf-8", "replace"))
    return connection
