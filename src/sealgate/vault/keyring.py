"""The keyring: per organization and epoch one key pair of every suite, private halves sealed under the KEK.

Counterparts: `deposits` gives the public halves to the sealing page, `opener` opens with the private ones,
`resealing` moves keys to the newest epoch. A key that is not in a row that the vault wrote itself is never
given out: a planted one could read the next deposit. Which pairs an organization has is witnessed, so that
none can be taken away or brought back.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from sealgate.envelope import (
    KEY_ID_BYTES,
    Fingerprint,
    SealingPrivateKey,
    SealingPublicKey,
    find_suite,
    fingerprint,
    suites,
)
from sealgate.vault.anchor import Standing
from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.datakey import SealedSecret, opened_secret, seal_secret
from sealgate.vault.faults import AlarmError
from sealgate.vault.kek import KekError, bind
from sealgate.vault.kek_ring import KekRing
from sealgate.vault.peppers import Peppers
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import KEYRING
from sealgate.vault.verified import Verified
from sealgate.vault.witness import ERASED, ERASING, Witness

FIRST_EPOCH = 1
_PRIVATE_KEYS_LIMIT = 16_384
"""Unwrapped once, used many times: some 20 MB. OpenSSL overwrites a private half that it frees."""
_ORGANIZATIONS_LIMIT = 65_536
ENROLLED = "enrolled"
"""State in the anchor of an organization that has one pair of suite 1, as the first release made it."""

_THIS = "WHERE key_id = :key_id"
_THEIRS = "WHERE organization = :organization"
_OF_ORGANIZATION = KEYRING.select(f"{_THEIRS} ORDER BY epoch DESC, suite")
_UNTIL = KEYRING.select("WHERE organization LIKE :organization")
_BY_KEY_ID = KEYRING.select(_THIS)


class KeyringRecord(Struct, frozen=True):
    """One sealing key pair, the private half sealed."""

    key_id: bytes
    organization: str
    epoch: int
    suite: int
    public_key: bytes
    ciphertext: bytes
    wrapped_data_key: bytes
    kek_version: str
    made_at: float

    @property
    def public(self) -> SealingPublicKey:
        """What keys are sealed to; raises `ValueError` for a suite that this release does not know."""
        return SealingPublicKey(self.public_key, self.suite)


class SealingKeys(Struct, frozen=True):
    """What an organization offers in one epoch: a pair of every suite, the preferred one first."""

    epoch: int
    pairs: tuple[KeyringRecord, ...]

    @property
    def preferred(self) -> KeyringRecord:
        """The pair that the vault itself seals to."""
        return self.pairs[0]

    @property
    def made_at(self) -> float:
        """Unix seconds of the oldest pair: a suite may have joined later."""
        return min(pair.made_at for pair in self.pairs)

    @property
    def fingerprint(self) -> Fingerprint:
        """What people compare."""
        return fingerprint((pair.suite, pair.public_key) for pair in self.pairs)

    def find(self, suite: int, key_id: bytes) -> KeyringRecord | None:
        """The pair that an envelope's header names."""
        return next((pair for pair in self.pairs if (pair.suite, pair.key_id) == (suite, key_id)), None)


