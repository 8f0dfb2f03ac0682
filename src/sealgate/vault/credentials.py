"""Credentials: what was deposited and in which versions, its masked list, every change of it, and revocation.

Counterparts: `versions` says what a change leads to, `deposits` and `desk` ask for one, `opener` opens what
is held. Nothing in here opens an envelope; what anyone may see of a key is its fingerprint and last four
characters. A change is one transaction under one mark: killed anywhere, it happened whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from sealgate.ids import is_id
from sealgate.log import Log
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.opening import CredentialChanged, CredentialEvent
from sealgate.messages.tickets import CredentialRevoked, CredentialRow, CredentialState
from sealgate.vault import masks, versions
from sealgate.vault.anchor import Standing
from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError, StorageError
from sealgate.vault.open_counts import OpenCounts
from sealgate.vault.opens import Opens
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import CREDENTIALS, OPENS, OPENS_BY_HOUR, VERSIONS
from sealgate.vault.tickets import TicketRecord, Tickets
from sealgate.vault.verified import Verified
from sealgate.vault.versions import Credential, CredentialRecord, VersionRecord
from sealgate.vault.witness import ERASED, Witness

Notify = Callable[[CredentialChanged], int]
"""Tells every connected proxy; gives how many there are."""

KNOWN_LIMIT = 65_536
"""Credentials that are read once for many opens: about 2 KB each, ciphertext and masks."""
_THIS = "WHERE credential = :credential"
_BY_ID = (
    f"SELECT {CREDENTIALS.listed}, {VERSIONS.listed} FROM credentials"  # noqa: S608 - names of ours
    " LEFT JOIN versions ON versions.credential = credentials.credential"
    " WHERE credentials.credential = :credential ORDER BY versions.version DESC"
)
"""With its versions: one statement where each open of a key that was not read yet would need two."""
_COLUMNS = len(CREDENTIALS.columns)
_OF_APPLICATION = CREDENTIALS.select("WHERE organization = :organization AND application = :application")
_VERSIONS = VERSIONS.select(f"{_THIS} ORDER BY version DESC")


class Credentials:
    """Reads, lists, changes and revokes credentials."""

    def __init__(
        self,
        database: Database,
        witness: Witness,
        seal: RowSeal,
        *,
        tickets: Tickets,
        opens: Opens,
        counts: OpenCounts,
        notify: Notify,
        log: Log,
    ) -> None:
        self._database = database
        self._witness = witness
        self._seal = seal
        self._tickets = tickets
        self._opens = opens
        self._counts = counts
        self._notify = notify
        self._log = log
        self._cut: set[str] = set()
        self._known: Verified[Credential] = Verified(KNOWN_LIMIT)
        self._rows = SealedTable(CREDENTIALS, CredentialRecord, seal)
        self._version_rows = SealedTable(VERSIONS, VersionRecord, seal)

    def find(self, credential: str) -> Credential | None:
        """A credential by its id; raises `AlarmError` for a damaged, removed or restored row."""
        return self.known(credential) or self.read(credential)

    def known(self, credential: str) -> Credential | None:
        """What was read before, where its rows are the same still.

        Nobody else wrote the file since, and what the vault itself changes stands at another revision.
        """
        if self._database.was_touched():
            self._known.clear()
        known = self._known.find(credential)
        if known is None or not self._stands(known.record):
            return None
        return known

    def read(self, credential: str) -> Credential | None:
        """The same as `find`, from its rows, whatever is known."""
        rows = self._database.rows(_BY_ID, {"credential": credential})
        if not rows:
            self._check_never_seen(credential)
            return None
        held = [row[_COLUMNS:] for row in rows if row[_COLUMNS] is not None]
        found = self._read(rows[0][:_COLUMNS], held)
        self._known.put(credential, found)
        return found

    def theirs(self, organization: str, application: str, credential: str) -> Credential:
        """A credential of this application; raises `RefusedError` if there is none."""
        found = self.find(credential)
        if found is None or (found.record.organization, found.record.application) != (
            organization,
            application,
        ):
            raise unknown_credential()
        return found

    def is_cut(self, record: CredentialRecord) -> bool:
        """True where revocation or erasure is not written to its end: it stays shut all the same."""
        return record.credential in self._cut or self.is_erased(record.organization, record.application)

    def is_erased(self, organization: str, application: str) -> bool:
        """True where application or organization is erased, or is being erased."""
        return self._witness.is_erased(application) or self._witness.is_erased(organization)

    def shut(self, credential: str, application: str) -> int:
        """Open it no more, whatever happens next, and tell proxies; gives how many were told."""
        self._cut.add(credential)
        return self._notify(
            CredentialChanged(credential=credential, application=application, event=CredentialEvent.REVOKED)
        )

    def spare(self, credential: str) -> None:
        """Take `shut` back: it is not what is being erased. Whether it opens, its rows say."""
        self._cut.discard(credential)

    def erase(self, names: Sequence[str], note: Callable[[Connection, Sequence[str]], None]) -> None:
        """Destroy every row of some credentials, sound or not, in one transaction with what `note` writes.

        A row may be planted: one that is named like anything but a credential goes, and closes no id.
        """
        credentials = [name for name in names if is_id("cred", name)]
        ends = {name: ended for name in credentials if (ended := self._next_unless_erased(name))}
        whole = self._witness.changes(ends, ERASED) if ends else self._database.transaction()
        with whole as connection:
            note(connection, credentials)
            self._delete(connection, names)
            connection.executemany(OPENS_BY_HOUR.delete(_THIS), _each(credentials))
        self._counts.drop(frozenset(credentials))
        for credential in credentials:
            self._opens.drop(credential)
            self._known.drop(credential)
            self._cut.discard(credential)

    def _next_unless_erased(self, credential: str) -> int | None:
        """The version of its end; None where that is written, and somebody put rows back."""
        standing = self._witness.standing(credential)
        if standing is None:
            return 1
        return None if standing.state == ERASED else standing.version + 1

    def alarm(self, credential: str) -> AlarmError:
        """Log the alarm of a version whose envelope does not open, and give the error to raise."""
        return self._seal.alarm("versions", credential)

    def was_seen(self, credential: str) -> bool:
        """True if there ever was a key under this id, even if nothing is left of it."""
        return self._witness.standing(credential) is not None

    def accept(
        self,
        before: Credential | None,
        after: CredentialRecord,
        deposited: VersionRecord,
        ticket: TicketRecord,
        now_s: float,
    ) -> int:
        """Store a deposit and tell proxies; gives how many were told.

        The ticket is used up in the same transaction; raises `TicketRefusedError` if it was used meanwhile.
        """
        held = () if before is None else before.versions
        with self._witness.change(after.credential, after.revision, after.state) as connection:
            self._tickets.use(connection, ticket, now_s)
            self._put(connection, after, (deposited, *held))
        self._forget()
        event = CredentialEvent.DEPOSITED if before is None else CredentialEvent.REPLACED
        return self._tell(after, event)

    def change(self, before: Credential, after: CredentialRecord) -> CredentialRow:
        """Let versions stand as `after` says, destroy what is not held any more, and tell proxies."""
        with self._witness.change(after.credential, after.revision, after.state) as connection:
            self._put(connection, after, before.versions)
        self._forget()
        told = self._tell(after, CredentialEvent.REPLACED)
        self._note("versions_changed", after, told=told)
        found = self.find(after.credential)
        assert found is not None
        return self._shown(found)

    def reseal(self, before: Credential, version: int, key_id: bytes, envelope: bytes) -> Credential:
        """Put a new envelope of the same key in a version's place, which is no news for proxies."""
        after = versions.resealed(before.record)
        known = [
            msgspec.structs.replace(each, key_id=key_id, envelope=envelope)
            if each.version == version
            else each
            for each in before.versions
        ]
        with self._witness.change(after.credential, after.revision, after.state) as connection:
            self._put(connection, after, known)
        self._forget()
        held = tuple(msgspec.structs.replace(each, revision=after.revision) for each in known)
        return Credential(after, held)

    def list(self, organization: str, application: str, now_s: float) -> tuple[CredentialRow, ...]:
        """An application's credentials, newest first, masked; awaited ones before those."""
        owner = {"organization": organization, "application": application}
        found = [
            row
            for values in self._database.rows(_OF_APPLICATION, owner)
            if (row := self._shown_or_damaged(values, organization, application)) is not None
        ]
        found.sort(key=lambda row: row.deposited_at or 0.0, reverse=True)
        known = {row.credential for row in found}
        awaited = {
            ticket.credential: masks.awaited(ticket)
            for ticket in self._tickets.live(organization, application, now_s)
            if ticket.credential not in known
        }
        return (*awaited.values(), *found)

    def revoke(self, organization: str, application: str, credential: str, now_s: float) -> CredentialRevoked:
        """Destroy a credential's envelopes and tell proxies; raises `RefusedError` if it is not theirs."""
        try:
            found = self.find(credential)
        except AlarmError:
            return self._remove_damaged(application, credential, now_s)
        if found is None:
            return self._cancel_awaited(organization, application, credential, now_s)
        record = found.record
        if (record.organization, record.application) != (organization, application):
            raise unknown_credential()
        if record.revoked_at is not None:
            return CredentialRevoked(credential=credential, revoked_at=record.revoked_at)
        self._destroy(found, now_s)
        return CredentialRevoked(credential=credential, revoked_at=now_s)

    def _stands(self, record: CredentialRecord) -> bool:
        return self._witness.stands(record.credential, record.revision, record.state)

    def _read(self, values: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> Credential:
        """A row with its versions; raises `AlarmError` unless all are ours and of the witnessed revision."""
        record = self._rows.read(values)
        if not self._stands(record):
            raise self._seal.alarm("credentials", record.credential)
        held = tuple(self._read_version(row, record) for row in rows)
        if tuple(each.version for each in held) != record.held:
            raise self._seal.alarm("versions", record.credential)
        return Credential(record, held)

    def _read_version(self, values: Sequence[Cell], record: CredentialRecord) -> VersionRecord:
        version = self._version_rows.read(values)
        if version.revision != record.revision:
            raise self._seal.alarm("versions", record.credential)
        return version

    def _check_never_seen(self, credential: str) -> None:
        """Raise `AlarmError` if a row that is not there should be."""
        standing = self._witness.standing(credential)
        if standing is not None and standing.state == CredentialState.ACTIVE:
            raise self._seal.alarm("credentials", credential)

    def _destroy(self, found: Credential, now_s: float) -> None:
        # Proxies first: a full disk must not keep a revoked key in use.
        told = self.shut(found.record.credential, found.record.application)
        after = versions.revoked(found.record, now_s)
        mask = msgspec.structs.replace(found.active, envelope=None)
        with self._witness.change(after.credential, after.revision, after.state) as connection:
            self._put(connection, after, (mask,))
            self._tickets.cancel(connection, after.credential)
        self._forget()
        self._cut.discard(after.credential)
        self._note("revoked", after, told=told)

    def _remove_damaged(self, application: str, credential: str, now_s: float) -> CredentialRevoked:
        """Revoking must work on a row that somebody edited, too; nothing in such a row is kept."""
        standing = self._witness.standing(credential)
        if standing is None:
            raise unknown_credential()
        told = self.shut(credential, application)
        with self._ended(credential, standing) as connection:
            self._delete(connection, [credential])
        self._opens.drop(credential)
        self._forget()
        self._cut.discard(credential)
        self._log("revoked", application=application, credential=credential, told=told)
        return CredentialRevoked(credential=credential, revoked_at=now_s)

    def _ended(self, credential: str, standing: Standing) -> AbstractContextManager[Connection]:
        """The change that leaves it revoked; where it is erased, somebody put rows back, and it stays so."""
        if standing.state == ERASED:
            return self._database.transaction()
        return self._witness.change(credential, standing.version + 1, CredentialState.REVOKED.value)

    def _delete(self, connection: Connection, names: Sequence[str]) -> None:
        for table in (CREDENTIALS, VERSIONS, OPENS):
            connection.executemany(table.delete(_THIS), _each(names))
        self._tickets.cancel(connection, *names)

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

    def _put(self, connection: Connection, after: CredentialRecord, known: Iterable[VersionRecord]) -> None:
        """Write a credential and the versions that it holds, all with its revision; the others are gone."""
        row = self._rows.row(after)
        if connection.execute(CREDENTIALS.update(_THIS), row).rowcount == 0:
            connection.execute(CREDENTIALS.insert, row)
        connection.execute(VERSIONS.delete(_THIS), {"credential": after.credential})
        kept = [
            msgspec.structs.replace(each, revision=after.revision)
            for each in known
            if each.version in after.held
        ]
        connection.executemany(VERSIONS.insert, map(self._version_rows.row, kept))

    def _shown(self, credential: Credential) -> CredentialRow:
        return masks.shown(credential, self._opens.of(credential.record.credential).last_opened_at)

    def _shown_or_damaged(
        self, values: Sequence[Cell], organization: str, application: str
    ) -> CredentialRow | None:
        try:
            versions_of = self._database.rows(_VERSIONS, {"credential": values[0]})
            return self._shown(self._read(values, versions_of))
        except AlarmError as alarm:
            known = self._witness.standing(alarm.subject) is not None
            return masks.damaged(alarm.subject, organization, application) if known else None

    def _tell(self, record: CredentialRecord, event: CredentialEvent) -> int:
        return self._notify(
            CredentialChanged(credential=record.credential, application=record.application, event=event)
        )

    def _note(self, event: str, record: CredentialRecord, **fields: int) -> None:
        self._log(
            event,
            organization=record.organization,
            application=record.application,
            credential=record.credential,
            version=record.active,
            **fields,
        )


def _each(credentials: Iterable[str]) -> Iterator[Mapping[str, str]]:
    return ({"credential": each} for each in credentials)


def unknown_credential() -> RefusedError:
    """The refusal for a credential that is not there or not theirs: both look alike."""
    return RefusedError(
        Refusal(
            code="unknown_credential",
            message="there is no such credential in this application",
            hint="list the application's credentials",
        )
    )
