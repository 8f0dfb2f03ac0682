"""Wraps anew, under the current KEK, whatever an earlier version wrapped: while the vault works, bit by bit.

Counterparts: `kek_changes`, which starts it, and every module whose rows hold a wrapped data key: `WRAPPED`.
A row changes its wrap and its version together, in one transaction, so at any moment it opens under the
version that it names. It can stop anywhere and begin anew; rows that do not verify are left as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

from sealgate.log import Log
from sealgate.vault.database import Database
from sealgate.vault.datakey import wipe
from sealgate.vault.faults import AlarmError
from sealgate.vault.kek import KekError
from sealgate.vault.kek_ring import KekRing
from sealgate.vault.keyring import KeyringRecord, private_context
from sealgate.vault.peppers import PepperRecord, pepper_context
from sealgate.vault.receipt_key import ReceiptKeyRecord, receipt_key_context
from sealgate.vault.root import root_context
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import KEYRING, PEPPERS, RECEIPT_KEY, ROOT, Table

BATCH_ROWS = 32


class Wrapped(Struct, frozen=True):
    """A table with `wrapped_data_key` and `kek_version`, its record, and what a row's secret is bound to."""

    table: Table
    record: type[Any]
    context: Callable[[str, Any], bytes]
    subject: str = "organization"
    """The record's field that an alarm names."""

    @property
    def update(self) -> str:
        """One row anew, as long as it is what it was: key and MAC are bound once more, with `was_`."""
        was = " AND ".join(f"{name} = :was_{name}" for name in (*self.table.key, "mac"))
        return self.table.update(f"WHERE {was}")

    def was(self, row: Mapping[str, Cell]) -> dict[str, Cell]:
        """The values for `update` of a row that was read."""
        return {f"was_{name}": row[name] for name in (*self.table.key, "mac")}


WRAPPED: tuple[Wrapped, ...] = (
    Wrapped(KEYRING, KeyringRecord, private_context),
    Wrapped(PEPPERS, PepperRecord, lambda instance, record: pepper_context(instance, record.organization)),
    Wrapped(RECEIPT_KEY, ReceiptKeyRecord, receipt_key_context, subject="public_key"),
)
"""Beside the root row. A table that is missing here keeps its old KEK version alive for ever."""

_ROOT = "UPDATE root SET wrapped_data_key = :wrapped, kek_version = :version"


class _Wrap(Struct, frozen=True):
    """One data key's wrap."""

    wrapped: bytes
    version: str


class Rewrapping:
    """Finds what is left, and wraps it anew."""

    def __init__(self, instance: str, database: Database, ring: KekRing, seal: RowSeal, log: Log) -> None:
        self._instance = instance
        self._database = database
        self._ring = ring
        self._seal = seal
        self._log = log

    def counts(self) -> dict[str, int]:
        """How many rows name each version, whether they verify or not."""
        found: dict[str, int] = {}
        for table in (ROOT, *(each.table for each in WRAPPED)):
            for version, count in self._database.rows(rows_by_kek(table)):
                found[str(version)] = found.get(str(version), 0) + int(str(count))
        return found

    def opens_something(self, version: str) -> bool:
        """True while anything that verifies is wrapped by this version; a row that does not opens nothing."""
        if self._database.rows(ROOT.count("WHERE kek_version = :version"), {"version": version}) != [(0,)]:
            return True
        return any(
            True
            for each in WRAPPED
            for page in self._pages(each, by=version)
            for _ in self._verified(each, page)
        )

    async def run(self) -> int:
        """Wrap everything under the current version; gives how many rows were. Raises `StorageError`.

        Between batches everybody else has their turn; the keeper is asked in a thread, since it may be far.
        """
        done = await self._root()
        for each in WRAPPED:
            for page in self._pages(each):
                done += await self._batch(each, page)
        self._database.forget()  # the old wraps leave the write-ahead log too
        return done

    async def _root(self) -> int:
        ciphertext_at, wrapped_at, version_at = 1, 2, 3
        (row,) = self._database.rows(ROOT.select())
        wrapped, version = row[wrapped_at], str(row[version_at])
        assert isinstance(wrapped, bytes)
        assert row[ciphertext_at] is not None
        if version == self._ring.version:
            return 0
        before = _Wrap(wrapped, version)
        after = await asyncio.to_thread(self._anew, before, root_context(self._instance))
        with self._database.transaction() as connection:
            connection.execute(_ROOT, {"wrapped": after.wrapped, "version": after.version})
        return 1

    async def _batch(self, kind: Wrapped, page: list[tuple[Cell, ...]]) -> int:
        records = list(self._verified(kind, page))
        after = await asyncio.to_thread(self._all_anew, kind, records)
        rows = SealedTable(kind.table, kind.record, self._seal)
        done = 0
        with self._database.transaction() as connection:
            for record, wrap in after:
                changed = structs.replace(record, wrapped_data_key=wrap.wrapped, kek_version=wrap.version)
                # As it was read: a row that somebody changed meanwhile is wrapped anew already, or gone.
                values = {**rows.row(changed), **kind.was(rows.row(record))}
                done += connection.execute(kind.update, values).rowcount
        return done

    def _all_anew(self, kind: Wrapped, records: list[Any]) -> list[tuple[Any, _Wrap]]:
        return [(each, wrap) for each in records if (wrap := self._one_anew(kind, each)) is not None]

    def _one_anew(self, kind: Wrapped, record: Any) -> _Wrap | None:
        before = _Wrap(record.wrapped_data_key, record.kek_version)
        try:
            return self._anew(before, kind.context(self._instance, record))
        except KekError:  # verified, and yet its KEK does not unwrap it: told, and left as it is
            self._seal.alarm(kind.table.name, getattr(record, kind.subject))
            return None

    def _anew(self, before: _Wrap, context: bytes) -> _Wrap:
        version = self._ring.version
        data_key = self._ring.unwrap(before.wrapped, context, before.version)
        try:
            return _Wrap(self._ring.wrap_under(version, data_key, context), version)
        finally:
            wipe(data_key)

    def _pages(self, kind: Wrapped, by: str | None = None) -> Iterator[list[tuple[Cell, ...]]]:
        """Rows of one version, or of all but the current one; each row once, also one that stays as it is."""
        query = kind.table.page("kek_version <> :version" if by is None else "kek_version = :version")
        last = 0
        while True:
            version = self._ring.version if by is None else by
            page = self._database.rows(query, {"version": version, "after": last, "most": BATCH_ROWS})
            if not page:
                return
            last = int(str(page[-1][0]))
            yield [row[1:] for row in page]

    def _verified(self, kind: Wrapped, page: list[tuple[Cell, ...]]) -> Iterator[Any]:
        rows = SealedTable(kind.table, kind.record, self._seal)
        for row in page:
            try:
                yield rows.read(row)
            except AlarmError:
                continue


def rows_by_kek(table: Table) -> str:
    """The query for how many rows name each KEK version."""
    return f"SELECT kek_version, count(*) FROM {table.name} GROUP BY kek_version"  # noqa: S608 - a name of ours