class Keyring:
    """Finds sealing keys, makes an organization's first ones with its pepper, and its next epochs."""

    def __init__(
        self,
        instance: str,
        database: Database,
        witness: Witness,
        *,
        kek: KekRing,
        seal: RowSeal,
        peppers: Peppers,
    ) -> None:
        self._instance = instance
        self._database = database
        self._witness = witness
        self._kek = kek
        self._peppers = peppers
        self._rows = SealedTable(KEYRING, KeyringRecord, seal)
        self._privates: Verified[SealingPrivateKey] = Verified(_PRIVATE_KEYS_LIMIT)
        self._newest: Verified[frozenset[bytes]] = Verified(_ORGANIZATIONS_LIMIT)

    def current(self, organization: str, now_s: float) -> SealingKeys:
        """The keys for new deposits, made at first use; raises `AlarmError` if any row was tampered with."""
        records = self._held(organization, strict=True)
        if not records:
            return self._enroll(organization, now_s)
        newest = _epoch(records, records[0].epoch)
        missing = [suite.id for suite in suites.SUITES if suite.id not in {each.suite for each in newest}]
        if not missing:
            return _offer(newest)
        added = [self._make(organization, newest[0].epoch, suite, now_s) for suite in missing]
        self._change(organization, added=added, kept=records)
        return _offer([*newest, *added])

    def newest(self, organization: str) -> SealingKeys:
        """The keys of the newest epoch of an organization that has some; makes none."""
        records = self._held(organization)
        if not records:
            raise self._rows.seal.alarm("keyring", organization)
        return _offer(_epoch(records, records[0].epoch))

    def offered(self, key_id: bytes, organization: str) -> SealingKeys:
        """The keys of the epoch that one of its pairs names; raises `AlarmError` if there is none."""
        records = self._held(organization)
        found = next((each for each in records if each.key_id == key_id), None)
        if found is None:
            raise self._rows.seal.alarm("keyring", organization)
        return _offer(_epoch(records, found.epoch))

    def by_key_id(self, key_id: bytes, organization: str) -> KeyringRecord:
        """An organization's pair by its id; raises `AlarmError` if there is none."""
        row = self._database.row(_BY_KEY_ID, {"key_id": key_id})
        record = None if row is None else self._rows.read(row)
        if record is None or record.organization != organization:
            raise self._rows.seal.alarm("keyring", organization)
        return record

    def private(self, key_id: bytes, organization: str) -> SealingPrivateKey:
        """The private half of a pair of this organization; raises `AlarmError` if it does not unwrap."""
        known = self._privates.find((key_id, organization))
        return known or self._unwrapped(self.by_key_id(key_id, organization))

    def private_here(self, key_id: bytes, organization: str) -> SealingPrivateKey | None:
        """The same; None where the KEK's keeper would have to be asked."""
        known = self._privates.find((key_id, organization))
        if known is not None:
            return known
        record = self._among_all(key_id, organization)
        return self._unwrapped(record) if self._kek.is_here(record.kek_version) else None

    async def unwrap_ahead(self, key_id: bytes, organization: str) -> None:
        """Have `private` find it unwrapped, without holding up anybody else; raises what `private` does."""
        record = self.by_key_id(key_id, organization)
        private = await self._kek.ahead((key_id, organization), lambda: self._unwrap(record))
        if self.by_key_id(key_id, organization) == record:  # it may have ended meanwhile
            self._privates.get((key_id, organization), lambda: private)

    def _among_all(self, key_id: bytes, organization: str) -> KeyringRecord:
        """The same as `by_key_id`; where every pair is sound, one reading tells which are the newest too."""
        with contextlib.suppress(AlarmError):
            records = self._held(organization)
            found = next((each for each in records if each.key_id == key_id), None)
            if found is not None:
                self._note_newest(organization, _epoch(records, records[0].epoch))
                return found
        return self.by_key_id(key_id, organization)

    def is_newest(self, key_id: bytes, organization: str) -> bool:
        """True for a pair of the newest epoch; costs no reading once it is known."""
        known = self._newest.find(organization)
        if known is None:
            known = self._note_newest(organization, self.newest(organization).pairs)
        return key_id in known

    def _note_newest(self, organization: str, pairs: Iterable[KeyringRecord]) -> frozenset[bytes]:
        known = frozenset(pair.key_id for pair in pairs)
        self._newest.put(organization, known)
        return known

    def rotate(self, organization: str, now_s: float) -> SealingKeys:
        """Begin a new epoch, with fresh pairs of every suite; what is sealed to older ones still opens."""
        records = self._held(organization, strict=True)
        if not records:
            return self._enroll(organization, now_s)
        pairs = self._make_epoch(organization, records[0].epoch + 1, now_s)
        self._change(organization, added=pairs, kept=records)
        return _offer(pairs)

    def epochs(self, organization: str) -> tuple[SealingKeys, ...]:
        """Every epoch whose pairs are held, the oldest first; none for an organization never seen."""
        records = self._held(organization)
        numbers = sorted({each.epoch for each in records})
        return tuple(_offer(_epoch(records, number)) for number in numbers)

    def outdated(self, organization: str) -> tuple[SealingKeys, ...]:
        """Every epoch before the newest that is still held, the oldest first."""
        return self.epochs(organization)[:-1]

    def destroy(self, keys: SealingKeys) -> None:
        """Destroy both halves of an old epoch, here and on disk; the caller knows that nothing needs them."""
        organization = keys.preferred.organization
        records = self._held(organization)
        if keys.epoch >= records[0].epoch:
            msg = f"epoch {keys.epoch} of {organization} is in use"
            raise ValueError(msg)
        gone = _epoch(records, keys.epoch)
        self._change(organization, kept=[each for each in records if each not in gone], gone=gone)
        for pair in gone:
            self._privates.drop((pair.key_id, organization))
        self._database.forget()

    def erase(self, connection: Connection, organization: str) -> None:
        """Destroy every pair of an organization, inside the transaction that erases it."""
        theirs = {"organization": organization}
        for key_id, *_ in connection.execute(_OF_ORGANIZATION, theirs):
            self._privates.drop((key_id, organization))
        connection.execute(KEYRING.delete(_THEIRS), theirs)
        self._newest.drop(organization)

    def is_held(self, key_id: bytes) -> bool:
        """True while there is a row of this pair, be it sound or not."""
        return self._database.row(_BY_KEY_ID, {"key_id": key_id}) is not None

    def made_until(self, organization: str, until_s: float) -> tuple[bytes, ...]:
        """Ids of the pairs of then that an organization still has, edited ones too; empty: everybody's."""
        rows = self._database.rows(_UNTIL, {"organization": organization or "%"})
        read = ((row[0], self._rows.read_quietly(row)) for row in rows)
        found = (key_id for key_id, record in read if record is None or record.made_at <= until_s)
        return tuple(key_id for key_id in found if isinstance(key_id, bytes))

    def _held(self, organization: str, *, strict: bool = False) -> Sequence[KeyringRecord]:
        """Every pair, newest epoch first; nothing for an organization that was never seen.

        A row that does not verify raises its alarm and is left out; then the rest must be what was witnessed.
        """
        rows = self._database.rows(_OF_ORGANIZATION, {"organization": organization})
        records = [record for row in rows if (record := self._sound(row)) is not None]
        standing = self._witness.standing(organization)
        if not rows and (standing is None or standing.state in {ERASING, ERASED}):
            return ()
        if not _is_witnessed(records, standing) or (strict and len(records) != len(rows)):
            raise self._rows.seal.alarm("keyring", organization)
        return records

    def _sound(self, row: Sequence[Cell]) -> KeyringRecord | None:
        try:
            return self._rows.read(row)
        except AlarmError:
            return None

    def _unwrapped(self, record: KeyringRecord) -> SealingPrivateKey:
        private = self._unwrap(record)
        self._privates.put((record.key_id, record.organization), private)
        return private

    def _unwrap(self, record: KeyringRecord) -> SealingPrivateKey:
        sealed = SealedSecret(record.ciphertext, record.wrapped_data_key, record.kek_version)
        try:
            with opened_secret(self._kek, sealed, private_context(self._instance, record)) as raw:
                return SealingPrivateKey.dangerously_from_bytes(raw, record.suite)
        except KekError as error:
            raise self._rows.seal.alarm("keyring", record.organization) from error

    def _enroll(self, organization: str, now_s: float) -> SealingKeys:
        pairs = self._make_epoch(organization, FIRST_EPOCH, now_s)
        self._change(organization, added=pairs, pepper=True)
        return _offer(pairs)

    def _change(
        self,
        organization: str,
        *,
        added: Sequence[KeyringRecord] = (),
        kept: Iterable[KeyringRecord] = (),
        gone: Sequence[KeyringRecord] = (),
        pepper: bool = False,
    ) -> None:
        """Write pairs and remove others in one witnessed change: happened whole, or not at all."""
        standing = self._witness.standing(organization)
        revision = 1 if standing is None else standing.version + 1
        with self._witness.change(organization, revision, state_of([*kept, *added])) as connection:
            connection.executemany(KEYRING.insert, map(self._rows.row, added))
            self._remove(connection, gone)
            if pepper:
                self._peppers.make(connection, organization)
        self._newest.drop(organization)

    @staticmethod
    def _remove(connection: Connection, gone: Sequence[KeyringRecord]) -> None:
        for record in gone:
            connection.execute(KEYRING.delete(_THIS), {"key_id": record.key_id})

    def _make_epoch(self, organization: str, epoch: int, now_s: float) -> list[KeyringRecord]:
        return [self._make(organization, epoch, suite.id, now_s) for suite in suites.SUITES]

    def _make(self, organization: str, epoch: int, suite: int, now_s: float) -> KeyringRecord:
        private = SealingPrivateKey.generate(suite)
        key_id, public = secrets.token_bytes(KEY_ID_BYTES), private.public.raw
        bare = KeyringRecord(key_id, organization, epoch, suite, public, b"", b"", "", now_s)
        context = private_context(self._instance, bare)
        sealed = seal_secret(self._kek, private.dangerously_to_bytes(), context)
        return structs.replace(
            bare,
            ciphertext=sealed.ciphertext,
            wrapped_data_key=sealed.wrapped_data_key,
            kek_version=sealed.kek_version,
        )


