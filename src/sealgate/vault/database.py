"""vault.db: one SQLite file, one connection, used from the event loop's thread alone.

Counterparts: `schema`, `migrations`. The file is for its owner only; deleted bytes are overwritten, in the
write-ahead log too (`forget`). Whatever SQLite raises while working becomes a `StorageError` here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sealgate.vault.connection import IN_MEMORY, Connection, connect
from sealgate.vault.faults import StartError, StorageError
from sealgate.vault.kek_file import sync_folder
from sealgate.vault.migrations import STEPS, Proof, found_version, make_schema, schema_objects, upgrade
from sealgate.vault.rowseal import Cell
from sealgate.vault.wal_index import WalIndex

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # a revocation that was confirmed survives a power cut
    "secure_delete = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "temp_store = MEMORY",
    "cache_size = -16384",  # KiB: the indexes of a hundred thousand credentials
    "busy_timeout = 2000",
)
_NOTHING: Mapping[str, Cell] = {}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Database:
    """The open file. Reads see what is committed, or the caller's own open transaction."""

    def __init__(self, path: Path) -> None:
        _lay_out(path)
        try:
            self._driver = connect(path)
            self._others_version: Cell = None
            self.empty = self._set_up()
            self._index = WalIndex(path)
        except sqlite3.Error as error:
            raise StartError(
                "database_unreadable", f"{path} is no vault database", "restore vault.db"
            ) from error

    def _set_up(self) -> bool:
        """True for a file that declares nothing yet."""
        try:
            for pragma in _PRAGMAS:
                self._driver.execute(f"PRAGMA {pragma}")
            return not schema_objects(self._driver)
        except BaseException:
            self._driver.close()
            raise

    @contextmanager
    def founding(self) -> Iterator[Connection]:
        """The transaction that makes a new database: schema and first rows, or nothing."""
        with self.transaction() as connection:
            make_schema(connection)
            yield connection

    def inspect(self, *, newest: bool = False) -> None:
        """Refuse a file that declares anything but our tables: a planted trigger could undo a revocation."""
        try:
            version = found_version(self._driver)
            if newest and version < len(STEPS):
                raise StartError(
                    "schema_older", f"vault.db has schema {version}", "start the vault once: that upgrades it"
                )
            known = schema_objects(self._driver) == _expected_objects(version)
        except sqlite3.Error as error:
            raise StartError("schema_altered", "vault.db cannot be read", "restore vault.db") from error
        if not known:
            raise StartError(
                "schema_altered", "vault.db declares tables or triggers that are not ours", "restore it"
            )

    def upgrade(self, proof: Proof) -> None:
        """Bring an inspected file up to date, whole or not at all; what rows it has are carried over."""
        try:
            with self.transaction() as connection:
                upgrade(connection, proof)
            self.forget()
        except StorageError as error:
            raise StartError(
                "upgrade_failed", "vault.db does not migrate", "look for space on its disk, then start again"
            ) from error
        self.inspect()

    def rows(self, query: str, values: Mapping[str, Cell] = _NOTHING) -> list[tuple[Cell, ...]]:
        """Every row of a query."""
        try:
            return list(self._driver.execute(query, values))
        except sqlite3.Error as error:
            raise StorageError(type(error).__name__) from error

    def row(self, query: str, values: Mapping[str, Cell] = _NOTHING) -> tuple[Cell, ...] | None:
        """The first row of a query."""
        rows = self.rows(query, values)
        return rows[0] if rows else None

    def was_touched(self) -> bool:
        """True if anybody else wrote the file since this was asked before; our own changes do not count."""
        if self._index.is_as_seen():
            return False
        try:
            ((version,),) = self._driver.execute("PRAGMA data_version")
        except sqlite3.Error as error:
            self._index.forget()
            raise StorageError(type(error).__name__) from error
        touched = bool(version != self._others_version)
        self._others_version = version
        return touched

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing: commits at the end, rolls back on any exception. Not to be nested."""
        try:
            self._driver.execute("BEGIN IMMEDIATE")
            yield self._driver
            self._driver.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise StorageError(type(error).__name__) from error
        except BaseException:
            self._roll_back()
            raise

    def forget(self) -> None:
        """Empty the write-ahead log, so that what was overwritten is gone from every file."""
        try:
            self._driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise StorageError(type(error).__name__) from error

    def forget_surely(self) -> None:
        """The same; raises `StorageError` where somebody who reads the file (a backup) keeps the log."""
        try:
            busy, *_ = self._driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise StorageError(type(error).__name__) from error
        if busy:
            raise StorageError("the write-ahead log is being read")

    def close(self) -> None:
        """Checkpoint and close."""
        self._driver.close()
        self._index.close()

    def _roll_back(self) -> None:
        # A failed COMMIT (disk full) may have ended the transaction by itself.
        if self._driver.in_transaction:
            self._driver.rollback()


@functools.cache
def _expected_objects(version: int) -> frozenset[tuple[str, ...]]:
    with contextlib.closing(connect(IN_MEMORY)) as connection:
        make_schema(connection, version)
        return schema_objects(connection)


def _lay_out(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        sync_folder(path.parent)
    except FileExistsError:
        check_private(path)


def check_private(path: Path) -> None:
    """Refuse a file of the vault's that others could read or write; raises `StartError`."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise StartError(
            "file_unsafe", f"{path} has mode {mode:04o} or is no regular file", f"chmod 0600 {path}"
        )
