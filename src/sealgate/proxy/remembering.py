"""Keeps days and months of the ledger over a restart: a checkpoint, and the journal's exchanges after it.

Counterparts: `ledger.py`; `journal.py`, which deletes nothing that no checkpoint covers. After `kill -9`
every exchange counts once: settled ones with what they used, lost ones with what was held. Holds pseudonyms
and hashes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sealgate.log import Log
from sealgate.proxy.epoch_reading import charges
from sealgate.proxy.journal import Journal
from sealgate.proxy.ledger import Moment
from sealgate.proxy.lines import counted
from sealgate.proxy.store import Counts, SharedCounts

FORMAT = 1
SAVE_S = 3.0
FORGET_S = 60.0
WORTH = 50
"""Between two checkpoints passes at least this many times as long as one takes."""


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """The ledger as it was when each epoch had settled up to its mark."""

    format: int
    instance: str
    marks: dict[str, int]
    counters: dict[str, tuple[int, int]]


class Remembering:
    """One checkpoint file, replaced whole."""

    def __init__(self, counts: Counts, journal: Journal, path: Path, instance: str, log: Log) -> None:
        self._counts, self._ledger = counts, counts.ledger
        self._journal, self._path = journal, path
        self._instance, self._log = instance, log
        self._saved_changes = -1
        self._next_s = self._forget_s = 0.0
        self._failed = False

    def restore(self) -> None:
        """Count what earlier runs used; from here on the journal keeps what no checkpoint covers."""
        checkpoint = self._load()
        for key, (window, used) in checkpoint.counters.items():
            self._ledger.recover(key, window, used)
        for epoch in self._journal.earlier:
            mark = checkpoint.marks.get(epoch.name, 0)
            for usage, charge in charges(epoch):
                found = tuple(counted(charge, usage))
                if usage.sequence > mark:
                    for each in found:
                        self._ledger.recover(*each)
                if isinstance(self._counts, SharedCounts):
                    self._counts.owe(epoch.name, usage.sequence, found)
        self._journal.remembered(self._kept(checkpoint.marks))
        self.save()

    def save(self) -> None:
        """Write a checkpoint now, if something was used since the last."""
        snapshot = self._snapshot()
        if snapshot is not None:
            self._written(snapshot[0], self._write(snapshot[1]))

    async def save_sometimes(self) -> None:
        """Called often: write a checkpoint off the loop when it is time."""
        now_s = time.monotonic()
        if now_s >= self._forget_s:
            self._forget_s = now_s + FORGET_S
            self._ledger.forget(Moment(time.time(), now_s))
        if now_s < self._next_s:
            return
        snapshot = self._snapshot()
        took_s = time.monotonic() - now_s
        self._next_s = now_s + max(SAVE_S, WORTH * took_s)
        if snapshot is not None:
            self._written(snapshot[0], await asyncio.to_thread(self._write, snapshot[1]))

    def _kept(self, marks: Mapping[str, int]) -> Mapping[str, int]:
        """Up to where the journal may forget: a shared store has what a checkpoint says."""
        return self._counts.counted_marks(marks) if isinstance(self._counts, SharedCounts) else marks

    def _snapshot(self) -> tuple[dict[str, int], bytes] | None:
        """Marks and bytes; taken at once, so that counts and marks are of one moment."""
        marks = self._journal.marks()
        if marks is None:
            return None
        if self._ledger.changes == self._saved_changes:
            self._journal.remembered(self._kept(marks))  # none of what settled since has to be counted again
            return None
        self._saved_changes = self._ledger.changes
        return marks, msgspec.msgpack.encode(
            Checkpoint(FORMAT, self._instance, marks, self._ledger.lasting())
        )

    def _written(self, marks: dict[str, int], error_number: int) -> None:
        if error_number:
            self._saved_changes = -1
            if not self._failed:
                self._log("checkpoint_failed", path=str(self._path), errno=error_number)
        else:
            self._journal.remembered(self._kept(marks))
        self._failed = bool(error_number)

    def _write(self, raw: bytes) -> int:
        beside = self._path.with_suffix(".new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            return error.errno or -1
        return 0

    def _load(self) -> Checkpoint:
        nothing = Checkpoint(FORMAT, self._instance, {}, {})
        try:
            found = msgspec.msgpack.decode(self._path.read_bytes(), type=Checkpoint)
        except FileNotFoundError:
            return nothing
        except (OSError, msgspec.MsgspecError, ValueError):
            self._log("checkpoint_refused", path=str(self._path), code="damaged")
            return nothing
        if found.format != FORMAT or found.instance != self._instance:
            self._log("checkpoint_refused", path=str(self._path), code="other_instance")
            return nothing
        self._log("checkpoint_loaded", counters=len(found.counters))
        return found
