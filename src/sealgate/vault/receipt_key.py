"""The vault's receipt key: an Ed25519 pair that signs receipts of erasure, its private half under the KEK.

Counterpart: `receipts`, which signs with it. Made when it is first asked for, once and for all: the anchor
remembers its public half, so one that was taken away is not replaced in silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from sealgate.vault.database import Database
from sealgate.vault.datakey import SealedSecret, opened_secret, seal_secret
from sealgate.vault.kek import KekError, KekProvider, bind
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import RECEIPT_KEY
from sealgate.vault.witness import Witness

SUBJECT = "receipt-key"
"""What the anchor calls it; its state there names the public half."""
_EVERY = RECEIPT_KEY.select()


class ReceiptKeyRecord(Struct, frozen=True):
    """The one row."""

    public_key: bytes
    ciphertext: bytes
    wrapped_data_key: bytes
    kek_version: str
    made_at: float


class ReceiptKey:
    """Makes the key, shows its public half, and opens the private one for a signature."""

    def __init__(
        self, instance: str, database: Database, witness: Witness, kek: KekProvider, seal: RowSeal
    ) -> None:
        self._instance = instance
        self._database = database
        self._witness = witness
        self._kek = kek
        self._rows = SealedTable(RECEIPT_KEY, ReceiptKeyRecord, seal)

    def public(self) -> bytes:
        """The public half, 32 bytes; empty before the key was made. Raises `AlarmError` for a damaged row."""
        record = self._record()
        return b"" if record is None else record.public_key

    def ensure(self, now_s: float) -> bytes:
        """The public half of the key, made now if there is none; raises `AlarmError`."""
        return self.public() or self._make(now_s)

    def sign(self, sign: Callable[[Ed25519PrivateKey], str], now_s: float) -> str:
        """What `sign` makes with the private key; raises `AlarmError` where that does not open."""
        self.ensure(now_s)
        record = self._record()
        assert record is not None, "it was made a moment ago"
        sealed = SealedSecret(record.ciphertext, record.wrapped_data_key, record.kek_version)
        try:
            with opened_secret(self._kek, sealed, receipt_key_context(self._instance, record)) as raw:
                return sign(Ed25519PrivateKey.from_private_bytes(raw))
        except KekError as error:
            raise self._rows.seal.alarm("receipt_key", SUBJECT) from error

    def _record(self) -> ReceiptKeyRecord | None:
        rows = self._database.rows(_EVERY)
        standing = self._witness.standing(SUBJECT)
        if not rows and standing is None:
            return None
        records = [self._rows.read(row) for row in rows]
        if len(records) != 1 or standing is None or standing.state != state_of(records[0].public_key):
            raise self._rows.seal.alarm("receipt_key", SUBJECT)
        return records[0]

    def _make(self, now_s: float) -> bytes:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        bare = ReceiptKeyRecord(public, b"", b"", "", now_s)
        sealed = seal_secret(
            self._kek, private.private_bytes_raw(), receipt_key_context(self._instance, bare)
        )
        record = ReceiptKeyRecord(
            public, sealed.ciphertext, sealed.wrapped_data_key, sealed.kek_version, now_s
        )
        with self._witness.change(SUBJECT, 1, state_of(public)) as connection:
            connection.execute(RECEIPT_KEY.insert, self._rows.row(record))
        return public


def receipt_key_context(instance: str, record: ReceiptKeyRecord) -> bytes:
    """What the private half is bound to under the KEK."""
    return bind("sealgate receipt key v1", instance, record.public_key)


def state_of(public_key: bytes) -> str:
    return f"key-{hashlib.sha256(public_key).hexdigest()[:32]}"
