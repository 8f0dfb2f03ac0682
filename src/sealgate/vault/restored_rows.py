"""The rows of an older vault.db, read for the restore ceremony and written anew as it decided.

Counterparts: `fates`, which decides, and `restoring`, which asks. Every row that stays gets the ceremony's
number as its revision: no copy of a row from before, of either history, fits the new anchor. What was erased
since is destroyed here, and left for `erasures` to finish with a receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from sealgate.ids import new_id
from sealgate.messages.checking import DamagedRow
from sealgate.messages.erasing import ErasureKind
from sealgate.vault import receipt_key, versions
from sealgate.vault.administrators import AdministratorRecord, PasskeyRecord
from sealgate.vault.anchor_summary import Standing
from sealgate.vault.checking import unsealed
from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.erasure_records import ErasedVersionRecord, ErasureRecord, ErasureRecords
from sealgate.vault.fates import Decided, Fate
from sealgate.vault.faults import AlarmError
from sealgate.vault.keks import CURRENT, DESTROYED, KekRecord, destroyed_name
from sealgate.vault.keyring import KeyringRecord, state_of
from sealgate.vault.receipt_key import ReceiptKeyRecord
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import (
    ADMINISTRATORS,
    APPROVALS,
    CREDENTIALS,
    ERASED_VERSIONS,
    ERASURES,
    KEKS,
    KEYRING,
    OPENS,
    PASSKEYS,
    PEPPERS,
    PROPOSALS,
    RECEIPT_KEY,
    TICKETS,
    VERSIONS,
    Table,
)
from sealgate.vault.versions import CredentialRecord, VersionRecord
from sealgate.vault.witness import ERASED, ERASING

_CREDENTIAL = "WHERE credential = :credential"
_PERSON = "WHERE administrator = :administrator"
_ORGANIZATION = "WHERE organization = :organization"
_VERSIONS_OF = VERSIONS.select(f"{_CREDENTIAL} ORDER BY version DESC")
_PASSKEYS_OF = PASSKEYS.select(_PERSON)


class Person(Struct, frozen=True):
    """An administrator with every passkey."""

    record: AdministratorRecord
    passkeys: tuple[PasskeyRecord, ...]


class Held(Struct, frozen=True):
    """A credential with every version."""

    record: CredentialRecord
    versions: tuple[VersionRecord, ...]


class Found(Struct, frozen=True):
    """Everything in vault.db that has a standing, as it verified; and what did not."""

    credentials: Mapping[str, Held]
    people: Mapping[str, Person]
    pairs: Mapping[str, Sequence[KeyringRecord]]
    """By organization."""
    erasures: Sequence[ErasureRecord]
    erased: frozenset[str]
    """Credentials that an erasure destroyed."""
    keks: tuple[KekRecord, ...]
    receipt_keys: Sequence[ReceiptKeyRecord]
    damaged: tuple[DamagedRow, ...]

    def standings(self) -> dict[str, Standing]:
        """Where each subject stands in vault.db. What has no number in its rows stands at 0."""
        found = {name: Standing(0, ERASED) for name in self.erased}
        found |= {each.subject: _erasure_standing(each) for each in self.erasures}
        found |= {name: Standing(0, state_of(pairs)) for name, pairs in self.pairs.items()}
        found |= {
            n: Standing(each.record.revision, each.record.state) for n, each in self.credentials.items()
        }
        found |= {
            name: Standing(each.record.revision, each.record.state) for name, each in self.people.items()
        }
        gone = (each.version for each in self.keks if each.state == DESTROYED)
        found |= {destroyed_name(version): Standing(0, DESTROYED) for version in gone}
        for each in self.receipt_keys:
            found[receipt_key.SUBJECT] = Standing(0, receipt_key.state_of(each.public_key))
        return found


class Rows:
    """Reads and writes them."""

    def __init__(
        self, database: Database, seal: RowSeal, *, number: int, now_s: float, promise_s: float
    ) -> None:
        self._database = database
        self._seal = seal
        self._number = number
        """The ceremony's change, which every row stands at afterwards."""
        self._now_s = now_s
        self._promise_s = promise_s
        self._credentials = SealedTable(CREDENTIALS, CredentialRecord, seal)
        self._versions = SealedTable(VERSIONS, VersionRecord, seal)
        self._people = SealedTable(ADMINISTRATORS, AdministratorRecord, seal)
        self._passkeys = SealedTable(PASSKEYS, PasskeyRecord, seal)
        self._keks = SealedTable(KEKS, KekRecord, seal)
        self._erasures = ErasureRecords(database, seal)

    def read(self) -> Found:
        """Everything that verifies, and the names of what does not."""
        damaged = list(unsealed(self._database, self._seal))
        pairs: dict[str, list[KeyringRecord]] = {}
        for pair in self._sound(KEYRING, KeyringRecord):
            pairs.setdefault(pair.organization, []).append(pair)
        return Found(
            credentials=dict(self._held(damaged)),
            people=dict(self._persons(damaged)),
            pairs=pairs,
            erasures=tuple(self._sound(ERASURES, ErasureRecord)),
            erased=frozenset(each.credential for each in self._sound(ERASED_VERSIONS, ErasedVersionRecord)),
            keks=tuple(self._sound(KEKS, KekRecord)),
            receipt_keys=tuple(self._sound(RECEIPT_KEY, ReceiptKeyRecord)),
            damaged=tuple(damaged),
        )

    def write(
        self, connection: Connection, found: Found, decided: Sequence[Decided]
    ) -> tuple[KekRecord, ...]:
        """Write everything anew as it was decided, inside one transaction; gives the table of KEKs."""
        fates = {each.subject: each for each in decided}
        for table in (TICKETS, PROPOSALS, APPROVALS):
            connection.execute(table.delete())  # what was out for minutes or days, from another time
        self._erase(connection, found, fates)
        for name, held in found.credentials.items():
            self._put_credential(connection, held, fates[name])
        for name, person in found.people.items():
            self._put_person(connection, person, fates[name])
        return self._put_keks(connection, found.keks, fates)

    def _sound(self, table: Table, record: type[Any]) -> Iterator[Any]:
        rows = SealedTable(table, record, self._seal)
        for *cells, mac in self._database.rows(table.select()):
            if self._seal.is_sealed(table.name, table.columns[:-1], cells, mac):
                yield rows.read((*cells, mac))

    def _held(self, damaged: list[DamagedRow]) -> Iterator[tuple[str, Held]]:
        for record in self._sound(CREDENTIALS, CredentialRecord):
            rows = self._database.rows(_VERSIONS_OF, {"credential": record.credential})
            found = tuple(self._read_all(self._versions, rows))
            is_whole = tuple(each.version for each in found) == record.held
            if is_whole and all(each.revision == record.revision for each in found):
                yield record.credential, Held(record, found)
            else:
                damaged.append(DamagedRow("credentials", record.credential))

    def _persons(self, damaged: list[DamagedRow]) -> Iterator[tuple[str, Person]]:
        for record in self._sound(ADMINISTRATORS, AdministratorRecord):
            rows = self._database.rows(_PASSKEYS_OF, {"administrator": record.administrator})
            found = tuple(self._read_all(self._passkeys, rows))
            if len(found) == record.passkeys and all(each.revision == record.revision for each in found):
                yield record.administrator, Person(record, found)
            else:
                damaged.append(DamagedRow("administrators", record.administrator))

    @staticmethod
    def _read_all(table: SealedTable[Any], rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            try:
                yield table.read(row)
            except AlarmError:
                continue

    def _put_credential(self, connection: Connection, held: Held, decided: Decided) -> None:
        record, kept = held.record, held.versions
        if decided.fate is Fate.ERASED:
            return  # its rows are gone
        if decided.fate is Fate.REVOKED:
            record = versions.revoked(record, self._now_s)
            kept = tuple(structs.replace(each, envelope=None) for each in kept if each.version in record.held)
        record = structs.replace(record, revision=self._number)
        connection.execute(VERSIONS.delete(_CREDENTIAL), {"credential": record.credential})
        connection.execute(CREDENTIALS.update(_CREDENTIAL), self._credentials.row(record))
        anew = [structs.replace(each, revision=self._number) for each in kept]
        connection.executemany(VERSIONS.insert, map(self._versions.row, anew))

    def _put_person(self, connection: Connection, person: Person, decided: Decided) -> None:
        named = {"administrator": person.record.administrator}
        connection.execute(PASSKEYS.delete(_PERSON), named)
        if decided.fate is Fate.REMOVED:
            connection.execute(ADMINISTRATORS.delete(_PERSON), named)
            return
        record = structs.replace(person.record, revision=self._number)
        connection.execute(ADMINISTRATORS.update(_PERSON), self._people.row(record))
        anew = [structs.replace(each, revision=self._number) for each in person.passkeys]
        connection.executemany(PASSKEYS.insert, map(self._passkeys.row, anew))

    def _put_keks(
        self, connection: Connection, found: tuple[KekRecord, ...], fates: Mapping[str, Decided]
    ) -> tuple[KekRecord, ...]:
        after = tuple(
            structs.replace(each, state=DESTROYED, destroyed_at=each.destroyed_at or self._now_s)
            if destroyed_name(each.version) in fates and each.state != CURRENT
            else each
            for each in found
        )
        connection.execute(KEKS.delete())
        connection.executemany(KEKS.insert, map(self._keks.row, after))
        return after

    def _erase(self, connection: Connection, found: Found, fates: Mapping[str, Decided]) -> None:
        """Destroy what was erased since, with an order for each erasure that vault.db does not know."""
        noted = {each.subject for each in found.erasures} | found.erased
        gone = [each for name, each in found.credentials.items() if fates[name].fate is Fate.ERASED]
        for order in _orders(fates, found, noted, gone):
            record = ErasureRecord(
                receipt=new_id("rcpt"),
                kind=order.kind.value,
                subject=order.subject,
                organization=order.organization,
                application=order.application,
                began_at=self._now_s,
                erased_at=None,
                final_by=self._now_s + self._promise_s,
                sealing_keys_gone_at=None,
                noted=0,
            )
            self._erasures.add(connection, record)
            for name in order.credentials:
                self._erasures.note(connection, record.receipt, [name])
        for held in gone:
            for table in (CREDENTIALS, VERSIONS, OPENS):
                connection.execute(table.delete(_CREDENTIAL), {"credential": held.record.credential})
        for name, each in fates.items():
            if each.fate is Fate.ERASED and name.startswith("org_"):
                for table in (KEYRING, PEPPERS):
                    connection.execute(table.delete(_ORGANIZATION), {"organization": name})


class _Order(Struct, frozen=True):
    """One erasure that vault.db does not know of, with the credentials that it destroys."""

    kind: ErasureKind
    subject: str
    organization: str
    application: str
    credentials: tuple[str, ...]


def _orders(
    fates: Mapping[str, Decided], found: Found, noted: set[str], gone: Sequence[Held]
) -> Iterator[_Order]:
    """The widest first: what an organization's erasure destroys needs no order of its own."""
    left = {each.record.credential: each.record for each in gone if each.record.credential not in noted}
    erased = [name for name, each in fates.items() if each.fate is Fate.ERASED and name not in noted]
    for name in sorted(erased, key=lambda each: each.startswith("app_")):
        mine = [record for record in left.values() if name in (record.organization, record.application)]
        if name.startswith("org_") and (mine or name in found.pairs):
            yield _Order(ErasureKind.ORGANIZATION, name, name, "", _names(mine))
        elif name.startswith("app_") and mine:
            yield _Order(ErasureKind.APPLICATION, name, mine[0].organization, name, _names(mine))
        for record in mine:
            del left[record.credential]
    for record in left.values():
        owner = (record.organization, record.application)
        yield _Order(ErasureKind.CREDENTIAL, record.credential, *owner, _names([record]))


def _names(records: Iterable[CredentialRecord]) -> tuple[str, ...]:
    return tuple(record.credential for record in records)


def _erasure_standing(record: ErasureRecord) -> Standing:
    is_over = record.erased_at is not None or record.kind == ErasureKind.CREDENTIAL
    return Standing(0, ERASED if is_over else ERASING)
