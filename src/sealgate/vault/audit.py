"""The vault's audit: what was done and what was refused, in vault.db, where only the vault can add to it.

Counterparts: `audit_queue`, from which it takes, and `audit_check`, which looks for edits. It is written in
batches beside everything else: a full disk makes it wait and stops nothing. What waits is lost if the process
is killed, a second's worth at most; what is written holds together.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from sealgate.log import Log
from sealgate.vault.audit_check import ACCEPTED, ALARM, Examination, Expected, Finding
from sealgate.vault.audit_head import Head, HeadFile, bear_witness, known_end, witnessed
from sealgate.vault.audit_queue import AuditQueue
from sealgate.vault.audit_rows import START, AuditRows, Link
from sealgate.vault.database import Database
from sealgate.vault.rowseal import RowSeal
from sealgate.vault.witness import Witness

BATCH = 200
WRITTEN_EVERY_S = 1.0
BETWEEN_PIECES_S = 0.01
_HIGHEST = 2**63 - 1
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3_600.0, 86_400.0


class Ground(Protocol):
    """What the audit stands on."""

    @property
    def database(self) -> Database:
        """Where its rows are."""

    @property
    def seal(self) -> RowSeal:
        """What makes them the vault's."""

    @property
    def witness(self) -> Witness:
        """What remembers its end elsewhere."""


class AuditState(Struct, frozen=True):
    """How the audit stands, for who looks after the vault."""

    entries: int
    waiting: int
    """Not written yet: for a second, or while the disk is full."""
    behind: bool
    """True while it cannot be written."""
    counted: int
    """Events since the start that came too fast to be written singly."""
    checked_at: float
    """When the whole was looked through last; 0: not since the start."""
    findings: int
    """What that found and nobody accepted."""


