"""Peppers: 32 random bytes per organization, sealed like private keys, from which pseudonyms are keyed.

Counterpart: `sealgate.messages.pseudonym`, which proxies use with the key derived here. A pepper never leaves the vault:
a proxy is given the key of one application, the console one pseudonym at a time.
"""

from __future__ import annotations

import hmac
import secrets

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from sealgate.vault.database import Database
from sealgate.vault.datakey import SealedSecret, opened_secret, seal_secret
from sealgate.vault.kek import KekError, KekProvider, bind
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import PEPPERS

_PEPPER_BYTES = 32
_BY_ORGANIZATION = select(PEPPERS).where(PEPPERS.c.organization == bindparam("organization"))


class PepperRecord(Struct, frozen=True):
    """One organization's pepper, sealed."""

    organization: str
    ciphertext: bytes
    wrapped_data_key: bytes
    kek_version: str


class Peppers:
    """Makes peppers and derives pseudonym keys from them."""

    def __init__(self, instance: str, database: Database, kek: KekProvider, seal: RowSeal) -> None:
        self._instance = instance
        self._database = database
        self._kek = kek
        self.rows = SealedTable(PEPPERS, PepperRecord, seal)

    def make(self, connection: Connection, organization: str) -> None:
        """Draw an organization's pepper, inside the transaction that enrolls it."""
        sealed = seal_secret(self._kek, secrets.token_bytes(_PEPPER_BYTES), self._context(organization))
        record = PepperRecord(organization, sealed.ciphertext, sealed.wrapped_data_key, sealed.kek_version)
        connection.execute(PEPPERS.insert(), self.rows.row(record))

    def find(self, organization: str) -> PepperRecord | None:
        """An organization's pepper; None for one that never took a ticket."""
        row = self._database.row(_BY_ORGANIZATION, {"organization": organization})
        return None if row is None else self.rows.read(row)

    def pseudonym_key(self, record: PepperRecord, application: str) -> bytes:
        """The 32-byte key of an application's pseudonyms: HMAC-SHA-256(pepper, label and application).

        Raises `AlarmError` if the KEK does not open the pepper in this place.
        """
        sealed = SealedSecret(record.ciphertext, record.wrapped_data_key, record.kek_version)
        try:
            with opened_secret(self._kek, sealed, self._context(record.organization)) as pepper:
                return hmac.digest(pepper, bind("sealgate pseudonym key v1", application), "sha256")
        except KekError as error:
            raise self.rows.seal.alarm("peppers", record.organization) from error

    def _context(self, organization: str) -> bytes:
        return bind("sealgate pepper v1", self._instance, organization)
