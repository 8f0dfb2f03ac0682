"""What began and how it ended, on disk: `began` before bytes go up, `settled` before the last go down.

Counterpart: `shipping.py` takes settled exchanges to the console, which counts them once by (proxy, epoch,
sequence). Must never admit an exchange whose end might find no room.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from sealgate.ids import new_id
from sealgate.log import Log
from sealgate.messages.feed import UsageRecord
from sealgate.proxy.epoch import Began, Epoch
from sealgate.proxy.epoch_reading import settle_lost, take_over, unshipped
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.lines import Charged
from sealgate.proxy.measures import Measures
from sealgate.proxy.segments import Segment, SegmentError


class JournalError(OSError):
    """The journal cannot be opened; the message carries a hint."""


class Journal:
    """All epochs of one folder: the running one, and earlier ones until the console has counted them."""

    def __init__(self, folder: Path, segment_bytes: int, limit_bytes: int, log: Log) -> None:
        self.folder, self._segment_bytes, self._log = folder, segment_bytes, log
        self._most_segments = limit_bytes // segment_bytes
        self._full = self._filling = self._behind = False
        self._unwritten: list[tuple[int, UsageRecord, Charged | None]] = []
        self.measures = Measures()
        self._lock = _lock(folder)
        self.earlier = self._recover()
        self.epoch = Epoch(folder, new_id("ep"), segment_bytes)
        self.maintain()

    def begin(self, began: Began) -> int:
        """Write a `began`; `ProxyError` (503) when its end might find no room."""
        if not self.ready():
            self.maintain()
            if not self.ready():
                raise ProxyError("journal_unavailable")
        try:
            return self.epoch.begin(began)
        except OSError as error:
            self._fall_behind(error)
            raise ProxyError("journal_unavailable") from error

    def ready(self) -> bool:
        """True while everything that ended is written, and one exchange more would find room to end."""
        return not self._behind and self.epoch.ready()

    def settle(self, number: int, usage: UsageRecord, charged: Charged | None = None) -> None:
        """Write how an exchange of this run ended; what the disk refuses is kept, and nothing is admitted.

        What ends after that waits behind it: sequences are given in the order of ends, and a limit store has
        heard of them.
        """
        try:
            if not self._unwritten:
                self.epoch.settle(number, usage, charged)
        except OSError as error:
            self._fall_behind(error)
        if number in self.epoch.opened:
            self._unwritten.append((number, usage, charged))
        self.measures.settled(usage)

    @property
    def next_sequence(self) -> int:
        """The sequence of the next exchange that settles, after those that are not written yet."""
        return self.epoch.next_sequence + len(self._unwritten)

    @property
    def open_descriptor(self) -> int | None:
        """The file that is being written, for flushing it off the loop."""
        return self.epoch.segments[-1].descriptor if self.epoch.segments else None

    @property
    def segment_count(self) -> int:
        """Segments on disk, of this run and of earlier ones that are not counted yet."""
        return sum(len(epoch.segments) for epoch in (*self.earlier, self.epoch))

    def maintain(self) -> None:
        """Have the next segment ready, if the limit and the disk allow it; called often."""
        if self._behind:
            self._catch_up()
        epoch = self.epoch
        error_number = 0
        try:
            self._make_spare()
            if not epoch.segments and epoch.spare is not None:
                epoch.spare.activate(epoch.next_sequence)
                epoch.segments.append(epoch.spare)
                epoch.spare = None
                self._make_spare()
        except OSError as error:
            error_number = error.errno or 0
        full = not epoch.ready()
        if full != self._full:
            self._full = full
            if full:
                self._log("journal_full", errno=error_number, segments=self.segment_count)
            else:
                self._log("journal_room", segments=self.segment_count)
        self._warn()

    def _warn(self) -> None:
        """Say once that it fills, while there is time to do something; and anew after it had emptied."""
        segments, half = self.segment_count, self._most_segments // 2
        if segments > half and not self._filling:
            self._log("journal_filling", segments=segments, most=self._most_segments)
        self._filling = segments > (half // 2 if self._filling else half)

    def _make_spare(self) -> None:
        if self.epoch.spare is None and self.segment_count < self._most_segments:
            self.epoch.make_spare()

    def unshipped(self, limit: int) -> tuple[str, tuple[UsageRecord, ...]] | None:
        """The epoch and the next settled exchanges to be counted, earlier runs first; or None."""
        for epoch in (*self.earlier, self.epoch):
            records = unshipped(epoch, limit)
            if records:
                return epoch.name, records
        return None

    def counted(self, name: str, through: int) -> None:
        """The console has stored everything of that epoch up to `through`."""
        for epoch in (*self.earlier, self.epoch):
            if epoch.name == name:
                epoch.counted(through)
        self._drop_finished()

    def marks(self) -> dict[str, int] | None:
        """Epoch → sequence of its last exchange; None while one that ended is not written yet."""
        if self._behind:
            return None
        return {epoch.name: epoch.next_sequence - 1 for epoch in (*self.earlier, self.epoch)}

    def remembered(self, marks: Mapping[str, int]) -> None:
        """A checkpoint of the ledger goes up to these marks: what is counted too may be deleted."""
        for epoch in (*self.earlier, self.epoch):
            epoch.remembered_through = marks.get(epoch.name, 0)
            epoch.counted(epoch.counted_through)
        self._drop_finished()

    def _drop_finished(self) -> None:
        for done in [epoch for epoch in self.earlier if epoch.finished()]:
            self.earlier.remove(done)
            done.close(delete=True)

    def close(self) -> None:
        """Unmap; a run that is wholly counted leaves no file."""
        if self._behind:
            self._catch_up()
        for epoch in (*self.earlier, self.epoch):
            epoch.close(delete=epoch.finished())
        os.close(self._lock)

    def _fall_behind(self, error: OSError) -> None:
        if not self._behind:
            self._log("journal_unwritten", errno=error.errno or 0)
        self._behind = True

    def _catch_up(self) -> None:
        """Write what the disk had no room for: what earlier runs lost, then what ended in this one."""
        try:
            for epoch in self.earlier:
                settle_lost(epoch)
            while self._unwritten:
                self.epoch.settle(*self._unwritten[0])
                del self._unwritten[0]
        except OSError:
            return
        self._behind = False

    def _recover(self) -> list[Epoch]:
        by_epoch: dict[str, list[Segment]] = {}
        for path in sorted(self.folder.glob("*.segment")):
            try:
                segment = Segment.load(path)
            except SegmentError:
                path.unlink() if not any(path.read_bytes()[:64]) else self._log(
                    "journal_damaged", path=str(path), offset=0
                )
                continue
            by_epoch.setdefault(segment.epoch, []).append(segment)
        epochs = []
        lost = settled = 0
        for name, segments in by_epoch.items():
            epoch = Epoch(self.folder, name, self._segment_bytes)
            take_over(epoch, segments, self._log)
            try:
                lost += settle_lost(epoch)
            except OSError as error:  # started with a full disk: no crash, but nothing is admitted
                self._fall_behind(error)
            settled += epoch.next_sequence - 1 - epoch.counted_through
            if epoch.finished():
                epoch.close(delete=True)
            else:
                epochs.append(epoch)
        if by_epoch:
            self._log("journal_recovered", epochs=len(epochs), settled=settled, lost=lost)
        return epochs


def _lock(folder: Path) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise JournalError(
            f"another proxy uses {folder}. hint: give each proxy its own data folder"
        ) from error
    return descriptor