class Audit:
    """Adds entries, removes those that are too old, and looks through the whole once a day."""

    def __init__(
        self,
        folder: Path,
        base: Ground,
        queue: AuditQueue,
        *,
        days: float,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self.rows = AuditRows(base.database, base.seal)
        self._file = HeadFile(folder, base.seal)
        self._witness = base.witness
        self._queue = queue
        self._kept_s = days * _DAY_S
        self._clock = clock
        self._log = log
        self._head: Head | None = None
        self._behind = False
        self._due: dict[str, float] = {}
        self._checked = (0.0, 0)
        self._awake = asyncio.Event()

    def state(self) -> AuditState:
        """How it stands now."""
        first, last = (0, 0) if self._head is None else (self._head.floor.number, self._head.last.number)
        checked_at, findings = self._checked
        return AuditState(
            entries=last - first,
            waiting=len(self._queue),
            behind=self._behind,
            counted=self._queue.counted,
            checked_at=checked_at,
            findings=findings,
        )

    def note_checked(self, found: Examination) -> None:
        """Remember what a look through the whole found."""
        self._checked = (self._clock(), len(found.findings))

    def flush(self) -> None:
        """Write everything that waits; where the disk is full, it goes on waiting."""
        while self._write():
            pass

    async def run(self) -> None:
        """Write what waits, at once after something was done, until cancelled."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._awake.set)

        self._queue.on_done = wake
        try:
            while True:
                self._awake.clear()
                for _batch in iter(self._write, False):
                    await asyncio.sleep(0)
                await self._keep_house()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WRITTEN_EVERY_S):
                        await self._awake.wait()
        finally:
            self._queue.on_done = None

    def close(self) -> None:
        """Write what waits and what was counted, and have the anchor remember the end."""
        self._tell_counted()
        self.flush()
        self._bear_witness()

    def examine(self, noted: Link | None = None) -> Examination:
        """Begin to look through the whole."""
        here = () if self._head is None else (self._head.last,)
        return examination(self.rows, self._file.read(), witnessed(self._witness), here, noted)

    def accept(self, findings: Sequence[Finding], uid: int) -> None:
        """An operator takes findings for explained. Rows beyond both ends are nobody's: they go."""
        head = self._taken_up()
        self.rows.keep(head.floor.number, head.last.number)
        for each in findings:
            self._log(ACCEPTED, code=each.fault.value, number=each.number, until=each.until, uid=uid)
        self.flush()

    def _write(self) -> bool:
        """Write the next batch; False if there was none, or it could not be written."""
        drafts = self._queue.take(BATCH)
        try:
            head = self._taken_up()
            if not drafts:
                return False
            self._head = Head(head.floor, self.rows.add(head.last, drafts))
        except OSError as error:
            self._queue.put_back(drafts)
            self._fall_behind(error)
            return False
        self._note_head(self._head)
        return True

    def _taken_up(self) -> Head:
        """Where the chain goes on: after the newest entry that anybody knows of, whatever was cut off."""
        if self._head is None:
            found, word = self._file.read(), witnessed(self._witness)
            end = self.rows.newest(known_end(found, word))
            floor = self.rows.floor() if found is None else found.floor
            self._head = Head(floor, end)
            if found is None and word is not None:
                self._log(ALARM, code="no_head", number=word.number)
        return self._head

    def _note_head(self, head: Head) -> None:
        try:
            self._file.write(head)
        except OSError as error:
            self._fall_behind(error)
        else:
            self._behind = False

    def _fall_behind(self, error: OSError) -> None:
        if not self._behind:
            self._behind = True
            self._log("audit_behind", error=type(error).__name__, waiting=len(self._queue))

    async def _keep_house(self) -> None:
        try:
            if self._is_due("counted", _MINUTE_S):
                self._tell_counted()
            if self._is_due("tidied", _HOUR_S):
                for _piece in self._tidied():
                    await asyncio.sleep(0)
            if self._is_due("looked through", _DAY_S):
                self._bear_witness()
                await self._look_through()
        except OSError as error:
            self._fall_behind(error)

    def _is_due(self, what: str, every_s: float) -> bool:
        now_s = self._clock()
        if now_s < self._due.get(what, 0.0):
            return False
        self._due[what] = now_s + every_s
        return True

    def _tell_counted(self) -> None:
        """One entry for all of a kind that came faster than its pace, or found no room."""
        if self._behind:
            return
        for (event, code, uid), count in self._queue.take_counted().items():
            self._log("audit_counted", of=event, code=code, uid=uid, count=count)

    def _bear_witness(self) -> None:
        if self._head is not None and self._head.last not in {START, witnessed(self._witness)}:
            try:
                bear_witness(self._witness, self._head.last)
            except OSError as error:
                self._fall_behind(error)

    def _tidied(self) -> Iterator[None]:
        """Remove what is too old: first the head moves up its floor, then the rows go."""
        while (floor := self._floor_to_come()) is not None:
            self._head = Head(floor, self._taken_up().last)
            self._file.write(self._head)
            yield
        self.rows.keep(self._taken_up().floor.number, _HIGHEST)

    def _floor_to_come(self) -> Link | None:
        """The newest of the next few entries that are too old."""
        head, found = self._taken_up(), None
        for row in self.rows.between(head.floor.number, head.last.number):
            if row.record is not None:
                if row.record.at >= self._clock() - self._kept_s:
                    break
                found = row.link
        return found

    async def _look_through(self) -> None:
        examination = self.examine()
        for _piece in examination.pieces():
            await asyncio.sleep(BETWEEN_PIECES_S)
        self.tell(examination)

    def tell(self, examination: Examination) -> None:
        """Raise the alarm if anything was found that nobody accepted."""
        self.note_checked(examination)
        if found := examination.findings:
            self._log(ALARM, code=found[0].fault.value, number=found[0].number, count=len(found))


def examination(
    rows: AuditRows, head: Head | None, word: Link | None, here: tuple[Link, ...], noted: Link | None
) -> Examination:
    """A look through the whole, against everything that is known from outside of the table."""
    known = (*here, *(() if head is None else (head.last,)), *(() if word is None else (word,)))
    return Examination(rows, Expected(head, known, noted))