def _epoch(records: Sequence[KeyringRecord], epoch: int) -> list[KeyringRecord]:
    return [record for record in records if record.epoch == epoch]


def _offer(records: Sequence[KeyringRecord]) -> SealingKeys:
    """In the order of the table of suites; a pair of a suite that this release does not know is left out."""
    rank = {suite.id: number for number, suite in enumerate(suites.SUITES)}
    known = [record for record in records if find_suite(record.suite) is not None]
    known.sort(key=lambda record: rank[record.suite])
    return SealingKeys(known[0].epoch, tuple(known))


def state_of(records: Iterable[KeyringRecord]) -> str:
    """How the anchor names a set of pairs."""
    names = b"".join(sorted(record.key_id for record in records))
    return f"keys-{hashlib.sha256(names).hexdigest()[:32]}"


def _is_witnessed(records: Sequence[KeyringRecord], standing: Standing | None) -> bool:
    if standing is None:
        return False
    if standing.state == ENROLLED:
        return [(record.epoch, record.suite) for record in records] == [(FIRST_EPOCH, suites.SUITE_1)]
    return standing.state == state_of(records)


def private_context(instance: str, record: KeyringRecord) -> bytes:
    """What the private half of a pair is bound to under the KEK."""
    # Without the suite, which the first release did not have; the row's MAC binds it.
    fields = (instance, record.organization, record.epoch, record.key_id, record.public_key)
    return bind("sealgate keyring v1", *fields)
