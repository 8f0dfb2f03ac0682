"""Credentials: the acceptance record of each deposited key, its masked list, and revocation.

Counterparts: `deposits` writes records, `opener` opens what is in them, `desk` lists and revokes. Nothing
in here opens an envelope; what anyone may see of a key is its fingerprint and its last four characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, select

from sealgate.log import Log
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.opening import CredentialChanged, CredentialEvent
from sealgate.messages.tickets import CredentialRevoked, CredentialRow, CredentialState
from sealgate.vault.database import Cell, Database, Query
from sealgate.vault.faults import AlarmError, StorageError
from sealgate.vault.opens import Opens
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import CREDENTIALS, OPENS
from sealgate.vault.tickets import TicketRecord, Tickets
from sealgate.vault.witness import Witness

Notify = Callable[[CredentialChanged], int]
"""Tells every connected proxy; gives how many there are."""

_BY_ID = Query(select(CREDENTIALS).where(CREDENTIALS.c.credential == bindparam("credential")))
_OF_APPLICATION = Query(
    select(CREDENTIALS)
    .where(CREDENTIALS.c.organization == bindparam("organization"))
    .where(CREDENTIALS.c.application == bindparam("application"))
    .order_by(CREDENTIALS.c.deposited_at.desc())
)


class CredentialRecord(Struct, frozen=True):
    """One credential as accepted: what it is bound to, its envelope (None once revoked), and its mask."""

    credential: str
    organization: str
    application: str
    provider: str
    origin: str
    version: int
    state: str
    key_id: bytes
    envelope: bytes | None
    fingerprint: str
    last_four: str
    deposited_at: float
    revoked_at: float | None


class Credentials:
    """Reads, lists and revokes credentials."""

    def __init__(
        self,
        database: Database,
        witness: Witness,
        seal: RowSeal,
        *,
        tickets: Tickets,
        opens: Opens,
        notify: Notify,
        log: Log,
    ) -> None:
        self._database = database
        self._witness = witness
        self._tickets = tickets
        self._opens = opens
        self._notify = notify
        self._log = log
        self._cut: set[str] = set()
        self.rows = SealedTable(CREDENTIALS, CredentialRecord, seal)

    def read(self, values: Sequence[Cell]) -> CredentialRecord:
        """The record of a row; raises `AlarmError` unless it is ours and the newest witnessed."""
        record = self.rows.read(values)
        standing = self._witness.standing(record.credential)
        if standing is None or standing.version != record.version or standing.state != record.state:
            raise self.rows.seal.alarm("credentials", record.credential)
        return record

    def find(self, credential: str) -> CredentialRecord | None:
        """A credential by its id; raises `AlarmError` for a damaged or removed row."""
        row = self._database.row(_BY_ID, {"credential": credential})
        if row is None:
            self._check_never_seen(credential)
            return None
        return self.read(row)

    def _check_never_seen(self, credential: str) -> None:
        """Raise `AlarmError` if a row that is not there should be."""
        standing = self._witness.standing(credential)
        if standing is not None and standing.state == CredentialState.ACTIVE:
            raise self.rows.seal.alarm("credentials", credential)

    def is_cut(self, credential: str) -> bool:
        """True for a credential whose revocation could not be written: it stays shut all the same."""
        return credential in self._cut

    def accept(self, record: CredentialRecord, ticket: TicketRecord, now_s: float) -> int:
        """Store a deposit in place of what was there and tell proxies; gives how many were told.

        The ticket is used up in the same transaction; raises `TicketRefusedError` if it was used meanwhile.
        """
        with self._witness.change(record.credential, record.version, record.state) as connection:
            self._tickets.use(connection, ticket, now_s)
            self._put(connection, record)
        self._forget()
        event = CredentialEvent.DEPOSITED if record.version == 1 else CredentialEvent.REPLACED
        return self._tell(record.credential, record.application, event)

    def list(self, organization: str, application: str, now_s: float) -> tuple[CredentialRow, ...]:
        """An application's credentials, newest first, masked; awaited ones before those."""
        rows = self._database.rows(
            _OF_APPLICATION, {"organization": organization, "application": application}
        )
        shown = [
            row for values in rows if (row := self._shown(values, organization, application)) is not None
        ]
        known = {row.credential for row in shown}
        awaited = {
            ticket.credential: _awaited_row(ticket)
            for ticket in self._tickets.live(organization, application, now_s)
            if ticket.credential not in known
        }
        return (*awaited.values(), *shown)

    def revoke(self, organization: str, application: str, credential: str, now_s: float) -> CredentialRevoked:
        """Destroy a credential's envelope and tell proxies; raises `RefusedError` if it is not theirs."""
        try:
            record = self.find(credential)
        except AlarmError:
            return self._remove_damaged(application, credential, now_s)
        if record is None:
            return self._cancel_awaited(organization, application, credential, now_s)
        if (record.organization, record.application) != (organization, application):
            raise unknown_credential()
        if record.revoked_at is not None:
            return CredentialRevoked(credential=credential, revoked_at=record.revoked_at)
        self._destroy(record, now_s)
        return CredentialRevoked(credential=credential, revoked_at=now_s)

    def _destroy(self, record: CredentialRecord, now_s: float) -> None:
        # Proxies first: a full disk must not keep a revoked key in use.
        self._cut.add(record.credential)
        told = self._tell(record.credential, record.application, CredentialEvent.REVOKED)
        revoked = msgspec.structs.replace(
            record, state=CredentialState.REVOKED.value, envelope=None, revoked_at=now_s
        )
        with self._witness.change(record.credential, record.version, revoked.state) as connection:
            self._put(connection, revoked)
            self._tickets.cancel(connection, record.credential)
        self._forget()
        self._cut.discard(record.credential)
        self._log(
            "revoked",
            organization=record.organization,
            application=record.application,
            credential=record.credential,
            version=record.version,
            told=told,
        )

    def _remove_damaged(self, application: str, credential: str, now_s: float) -> CredentialRevoked:
        """Revoking must work on a row that somebody edited, too; nothing in such a row is kept."""
        standing = self._witness.standing(credential)
        if standing is None:
            raise unknown_credential()
        self._cut.add(credential)
        told = self._tell(credential, application, CredentialEvent.REVOKED)
        with self._witness.change(credential, standing.version, CredentialState.REVOKED.value) as connection:
            connection.execute(delete(CREDENTIALS).where(CREDENTIALS.c.credential == credential))
            connection.execute(delete(OPENS).where(OPENS.c.credential == credential))
            self._tickets.cancel(connection, credential)
        self._forget()
        self._cut.discard(credential)
        self._log(
            "revoked", application=application, credential=credential, version=standing.version, told=told
        )
        return CredentialRevoked(credential=credential, revoked_at=now_s)

    def _cancel_awaited(
        self, organization: str, application: str, credential: str, now_s: float
    ) -> CredentialRevoked:
        live = self._tickets.live(organization, application, now_s)
        if credential not in {ticket.credential for ticket in live}:
            raise unknown_credential()
        with self._database.transaction() as connection:
            self._tickets.cancel(connection, credential)
        return CredentialRevoked(credential=credential, revoked_at=now_s)

    def _forget(self) -> None:
        # What was asked for is done by now; old bytes left in the log go with the next change.
        try:
            self._database.forget()
        except StorageError as error:
            self._log("database_failed", error=type(error).__name__, operation="forget")

    def _put(self, connection: Connection, record: CredentialRecord) -> None:
        row = self.rows.row(record)
        same = CREDENTIALS.c.credential == record.credential
        if connection.execute(CREDENTIALS.update().where(same), row).rowcount == 0:
            connection.execute(CREDENTIALS.insert(), row)

    def _shown(self, values: Sequence[Cell], organization: str, application: str) -> CredentialRow | None:
        try:
            record = self.read(values)
        except AlarmError as alarm:
            known = self._witness.standing(alarm.subject) is not None
            return _damaged_row(alarm.subject, organization, application) if known else None
        return _row(record, self._opens.of(record.credential).last_opened_at)

    def _tell(self, credential: str, application: str, event: CredentialEvent) -> int:
        return self._notify(CredentialChanged(credential=credential, application=application, event=event))


