"""The restore ceremony: says what an older vault.db would bring back, and accepts it when it is told to.

Counterparts: `fates`, which decides, `restored_rows`, which writes, and `sealgate vault restore`, which asks.
The vault is stopped. Nothing is accepted that does not verify. The new history begins far beyond every change
that either old one can have had, so nothing from before passes for its next step. In this order: the new
anchor beside the old one, vault.db in one transaction, the old anchor kept aside, the new one in its place,
an entry in the audit; killed between two of them, the same command finishes it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct, structs

from sealgate.log import Log
from sealgate.messages.checking import DamagedRow
from sealgate.vault.anchor import Anchor, write_durably
from sealgate.vault.anchor_salvage import WHOLE, Remembered, remembered
from sealgate.vault.anchor_summary import Entry, Standing, Summary
from sealgate.vault.audit import Audit
from sealgate.vault.audit_queue import AuditedLog, AuditQueue
from sealgate.vault.config import VaultConfig
from sealgate.vault.database import Database
from sealgate.vault.events import EVENTS
from sealgate.vault.fates import Decided, Fate, decide
from sealgate.vault.faults import StartError
from sealgate.vault.foundation import (
    ANCHOR_NAME,
    DATABASE_NAME,
    check_ours,
    find_ring,
    letting_go,
    lock_folder,
    take_up_kek,
)
from sealgate.vault.kek_file import sync_folder
from sealgate.vault.kek_ring import KekRing
from sealgate.vault.keks import SUBJECT as KEKS_SUBJECT
from sealgate.vault.keks import destroyed_name, digest, made_whole
from sealgate.vault.restored_rows import Found, Rows
from sealgate.vault.rewrapping import Rewrapping
from sealgate.vault.root import RootKeys, load_root, root_version
from sealgate.vault.rowseal import RowSeal
from sealgate.vault.waymarks import SEEN_NAME, read_seen
from sealgate.vault.witness import MarkRecord, Witness, read_mark, write_mark

NEW_ANCHOR_NAME = "anchor.restored"
JUMP = 1_000_000
"""More changes than a vault makes between two backups."""
_DAY_S = 86_400.0


class Comparison(Struct, frozen=True):
    """What the ceremony finds, before it does anything."""

    epoch: int
    """The change that vault.db stands at: what `--accept-epoch` must name."""
    witnessed: int | None
    """The last change that the anchor tells; None where there is nothing to be believed."""
    anchor: str
    """`whole`, `missing` or `damaged`."""
    seen: int
    """The highest change that a proxy showed; 0 for none beyond the vault's own."""
    decided: tuple[Decided, ...]
    damaged: tuple[DamagedRow, ...]
    unfinished: bool
    """A ceremony for this vault.db broke off after it was written: accepting it again finishes it."""

    @property
    def is_needed(self) -> bool:
        """False where vault.db and its anchor belong together, and no proxy says otherwise."""
        together = self.anchor == WHOLE and self.witnessed in {self.epoch, self.epoch - 1}
        return self.unfinished or self.seen > 0 or not together

    def of(self, fate: Fate) -> tuple[Decided, ...]:
        """Everything with this fate."""
        return tuple(each for each in self.decided if each.fate is fate)


class _Ground(Struct, frozen=True):
    """What the audit stands on, once the ceremony is done."""

    database: Database
    seal: RowSeal
    witness: Witness


class _Told(Struct, frozen=True):
    """What an entry says of a ceremony."""

    number: int = 0


