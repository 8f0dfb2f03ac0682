"""Erasure: destroys everything of a credential, an application or an organization, and gives receipts for it.

Counterparts: `desk` and `operator`, which ask; `finality`, which says when no backup can bring it back. What
is being erased opens no more from the first step on; each step is one witnessed change, so that it can be
killed anywhere and goes on at the next start. Proxies are told before anything is written. Whose a row is
that does not verify, the audit says: nobody's key is destroyed by writing its row under what is erased.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from msgspec import structs

from sealgate.ids import Prefix, new_id
from sealgate.log import Log
from sealgate.messages.erasing import (
    AskReceipt,
    AskReceipts,
    Erase,
    Erased,
    ErasureKind,
    ErasureRow,
    Receipts,
)
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.tickets import CredentialState
from sealgate.vault import fields, finality
from sealgate.vault.audit_rows import AuditRows
from sealgate.vault.config import VaultConfig
from sealgate.vault.connection import Connection
from sealgate.vault.erasure_records import UNKNOWN, ErasureRecord, ErasureRecords
from sealgate.vault.faults import AlarmError
from sealgate.vault.foundation import Foundation
from sealgate.vault.kek import KekUnavailableError
from sealgate.vault.receipt_key import ReceiptKey
from sealgate.vault.receipts import key_name, sign
from sealgate.vault.schema import TICKETS
from sealgate.vault.sealing_epochs import SealingEpochs
from sealgate.vault.stores import Stores
from sealgate.vault.turns import in_turns
from sealgate.vault.witness import ERASED, ERASING

AT_ONCE = 5
"""Steps of an erasure that whoever asked waits for; the rest is done bit by bit."""
IN_ONE_STEP = 20
"""Credentials that one transaction destroys: two waits for the disk, and proxies wait some hundredths."""
AGAIN_AFTER_S = 5.0
"""Pause before what a full disk or a backup that is being taken stopped is tried again."""
IDLE_S = 60.0
NEAR_S = 7 * 86_400.0
"""How long before its day an erasure that is not final yet is warned of."""
_DAY_S = 86_400.0

_PREFIXES: dict[ErasureKind, Prefix] = {
    ErasureKind.CREDENTIAL: "cred",
    ErasureKind.APPLICATION: "app",
    ErasureKind.ORGANIZATION: "org",
}
_OF_SUBJECT = (
    "SELECT credential, organization, application FROM credentials"
    " WHERE credential = :subject OR application = :subject OR organization = :subject ORDER BY credential"
)
_TICKETS_OF_SUBJECT = (
    "SELECT organization, application FROM tickets"
    " WHERE credential = :subject OR application = :subject OR organization = :subject"
)


class Erasures:
    """Erases, and answers for it."""

    def __init__(
        self,
        config: VaultConfig,
        base: Foundation,
        stores: Stores,
        epochs: SealingEpochs,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._instance = config.instance
        self._promise_s = config.erasure_final_days * _DAY_S
        self._database = base.database
        self._witness = base.witness
        self._keks = base.keks
        self._stores = stores
        self._epochs = epochs
        self._clock = clock
        self._log = log
        self._records = ErasureRecords(base.database, base.seal)
        self._audit = AuditRows(base.database, base.seal)
        self._key = ReceiptKey(config.instance, base.database, base.witness, base.kek, base.seal)
        self._warned: set[str] = set()
        self._awake = asyncio.Event()
        epochs.on_ended = self._sealing_keys_ended

    def answer(self, request: Erase | AskReceipt | AskReceipts) -> Erased | Receipts:
        """Do what was asked; raises `RefusedError`, `AlarmError` or `OSError`."""
        if request.organization:
            fields.check_id("org", "organization", request.organization)
        if isinstance(request, Erase):
            return self._erase(request)
        if isinstance(request, AskReceipts):
            return Receipts(items=self.rows(request.organization))
        fields.check_id("rcpt", "receipt", request.receipt)
        return self._shown(self._theirs(request))

    def rows(self, organization: str = "") -> tuple[ErasureRow, ...]:
        """Every erasure as it stands now, the newest first; raises `AlarmError`."""
        self._note_sealing_keys()
        self._check_whole()
        found = self._records.every()
        return tuple(self._row(each) for each in found if organization in {"", each.organization})

    def public_key(self) -> str:
        """The public half of the receipt key in text, made now if there is none; raises `AlarmError`."""
        return key_name(self._key.ensure(self._clock()))

    def resume(self) -> None:
        """At start: refuse what an earlier run did not come to, before anybody can ask for it."""
        for record in self._open():
            self._shut(record)

    async def run(self) -> None:
        """Go on with what is not at its end, until cancelled."""
        with contextlib.suppress(AlarmError, OSError):  # the alarm is logged, and stops no other erasure
            self._check_whole()
        while True:
            pause_s = IDLE_S
            self._awake.clear()
            try:
                await in_turns(self.pieces())
                self._warn()
            except OSError as error:
                self._log("erasure_paused", error=type(error).__name__)
                pause_s = AGAIN_AFTER_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._awake.wait()

    def pieces(self) -> Iterator[None]:
        """Go on with every erasure; yields after each small step."""
        for record in self._open():
            yield from self._work(record)
        self._note_sealing_keys()

    def _check_whole(self) -> None:
        """Raise `AlarmError` where a record is gone; an administrator who was removed never had one."""
        kinds = tuple(f"{prefix}_" for prefix in _PREFIXES.values())
        self._records.check_whole(each for each in self._witness.erased() if each.startswith(kinds))

    def _open(self) -> list[ErasureRecord]:
        return [each for each in self._records.sound() if each.erased_at is None]

    def _erase(self, order: Erase) -> Erased:
        fields.check_id(_PREFIXES[order.kind], "subject", order.subject)
        known = self._records.of_subject(order.subject)
        record = self._begin(order) if known is None else self._check_owner(known, order)
        if record.erased_at is None:
            self._begin_work(record)
        self._note_sealing_keys()
        return self._shown(self._again(record.receipt))

    def _begin_work(self, record: ErasureRecord) -> None:
        try:
            for _piece in itertools.islice(self._work(record), AT_ONCE):
                pass
        except OSError as error:
            self._log("erasure_paused", error=type(error).__name__)
        self._awake.set()

    def _check_owner(self, record: ErasureRecord, order: Erase) -> ErasureRecord:
        if order.organization not in {"", record.organization}:
            raise _unknown(order.kind)
        return record

    def _begin(self, order: Erase) -> ErasureRecord:
        organization, application = self._owner(order)
        now_s = self._clock()
        record = ErasureRecord(
            receipt=new_id("rcpt"),
            kind=order.kind.value,
            subject=order.subject,
            organization=organization,
            application=application,
            began_at=now_s,
            erased_at=None,
            final_by=now_s + self._promise_s,
            sealing_keys_gone_at=None,
            noted=0,
        )
        told = self._shut(record)
        if order.kind is ErasureKind.CREDENTIAL:
            self._destroy(record, [order.subject], lambda connection: self._records.add(connection, record))
        else:
            self._close_subject(record)
        self._log("erasing", receipt=record.receipt, kind=record.kind, subject=record.subject, told=told)
        return record

    def _close_subject(self, record: ErasureRecord) -> None:
        """The first change of a big erasure: no ticket, no sealing key and no pepper is left."""
        with self._closing(record.subject) as connection:
            self._records.add(connection, record)
            if record.kind == ErasureKind.ORGANIZATION:
                self._stores.keyring.erase(connection, record.subject)
                self._stores.peppers.erase(connection, record.subject)
                tickets = TICKETS.delete("WHERE organization = :subject")
            else:
                tickets = TICKETS.delete("WHERE application = :subject")
            connection.execute(tickets, {"subject": record.subject})

    def _closing(self, subject: str) -> AbstractContextManager[Connection]:
        """What is erased stays so; where its record was altered or removed, it is erased once more."""
        standing = self._witness.standing(subject)
        if standing is not None and standing.state == ERASED:
            return self._database.transaction()
        return self._witness.change(subject, self._next(subject), ERASING)

    def _owner(self, order: Erase) -> tuple[str, str]:
        """Organization and application of a subject; raises `RefusedError` if it is unknown."""
        if order.application:
            fields.check_id("app", "application", order.application)
        found = self._told_owner(order)
        if found is None and self._is_claimed(order):
            told = next(self._audit.deposits_of(order.subject), None)
            return order.organization or (told.organization if told else ""), order.application
        if found is None or (order.organization and not _fits(found, order)):
            raise _unknown(order.kind)
        return found

    def _is_claimed(self, order: Erase) -> bool:
        """True for what the console knows and the vault never had: nothing shall come in under it later.

        Of a credential that it had, no row need be left: somebody removed them.
        """
        if order.kind is ErasureKind.CREDENTIAL:
            return self._witness.standing(order.subject) is not None
        return order.kind is ErasureKind.APPLICATION and bool(order.organization)

    def _told_owner(self, order: Erase) -> tuple[str, str] | None:
        if order.kind is ErasureKind.ORGANIZATION:
            known = self._witness.standing(order.subject) is not None
            return (order.subject, "") if known or order.organization == order.subject else None
        subject = {"subject": order.subject}
        rows = [row[-2:] for row in self._database.rows(_OF_SUBJECT, subject)]
        rows += self._database.rows(_TICKETS_OF_SUBJECT, subject)
        owners = [(str(organization), str(application)) for organization, application in rows]
        fitting = [each for each in owners if _fits(each, order)]
        # A row that was edited may name anybody: then the console is believed, as for a revocation.
        if not fitting and order.kind is ErasureKind.CREDENTIAL and self._is_damaged(order.subject):
            return None
        return next(iter(fitting or owners), None)

    def _is_damaged(self, credential: str) -> bool:
        try:
            self._stores.credentials.find(credential)
        except AlarmError:
            return True
        return False

    def _shut(self, record: ErasureRecord) -> int:
        told = 0
        for name, _, application in self._database.rows(_OF_SUBJECT, {"subject": record.subject}):
            told = self._stores.credentials.shut(str(name), str(application))
        return told

    def _work(self, record: ErasureRecord) -> Iterator[None]:
        names = self._names(record)
        while step := list(itertools.islice(names, IN_ONE_STEP)):
            self._destroy(record, step)
            yield
        for administrator in self._stores.administrators.of_organization(record.subject):
            self._stores.administrators.remove(administrator)
            yield
        self._finish(record)
        yield

    def _names(self, record: ErasureRecord) -> Iterator[str]:
        """What belongs to it: by its row, or by the audit where a row was edited or moved away."""
        for found, *_ in self._database.rows(_OF_SUBJECT, {"subject": record.subject}):
            name = str(found)
            if self._is_anothers(record.subject, name):
                self._stores.credentials.spare(name)
                self._log("erasure_spared", receipt=record.receipt, credential=name)
            else:
                yield name
        if record.kind != ErasureKind.CREDENTIAL:
            yield from self._moved_away(record.subject)

    def _is_anothers(self, subject: str, credential: str) -> bool:
        """True for a row that does not verify, of a key that the audit knows as somebody else's."""
        if credential == subject or not self._is_damaged(credential):
            return False
        deposits = self._audit.deposits_of(credential)
        told = next((each for each in deposits if each.credential == credential), None)
        return told is not None and subject not in {told.organization, told.application}

    def _moved_away(self, subject: str) -> Iterator[str]:
        """Keys that the audit knows as the subject's, and whose rows do not say so any more."""
        for told in list(self._audit.deposits_of(subject)):
            if not self._witness.is_erased(told.credential) and self._is_damaged(told.credential):
                self._stores.credentials.shut(told.credential, told.application)
                yield told.credential

    def _destroy(
        self, record: ErasureRecord, names: Sequence[str], also: Callable[[Connection], None] | None = None
    ) -> None:
        unsure = frozenset(name for name in names if self._is_unsure(name))

        def note(connection: Connection, credentials: Sequence[str]) -> None:
            if also is not None:
                also(connection)
            self._records.note(connection, record.receipt, credentials, unsure)

        self._stores.credentials.erase(names, note)

    def _is_unsure(self, credential: str) -> bool:
        """True where a key was held, and rows do not say of every version what it was sealed to."""
        try:
            found = self._stores.credentials.find(credential)
        except AlarmError:
            return True
        if found is None:
            return self._stores.credentials.was_seen(credential)
        return found.record.state != CredentialState.ACTIVE

    def _finish(self, record: ErasureRecord) -> None:
        standing = self._witness.standing(record.subject)
        if standing is None or standing.state != ERASED:
            with self._witness.change(record.subject, self._next(record.subject), ERASED):
                pass
        self._database.forget_surely()
        noted = len(self._records.of_erasure(record))
        self._records.put(structs.replace(record, erased_at=self._clock(), noted=noted))
        self._log("erased", receipt=record.receipt, kind=record.kind, subject=record.subject)

    def _sealing_keys_ended(self) -> None:
        # Told at this very moment: a KEK that is made in the next one never wrapped them.
        with contextlib.suppress(OSError):
            self._note_sealing_keys()

    def _note_sealing_keys(self) -> None:
        """Have sealing keys that what was erased was sealed to end, and note when none is left."""
        for record in list(self._records.sound()):
            if record.erased_at is None or record.sealing_keys_gone_at is not None:
                continue
            with contextlib.suppress(AlarmError):
                self._note_keys_of(record)

    def _note_keys_of(self, record: ErasureRecord) -> None:
        keyring, names = self._stores.keyring, {each.key_id for each in self._records.of_erasure(record)}
        held = [key_id for key_id in names if keyring.is_held(key_id)]
        if UNKNOWN in names:  # then it may have been any of them
            held += keyring.made_until(record.organization, record.erased_at or record.began_at)
        if not held:
            self._records.put(structs.replace(record, sealing_keys_gone_at=self._clock()))
            self._log("erasure_unsealable", receipt=record.receipt)
            return
        # An altered keyring raises its alarm here, and the receipt goes on to say that it waits.
        if record.organization and any(keyring.is_newest(each, record.organization) for each in held):
            self._epochs.rotate(record.organization)

    def _warn(self) -> None:
        """Say once a run which erasures are near their day, or past it, and not final."""
        near = self._clock() + NEAR_S
        for record in self._records.sound():
            if record.final_by <= near and record.receipt not in self._warned:
                with contextlib.suppress(AlarmError):
                    self._warn_of(self._row(record))

    def _warn_of(self, erasure: ErasureRow) -> None:
        if erasure.final_at is None:
            self._warned.add(erasure.receipt)
            days = int((erasure.final_by - self._clock()) // _DAY_S)
            self._log("erasure_due", receipt=erasure.receipt, days=days)

    def _theirs(self, request: AskReceipt) -> ErasureRecord:
        self._note_sealing_keys()
        record = self._again(request.receipt)
        if request.organization not in {"", record.organization}:
            raise _unknown_receipt()
        return record

    def _again(self, receipt: str) -> ErasureRecord:
        found = next((each for each in self._records.sound() if each.receipt == receipt), None)
        if found is None:
            raise _unknown_receipt()
        return found

    def _row(self, record: ErasureRecord) -> ErasureRow:
        destroyed = self._records.of_erasure(record)
        return finality.row(record, destroyed, self._keks.records(), self._clock())

    def _shown(self, record: ErasureRecord) -> Erased:
        if record.erased_at is None:
            return Erased(erasure=self._row(record), signed="")
        now_s = self._clock()
        destroyed = self._records.of_erasure(record)
        found = finality.receipt(self._instance, record, destroyed, self._keks.records(), now_s)
        try:
            signed = self._key.sign(lambda private: sign(found, private), now_s)
        except KekUnavailableError:  # told by the ring; what is erased is erased, and its receipt comes later
            signed = ""
        return Erased(erasure=self._row(record), signed=signed)

    def _next(self, subject: str) -> int:
        standing = self._witness.standing(subject)
        return 1 if standing is None else standing.version + 1


def _fits(owner: tuple[str, str], order: Erase) -> bool:
    organization, application = owner
    return order.organization in {"", organization} and order.application in {"", application}


def _unknown(kind: ErasureKind) -> RefusedError:
    return RefusedError(
        Refusal(
            code=f"unknown_{kind.value}",
            message=f"the vault knows no such {kind.value}",
            hint="look at its id in the console",
        )
    )


def _unknown_receipt() -> RefusedError:
    return RefusedError(
        Refusal(
            code="unknown_receipt",
            message="there is no such receipt",
            hint="`sealgate vault receipts` lists them",
        )
    )
