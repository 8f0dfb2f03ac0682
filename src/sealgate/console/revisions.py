"""Which form console.db has, and which one this release knows, told without loading what works with it.

Counterparts: `database`, which migrates where they differ, and the doctor, which compares.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_revision() -> str:
    """The newest form that this release knows; a migration's file begins with its revision."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def found_revision(path: Path) -> str:
    """The form of a database; empty for one that is new, or for the migration to judge."""
    try:
        with closing(sqlite3.connect(path)) as database:
            return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return ""