def unknown_credential() -> RefusedError:
    """The refusal for a credential that is not there or not theirs: both look alike."""
    return RefusedError(
        Refusal(
            code="unknown_credential",
            message="there is no such credential in this application",
            hint="list the application's credentials",
        )
    )


def _row(record: CredentialRecord, last_opened_at: float) -> CredentialRow:
    return CredentialRow(
        credential=record.credential,
        organization=record.organization,
        application=record.application,
        provider=record.provider,
        origin=record.origin,
        version=record.version,
        state=CredentialState(record.state),
        last_four=record.last_four,
        fingerprint=record.fingerprint,
        deposited_at=record.deposited_at,
        last_opened_at=last_opened_at or None,
        revoked_at=record.revoked_at,
    )


def _awaited_row(ticket: TicketRecord) -> CredentialRow:
    return _empty_row(
        ticket.credential,
        ticket.organization,
        ticket.application,
        CredentialState.AWAITED,
        provider=ticket.provider,
        origin=ticket.origin,
        version=ticket.version,
    )


def _damaged_row(credential: str, organization: str, application: str) -> CredentialRow:
    return _empty_row(credential, organization, application, CredentialState.DAMAGED)


def _empty_row(
    credential: str,
    organization: str,
    application: str,
    state: CredentialState,
    *,
    provider: str = "",
    origin: str = "",
    version: int = 0,
) -> CredentialRow:
    return CredentialRow(
        credential=credential,
        organization=organization,
        application=application,
        provider=provider,
        origin=origin,
        version=version,
        state=state,
        last_four="",
        fingerprint="",
        deposited_at=None,
        last_opened_at=None,
        revoked_at=None,
    )
