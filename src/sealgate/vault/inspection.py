"""Explains what the vault holds, and what an envelope is, without a secret: for `sealgate vault inspect`.

Counterparts: `operator`, where it runs in the vault; the command itself, where the vault is stopped. It reads
and never opens: no private key is unwrapped for it, no plaintext of an envelope is made.
"""

from __future__ import annotations

import hmac

from sealgate.envelope import EnvelopeError, decode_text, find_suite, read_header
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.operating import EnvelopeInspected, PairInspected, VaultInspected
from sealgate.vault import fields
from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import AlarmError
from sealgate.vault.foundation import Foundation
from sealgate.vault.keyring import KeyringRecord
from sealgate.vault.rowseal import Cell, SealedTable
from sealgate.vault.schema import (
    ADMINISTRATORS,
    CREDENTIALS,
    KEYRING,
    PASSKEYS,
    PEPPERS,
    TICKETS,
    VERSIONS,
    Table,
)
from sealgate.vault.versions import CredentialRecord, VersionRecord

PAIRS_LIMIT = 200

_PAIRS = KEYRING.select(
    f"WHERE organization LIKE :organization ORDER BY organization, epoch, suite LIMIT {PAIRS_LIMIT}"
)
_BY_KEY_ID = KEYRING.select("WHERE key_id = :key_id")
_SEALED_TO = VERSIONS.count("WHERE key_id = :key_id AND envelope IS NOT NULL")
_BY_KEY_ID_OF_VERSION = VERSIONS.select("WHERE key_id = :key_id")
_CREDENTIAL = CREDENTIALS.select("WHERE credential = :credential")
_ABLE = "SELECT organization FROM administrators WHERE passkeys > 0"
_COUNTED: tuple[Table, ...] = (
    PEPPERS,
    KEYRING,
    CREDENTIALS,
    VERSIONS,
    TICKETS,
    ADMINISTRATORS,
    PASSKEYS,
)


class Inspection:
    """Looks at one vault's files."""

    def __init__(self, config: VaultConfig, base: Foundation) -> None:
        self._instance = config.instance
        self._policy = config.deposits_need_passkey
        self._database = base.database
        self._ring = base.kek
        self._pairs = SealedTable(KEYRING, KeyringRecord, base.seal)
        self._versions = SealedTable(VERSIONS, VersionRecord, base.seal)
        self._credentials = SealedTable(CREDENTIALS, CredentialRecord, base.seal)

    def look(self, envelope: str, organization: str) -> VaultInspected:
        """Everything, or one organization's pairs; and an envelope's text, if one is given.

        Raises `RefusedError` for a text that is no envelope, and for what is no organization.
        """
        if organization:
            fields.check_id("org", "organization", organization)
        rows = self._database.rows(_PAIRS, {"organization": organization or "%"})
        return VaultInspected(
            instance=self._instance,
            kek=self._ring.version,
            rows={str(table.name): self._count(table) for table in _COUNTED},
            pairs=tuple(self._pair(row) for row in rows),
            more_pairs=max(0, self._count(KEYRING) - PAIRS_LIMIT) if not organization else 0,
            envelope=self._envelope(envelope) if envelope else None,
            stuck=self._stuck(),
        )

    def _stuck(self) -> tuple[str, ...]:
        able = {row[0] for row in self._database.rows(_ABLE)}
        return tuple(scope for scope in self._policy if not able & {"", scope})

    def _pair(self, row: tuple[Cell, ...]) -> PairInspected:
        try:
            record, sound = self._pairs.read(row), True
        except AlarmError:
            record, sound = KeyringRecord(*row[:-1]), False  # type: ignore[arg-type]
        return PairInspected(
            key_id=_hex(record.key_id),
            organization=str(record.organization),
            epoch=_number(record.epoch),
            suite=_number(record.suite),
            public_key=_hex(record.public_key),
            made_at=record.made_at if isinstance(record.made_at, float) else 0.0,
            kek=str(record.kek_version),
            envelopes=_number(self._database.rows(_SEALED_TO, {"key_id": record.key_id})[0][0]),
            verifies=sound,
        )

    def _envelope(self, text: str) -> EnvelopeInspected:
        try:
            raw = decode_text(text)
            header = read_header(raw)
        except EnvelopeError:
            raise RefusedError(
                Refusal(
                    code="no_envelope",
                    message="this is no envelope of a suite that this release knows",
                    hint="give its text form: base64url without padding, on one line",
                )
            ) from None
        suite = find_suite(header.suite)
        rows = self._database.rows(_BY_KEY_ID, {"key_id": header.key_id})
        stored = self._stored(header.key_id, raw)
        bound = None if stored is None else self._bound(stored.credential)
        return EnvelopeInspected(
            format_version=raw[0],
            suite=header.suite,
            suite_name="" if suite is None else suite.name,
            bytes=len(raw),
            key_id=header.key_id.hex(),
            pair=self._pair(rows[0]) if rows else None,
            credential="" if stored is None else stored.credential,
            version=0 if stored is None else stored.version,
            application="" if bound is None else bound.application,
            destination="" if bound is None else f"{bound.provider} {bound.origin}",
        )

    def _stored(self, key_id: bytes, raw: bytes) -> VersionRecord | None:
        """The version whose envelope this is."""
        for row in self._database.rows(_BY_KEY_ID_OF_VERSION, {"key_id": key_id}):
            try:
                record = self._versions.read(row)
            except AlarmError:
                continue
            if record.envelope is not None and hmac.compare_digest(record.envelope, raw):
                return record
        return None

    def _bound(self, credential: str) -> CredentialRecord | None:
        row = self._database.row(_CREDENTIAL, {"credential": credential})
        try:
            return None if row is None else self._credentials.read(row)
        except AlarmError:
            return None

    def _count(self, table: Table) -> int:
        return _number(self._database.rows(table.count())[0][0])


def _hex(value: Cell) -> str:
    return value.hex() if isinstance(value, bytes) else ""


def _number(value: Cell) -> int:
    return value if isinstance(value, int) else -1
