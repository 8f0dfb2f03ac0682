"""What was read is read anew as soon as anybody else writes vault.db, and nobody asks SQLite in vain."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.vault import wal_index
from sealgate.vault.connection import _HOLDS_FOR_EVER, connect
from sealgate.vault.database import Database
from sealgate.vault.faults import StorageError
from tests.vault.still import StillVault


def write(path: Path) -> None:
    """As somebody else."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 7")
        other.commit()


def own(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("PRAGMA user_version = 8")


def test_every_commit_of_somebody_else_is_noticed_and_none_of_our_own(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        database, path = vault.foundation.database, vault.config.data_dir / "vault.db"
        database.was_touched()
        for _ in range(3):
            assert not database.was_touched()
            own(database)
            assert not database.was_touched()
            write(path)
            assert database.was_touched()
            own(database)
            write(path)  # after ours, before we ask
            database.forget()
            assert database.was_touched()


def test_a_commit_is_noticed_also_where_sqlite_could_not_be_asked_the_first_time(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        database, path = vault.foundation.database, vault.config.data_dir / "vault.db"
        database.was_touched()
        write(path)
        database._driver.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        with pytest.raises(StorageError):
            database.was_touched()
        database._driver.set_authorizer(None)
        assert [database.was_touched(), database.was_touched()] == [True, False]


def test_sqlite_is_asked_only_after_a_commit(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        index = vault.foundation.database._index
        index.is_as_seen()
        assert index.is_as_seen()
        own(vault.foundation.database)
        assert [index.is_as_seen(), index.is_as_seen()] == [False, True]


@pytest.mark.parametrize("broken", ["missing", "too small"])
def test_without_the_file_sqlite_is_asked_each_time(tmp_path: Path, broken: str) -> None:
    if broken == "too small":
        (tmp_path / "x-shm").write_bytes(b"abc")
    index = wal_index.WalIndex(tmp_path / "x")
    assert [index.is_as_seen(), index.is_as_seen()] == [False, False]
    index.close()


INTRUDER = """
import fcntl, sys
with open(sys.argv[1], "rb+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
"""
"""What a process does that finds nobody else at work: it may empty the file then (SQLite's `os_unix.c`)."""


def test_the_locks_of_the_database_stay_as_they_were(tmp_path: Path) -> None:
    """Closing any descriptor of the file would take them away."""
    with StillVault(tmp_path) as vault:
        vault.foundation.database.was_touched()
        argv = [sys.executable, "-c", INTRUDER, str(vault.config.data_dir / "vault.db-shm")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "BlockingIOError" in done.stderr


def test_text_that_nobody_names_any_more_is_not_in_memory_either(tmp_path: Path) -> None:
    """Held once while somebody has it: what was erased is not named for ever by a table of interned text."""
    with contextlib.closing(connect(tmp_path / "x.db")) as database:
        rows = [row for _ in range(2) for row in database.execute("SELECT 'once ' || ?", (tmp_path.name,))]
        assert rows[0][0] is rows[1][0] or _HOLDS_FOR_EVER
        rows.clear()
    anew = " ".join(("once", tmp_path.name))
    assert sys.intern(anew) is anew
