"""Erasures whose day is near or past and that are not final, and orders that the vault has not answered.

Counterparts: the vault's `finality`, which decides; `sealgate vault receipts`, which says the same of a
running vault. Rows are read as they stand, without their MACs.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, convert

from sealgate.doctor.findings import Case, Finding, ok, problem, warning
from sealgate.messages.erasing import ErasureRow
from sealgate.vault import finality
from sealgate.vault.erasure_records import ErasureRecord
from sealgate.vault.foundation import DATABASE_NAME
from sealgate.vault.keks import KekRecord

Record = TypeVar("Record", bound=Struct)

NEAR_S = 7 * 86_400.0
UNANSWERED_S = 3_600.0
_ORDERS = "SELECT kind, subject, ordered_at FROM erasure_orders WHERE settled_at IS NULL"
_HOW = "docs/howto/erasure.md, “Make it final”; `sealgate vault receipts` says what each waits for"


def erasures(case: Case) -> Iterator[Finding]:
    """Each erasure is final by its day, and each order was answered."""
    data = Path(case.settings.data_dir)
    keks = _records(data / "vault" / DATABASE_NAME, KekRecord, "keks")
    records = _records(data / "vault" / DATABASE_NAME, ErasureRecord, "erasures")
    found = [finality.row(record, (), keks, case.now_s) for record in records]
    told = [each for row in found for each in _erasure(row, case.now_s)]
    told += _unanswered(data / "console" / "console.db", case.now_s)
    yield from told
    if found and not told:
        final = sum(1 for row in found if row.final_at is not None)
        yield ok("erasures", f"{len(found)} erasures, {final} of them final, and none is due")


def _erasure(row: ErasureRow, now_s: float) -> Iterator[Finding]:
    if row.final_at is not None or now_s < row.final_by - NEAR_S:
        return
    day = time.strftime("%Y-%m-%d", time.gmtime(row.final_by))
    what = f"the erasure of {row.kind.value} {row.subject} ({row.receipt})"
    waits = ", ".join(row.waits_for)
    if now_s > row.final_by:
        yield problem("erasures", f"{what} was to be final by {day} and is not; it waits for {waits}", _HOW)
    else:
        yield warning("erasures", f"{what} is to be final by {day}; it waits for {waits}", _HOW)


def _unanswered(path: Path, now_s: float) -> Iterator[Finding]:
    for kind, subject, ordered_at in _rows(path, _ORDERS):
        if now_s - float(str(ordered_at)) > UNANSWERED_S:
            yield warning(
                "erasures",
                f"the erasure of {kind} {subject} was ordered at the console, and the vault has not answered",
                "start the vault and the console; look for vault_refused in the console's log",
            )


def _records(path: Path, record: type[Record], table: str) -> Sequence[Record]:
    columns = ", ".join(record.__struct_fields__)
    rows = _rows(path, f"SELECT {columns} FROM {table} ORDER BY rowid")  # noqa: S608 - names of our own
    return [
        convert(dict(zip(record.__struct_fields__, row, strict=True)), record, strict=False) for row in rows
    ]


def _rows(path: Path, query: str) -> Sequence[tuple[object, ...]]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as database:
            return database.execute(query).fetchall()
    except sqlite3.Error:
        return ()  # not there, of an older release, or damaged: the check of the databases says so
