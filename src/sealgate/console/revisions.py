"""Which form console.db has, which one this release knows, and how a new one is made at once in that form.

Counterparts: `database`, which migrates where they differ, and the doctor, which compares. Nothing in here
loads what works with the database: Alembic and its steps are a third of a first start.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
NEW = MIGRATIONS / "new.sql"
"""What the migrations give in an empty file, written by `make docs`; a test fails when they give another."""

_BESIDE = ("CREATE INDEX", "CREATE UNIQUE INDEX", "CREATE TRIGGER")


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


def make_new(path: Path) -> bool:
    """Give an empty file the newest form, whole or not at all; false where the migrations must see to it."""
    try:
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA busy_timeout=5000")
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            if database.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
                return False
            database.executescript(NEW.read_text())
    except sqlite3.Error:
        return False  # a full disk, or somebody who was faster
    return True


def statements(path: Path) -> str:
    """What makes a database as this one is, in one transaction, and in an order that migrations may lack."""
    with closing(sqlite3.connect(path)) as database:
        _begin, *body, commit = database.iterdump()
    beside = sorted(each for each in body if each.startswith(_BESIDE))
    tables = [_in_order(each) for each in body if each not in beside]
    return "\n".join(("BEGIN IMMEDIATE;", *tables, *beside, commit)) + "\n"


def _in_order(statement: str) -> str:
    """A table's constraints by their names."""
    if not statement.startswith("CREATE TABLE"):
        return statement
    head, *lines, end = statement.splitlines()
    parts = [line.strip().removesuffix(",") for line in lines]
    parts.sort(key=lambda part: part if part.startswith("CONSTRAINT") else "")
    return "\n".join((head, ",\n".join(f"\t{part}" for part in parts), end))
