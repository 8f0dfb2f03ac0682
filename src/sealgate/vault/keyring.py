"""The keyring: one X25519 pair per organization and epoch, its private half sealed under the KEK.

Counterparts: `deposits` gives the public half to the sealing page, `opener` opens with the private one. A
key that is not in a row that the vault wrote itself is never given out: a planted one could read the next
deposit.
"""

from __future__ import annotations

import secrets

from msgspec import Struct
from sqlalchemy import bindparam, select

from sealgate.envelope import KEY_ID_BYTES, SealingPrivateKey, SealingPublicKey
from sealgate.vault.database import Database, Query
from sealgate.vault.datakey import SealedSecret, opened_secret, seal_secret
from sealgate.vault.kek import KekError, KekProvider, bind
from sealgate.vault.peppers import Peppers
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import KEYRING
from sealgate.vault.verified import Verified
from sealgate.vault.witness import Witness

FIRST_EPOCH = 1
_PRIVATE_KEYS_LIMIT = 1024
ENROLLED = "enrolled"
"""State of an organization in the anchor once its keyring exists."""

_NEWEST = Query(
    select(KEYRING)
    .where(KEYRING.c.organization == bindparam("organization"))
    .order_by(KEYRING.c.epoch.desc())
    .limit(1)
)
_BY_KEY_ID = Query(select(KEYRING).where(KEYRING.c.key_id == bindparam("key_id")))


class KeyringRecord(Struct, frozen=True):
    """One sealing key pair, the private half sealed."""

    key_id: bytes
    organization: str
    epoch: int
    public_key: bytes
    ciphertext: bytes
    wrapped_data_key: bytes
    kek_version: str
    made_at: float

    @property
    def public(self) -> SealingPublicKey:
        """What keys are sealed to."""
        return SealingPublicKey(self.public_key)


class Keyring:
    """Finds sealing keys and makes an organization's first one, with its pepper."""

    def __init__(
        self,
        instance: str,
        database: Database,
        witness: Witness,
        *,
        kek: KekProvider,
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

    def current(self, organization: str, now_s: float) -> KeyringRecord:
        """The pair for new deposits, made at first use; raises `AlarmError` if it was removed."""
        row = self._database.row(_NEWEST, {"organization": organization})
        if row is not None:
            return self._rows.read(row)
        if self._witness.standing(organization) is not None:
            raise self._rows.seal.alarm("keyring", organization)
        return self._enroll(organization, now_s)

    def by_key_id(self, key_id: bytes, organization: str) -> KeyringRecord:
        """An organization's pair by its id; raises `AlarmError` if there is none."""
        row = self._database.row(_BY_KEY_ID, {"key_id": key_id})
        record = None if row is None else self._rows.read(row)
        if record is None or record.organization != organization:
            raise self._rows.seal.alarm("keyring", organization)
        return record

    def private(self, key_id: bytes, organization: str) -> SealingPrivateKey:
        """The private half of a pair of this organization; raises `AlarmError` if it does not unwrap."""
        return self._privates.get(
            (key_id, organization), lambda: self._unwrap(self.by_key_id(key_id, organization))
        )

    def _unwrap(self, record: KeyringRecord) -> SealingPrivateKey:
        sealed = SealedSecret(record.ciphertext, record.wrapped_data_key, record.kek_version)
        context = private_context(self._instance, record)
        try:
            with opened_secret(self._kek, sealed, context) as raw:
                return SealingPrivateKey.dangerously_from_bytes(raw)
        except KekError as error:
            raise self._rows.seal.alarm("keyring", record.organization) from error

    def _enroll(self, organization: str, now_s: float) -> KeyringRecord:
        record = self._make(organization, FIRST_EPOCH, now_s)
        with self._witness.change(organization, FIRST_EPOCH, ENROLLED) as connection:
            connection.execute(KEYRING.insert(), self._rows.row(record))
            self._peppers.make(connection, organization)
        return record

    def _make(self, organization: str, epoch: int, now_s: float) -> KeyringRecord:
        private = SealingPrivateKey.generate()
        key_id, public = secrets.token_bytes(KEY_ID_BYTES), private.public.raw
        context = self._context(organization, epoch, key_id, public)
        sealed = seal_secret(self._kek, private.dangerously_to_bytes(), context)
        return KeyringRecord(
            key_id,
            organization,
            epoch,
            public,
            sealed.ciphertext,
            sealed.wrapped_data_key,
            sealed.kek_version,
            now_s,
        )

    def _context(self, organization: str, epoch: int, key_id: bytes, public: bytes) -> bytes:
        return bind("sealgate keyring v1", self._instance, organization, epoch, key_id, public)


def private_context(instance: str, record: KeyringRecord) -> bytes:
    """What a record's private half is bound to."""
    bound = (record.organization, record.epoch, record.key_id, record.public_key)
    return bind("sealgate keyring v1", instance, *bound)
