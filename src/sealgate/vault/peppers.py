"""Peppers: 32 random bytes per organization, sealed like private keys, from which pseudonyms are keyed.

Counterpart: `sealgate.messages.pseudonym`, which proxies use with the key derived here. A pepper never
leaves the vault: a proxy is given the key of one application, the console one pseudonym at a time.
"""

from __future__ import annotations

import hmac
import secrets

from msgspec import Struct

from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.datakey import SealedSecret, opened_secret, seal_secret
from sealgate.vault.kek import KekError, bind
from sealgate.vault.kek_ring import KekRing
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import PEPPERS
from sealgate.vault.verified import Verified
from sealgate.vault.witness import Witness

_PEPPER_BYTES = 32
_KEYS_LIMIT = 65_536
_THEIRS = "WHERE organization = :organization"
_BY_ORGANIZATION = PEPPERS.select(_THEIRS)


class PepperRecord(Struct, frozen=True):
    """One organization's pepper, sealed."""

    organization: str
    ciphertext: bytes
    wrapped_data_key: bytes
    kek_version: str


class Peppers:
    """Makes peppers and derives pseudonym keys from them."""

    def __init__(
        self, instance: str, database: Database, witness: Witness, kek: KekRing, seal: RowSeal
    ) -> None:
        self._instance = instance
        self._database = database
        self._witness = witness
        self._kek = kek
        self._rows = SealedTable(PEPPERS, PepperRecord, seal)
        self._keys: Verified[bytes] = Verified(_KEYS_LIMIT)

    def make(self, connection: Connection, organization: str) -> None:
        """Draw an organization's pepper, inside the transaction that enrolls it."""
        sealed = seal_secret(
            self._kek, secrets.token_bytes(_PEPPER_BYTES), pepper_context(self._instance, organization)
        )
        record = PepperRecord(organization, sealed.ciphertext, sealed.wrapped_data_key, sealed.kek_version)
        connection.execute(PEPPERS.insert, self._rows.row(record))

    def pseudonym_key(self, organization: str, application: str) -> bytes:
        """The 32-byte key of an application's pseudonyms: HMAC-SHA-256(pepper, label and application).

        Raises `LookupError` for an organization that never took a ticket or was erased, and for an erased
        application; `AlarmError` for a damaged pepper.
        """
        if self._witness.is_erased(organization) or self._witness.is_erased(application):
            raise LookupError(organization)
        return self._keys.get((organization, application), lambda: self._derive(organization, application))

    def key_here(self, organization: str, application: str) -> bytes | None:
        """The same, for who has seen that neither is erased; None where the KEK's keeper must be asked."""
        known = self._keys.find((organization, application))
        if known is not None:
            return known
        record = self._sure_record(organization)
        if not self._kek.is_here(record.kek_version):
            return None
        return self._keys.get((organization, application), lambda: self._derived(record, application))

    async def unwrap_ahead(self, organization: str, application: str) -> None:
        """Have `pseudonym_key` find it derived, without holding up anybody else; raises what that does."""
        record = self._record(organization)
        if record is None:
            return
        work = (organization, application)
        key = await self._kek.ahead(work, lambda: self._derived(record, application))
        if self._record(organization) == record:  # it may have been erased meanwhile
            self._keys.get(work, lambda: key)

    def erase(self, connection: Connection, organization: str) -> None:
        """Destroy an organization's pepper, inside the transaction that erases it."""
        connection.execute(PEPPERS.delete(_THEIRS), {"organization": organization})
        self._keys.drop_all(lambda key: key[0] == organization)

    def _derive(self, organization: str, application: str) -> bytes:
        return self._derived(self._sure_record(organization), application)

    def _sure_record(self, organization: str) -> PepperRecord:
        record = self._record(organization)
        if record is None and self._witness.standing(organization) is None:
            raise LookupError(organization)
        if record is None:
            raise self._rows.seal.alarm("peppers", organization)
        return record

    def _record(self, organization: str) -> PepperRecord | None:
        row = self._database.row(_BY_ORGANIZATION, {"organization": organization})
        return None if row is None else self._rows.read(row)

    def _derived(self, record: PepperRecord, application: str) -> bytes:
        organization = record.organization
        sealed = SealedSecret(record.ciphertext, record.wrapped_data_key, record.kek_version)
        try:
            with opened_secret(self._kek, sealed, pepper_context(self._instance, organization)) as pepper:
                return hmac.digest(pepper, bind("sealgate pseudonym key v1", application), "sha256")
        except KekError as error:
            raise self._rows.seal.alarm("peppers", organization) from error


def pepper_context(instance: str, organization: str) -> bytes:
    """What an organization's pepper is bound to."""
    return bind("sealgate pepper v1", instance, organization)
