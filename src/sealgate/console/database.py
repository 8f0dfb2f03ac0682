"""The console's database: one SQLite file of mode 0600, its transactions, and its migrations.

Counterpart: `migrations`. Parameters never reach an exception's text (`hide_parameters`), since they are
people's names and addresses.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool

from sealgate.console.audit.head import HeadOfTransaction, head_path
from sealgate.console.revisions import MIGRATIONS, found_revision, make_new, newest_revision

HEAD_OF_AUDIT = "head of audit"
"""Where a write transaction's session carries the head of the record of changes (`audit.head`)."""

_PRAGMAS = (
    "PRAGMA busy_timeout=5000",  # first: the next one may have to wait
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # usage is acknowledged to proxies, which then forget it
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
)


class Base(DeclarativeBase):
    """Base of every table of the console."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """Transactions on the console's database: `reading()` and `writing()`.

    `after_write` is called after every committed write, `audit_broken` when a write found that the record of
    changes does not end where its head says.
    """

    def __init__(
        self,
        path: Path,
        after_write: Callable[[], None] = lambda: None,
        audit_broken: Callable[[], None] = lambda: None,
    ) -> None:
        make_private(path)
        self._head_path = head_path(path)
        self._audit_broken = audit_broken
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{path}", hide_parameters=True)
        event.listen(self._engine.sync_engine, "connect", _prepare)
        event.listen(self._engine.sync_engine, "begin", _begin)
        self._writes = self._engine.execution_options(console_writes=True)
        self._after_write = after_write

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One consistent view; nothing is kept of what is changed in it."""
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the end and rolled back by any exception."""
        head = HeadOfTransaction(self._head_path)
        info = {HEAD_OF_AUDIT: head}
        async with AsyncSession(self._writes, expire_on_commit=False, info=info) as session, session.begin():
            yield session
        if head.moved:
            await asyncio.to_thread(head.settle)
        elif head.broken:
            self._audit_broken()
        self._after_write()

    async def empty_log(self) -> None:
        """Take what was written into the file and empty the write-ahead log, so that it holds no old pages.

        A reader that is at work now delays it to the next time.
        """
        async with self._engine.connect() as connection:
            outside = await connection.execution_options(console_outside=True)
            await outside.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def migrate(path: Path, revision: str = "head") -> str:
    """Bring the database at `path` to the newest form, making it if needed; gives the revision.

    Raises `ValueError` with a hint for one of a newer release, `OSError` for a full disk or a broken file.
    Most starts find the newest form or an empty file and never load Alembic: a third of a start, and a tenth
    of its memory.
    """
    make_private(path)
    found, newest = found_revision(path), newest_revision()
    if revision == "head" and found >= newest:
        if found > newest:
            msg = f"{path} has form {found}, this release knows {newest}"
            raise ValueError(f"{msg}. hint: run the newer release, or restore the backup made before it")
        return found
    if revision == "head" and not found and make_new(path):
        return newest
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True, poolclass=NullPool)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.execution_options(console_writes=True).begin() as connection:
            config.attributes["connection"] = connection
            import_module("alembic.command").upgrade(config, revision)
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
    except DatabaseError as error:
        raise OSError(f"{path}: {error.orig}") from error
    finally:
        engine.dispose()


def make_private(path: Path) -> None:
    """Make the file and its folder readable by their owner alone; WAL files inherit the file's mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: a reader that turns writer in the middle would fail as busy.
    if connection.get_execution_options().get("console_outside", False):
        return  # what cannot be done inside a transaction
    writes = connection.get_execution_options().get("console_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