class Restoring:
    """A stopped vault's files, opened for the ceremony. `opened` makes one."""

    def __init__(
        self,
        config: VaultConfig,
        database: Database,
        ring: KekRing,
        keys: RootKeys,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._folder = config.data_dir
        self._audit_days = config.audit_days
        self._instance = config.instance
        self._promise_s = config.erasure_final_days * _DAY_S
        self._database = database
        self._ring = ring
        self._keys = keys
        self._seal = RowSeal(keys.rows, log)
        self._clock = clock
        self._log = log

    def compare(self) -> Comparison:
        """Say what differs, and change nothing; raises `StartError` for what no ceremony can accept."""
        return self._comparison(*self._look())

    def accept(self, epoch: int, *, leave_damaged: bool = False) -> Comparison:
        """Accept vault.db as it stands at this change; raises `StartError`, and then nothing was changed."""
        mark, anchor, found = self._look()
        comparison = self._comparison(mark, anchor, found)
        if mark.state == _state(epoch) and not comparison.is_needed:
            self._note(epoch, mark.number)
            return comparison  # it is done already
        if not comparison.unfinished:
            self._check(comparison, epoch, leave_damaged=leave_damaged)
            self._write(comparison, found)
        elif mark.state != _state(epoch):
            raise _other_epoch(epoch, int(mark.state.rpartition("-")[2]))
        self._finish()
        self._note(epoch, read_mark(self._database, self._seal).number)
        return comparison

    def _look(self) -> tuple[MarkRecord, Remembered, Found]:
        mark = read_mark(self._database, self._seal)
        anchor = remembered(self._folder / ANCHOR_NAME, self._keys.anchor)
        self._check_keks(anchor)
        found = self._rows(0).read()
        keks = made_whole(found.keks, root_version(self._database), self._ring.entries.values())
        return mark, anchor, structs.replace(found, keks=keks)

    def _comparison(self, mark: MarkRecord, anchor: Remembered, found: Found) -> Comparison:
        return Comparison(
            epoch=mark.number,
            witnessed=None if anchor.last is None else anchor.last.number,
            anchor=anchor.condition,
            seen=self._seen(mark),
            decided=tuple(decide(found.standings(), anchor.standings)),
            damaged=found.damaged,
            unfinished=self._is_unfinished(mark),
        )

    def _seen(self, mark: MarkRecord) -> int:
        """The change that a proxy showed to the vault, where that stopped it."""
        seen = read_seen(self._folder, self._instance, self._keys.waymarks)
        return 0 if seen is None or mark.number - seen.number >= JUMP else seen.number

    def _is_unfinished(self, mark: MarkRecord) -> bool:
        """True if vault.db was written by a ceremony whose anchor is not in its place yet."""
        path = self._folder / NEW_ANCHOR_NAME
        if not path.exists():
            return False
        try:
            last = Anchor(path, self._keys.anchor, read_only=True).last
        except StartError:
            return False  # half written: vault.db was not touched
        return last == Entry(mark.number, mark.subject, mark.version, mark.state)

    def _check_keks(self, anchor: Remembered) -> None:
        """What was destroyed stays destroyed, though somebody kept its file."""
        used = Rewrapping(self._instance, self._database, self._ring, self._seal, self._log).counts()
        for version in used:
            if destroyed_name(version) in anchor.standings:
                raise StartError(
                    "kek_destroyed",
                    f"vault.db is wrapped by the KEK {version}, which was destroyed since",
                    "take a backup from after that KEK was replaced",
                )

    def _check(self, comparison: Comparison, epoch: int, *, leave_damaged: bool) -> None:
        # Files that belong together may be old ones together: who puts both back says so before proxies do.
        if epoch != comparison.epoch:
            raise _other_epoch(epoch, comparison.epoch)
        if comparison.damaged and not leave_damaged:
            raise StartError(
                "rows_damaged",
                f"{len(comparison.damaged)} rows of vault.db do not verify",
                "take another backup, or add --leave-damaged: such rows stay refused",
            )

    def _write(self, comparison: Comparison, found: Found) -> None:
        highest = max(comparison.epoch, comparison.witnessed or 0, comparison.seen)
        number = (highest // JUMP + 2) * JUMP
        entry = Entry(number, self._instance, number, _state(comparison.epoch))
        with self._database.transaction() as connection:
            keks = self._rows(number).write(connection, found, comparison.decided)
            write_mark(connection, self._seal, entry)
            standings = {
                each.subject: Standing(number, each.state)
                for each in comparison.decided
                if each.state is not None
            }
            # Durable before the commit: from then on vault.db fits no other anchor.
            self._write_anchor(entry, standings | {KEKS_SUBJECT: Standing(number, digest(keks))})
        self._database.forget()

    def _write_anchor(self, last: Entry, standings: dict[str, Standing]) -> None:
        path = self._folder / NEW_ANCHOR_NAME
        path.unlink(missing_ok=True)
        # Drawn, not derived: two ceremonies on the same backup are two histories.
        chain = secrets.token_bytes(32)
        standings[last.subject] = Standing(last.version, last.state)
        summary = Summary(last, chain, standings, {last.number: chain.hex()[:32]})
        write_durably(path, summary.text(self._keys.anchor))

    def _finish(self) -> None:
        """Keep the old anchor aside and put the new one in its place; can be done again from any point."""
        number = read_mark(self._database, self._seal).number
        anchor, aside = self._folder / ANCHOR_NAME, self._folder / f"{ANCHOR_NAME}.before-{number}"
        if anchor.exists() and not aside.exists():
            os.link(anchor, aside)
        (self._folder / NEW_ANCHOR_NAME).replace(anchor)
        (self._folder / SEEN_NAME).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _note(self, epoch: int, number: int) -> None:
        """Write the ceremony into log and audit, once; raises `StartError` where there is no room for it."""
        anchor = Anchor(self._folder / ANCHOR_NAME, self._keys.anchor)
        witness = Witness(self._database, self._seal, anchor, self._log)
        witness.reconcile()
        queue = AuditQueue(self._clock)
        log = AuditedLog(self._log, EVENTS, queue)
        ground = _Ground(self._database, self._seal, witness)
        audit = Audit(self._folder, ground, queue, days=self._audit_days, clock=self._clock, log=log)
        if any(_number(each.details) == number for each in audit.rows.of_event("restored")):
            return
        log("restored", accepted=epoch, number=number)
        audit.flush()  # it bears no witness: the anchor's last change stays the ceremony
        if queue:
            raise StartError(
                "audit_unwritten",
                "vault.db is accepted, and the entry in the audit that says so could not be written",
                "make room on the disk, then say the same again",
            )

    def _rows(self, number: int) -> Rows:
        return Rows(self._database, self._seal, number=number, now_s=self._clock(), promise_s=self._promise_s)


@contextmanager
def opened(config: VaultConfig, *, clock: Callable[[], float], log: Log) -> Iterator[Restoring]:
    """The files of a stopped vault whose vault.db and anchor need not fit; raises `StartError`."""
    folder = config.data_dir
    check_ours(folder / DATABASE_NAME, "put back the newest backup of vault.db, then say this again")
    lock = lock_folder(folder)
    with letting_go(lock):
        ring = find_ring(folder, config.kek, fresh=False, log=log)
        database = Database(folder / DATABASE_NAME)
        try:
            _inspect(database)
            take_up_kek(ring, root_version(database), folder)
            keys = load_root(database, ring, config.instance)
            yield Restoring(config, database, ring, keys, clock=clock, log=log)
        finally:
            database.close()
    os.close(lock)


def _inspect(database: Database) -> None:
    try:
        database.inspect(newest=True)
    except StartError as error:
        if error.code != "schema_older":
            raise
        hint = "accept it with the release that made it; start this one after that, which upgrades it"
        raise StartError(error.code, "vault.db is of an older release", hint) from error


def _state(epoch: int) -> str:
    """How the anchor names a ceremony: by the change that was accepted."""
    return f"restored-{epoch}"


def _number(details: str) -> int:
    return msgspec.json.decode(details, type=_Told).number


def _other_epoch(told: int, found: int) -> StartError:
    return StartError(
        "other_epoch",
        f"vault.db stands at change {found}, not at {told}",
        "read again what sealgate vault restore explains, then name the change that it says",
    )
