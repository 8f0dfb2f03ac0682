"""Carries rows with a MAC from one schema to the next: what verifies is sealed anew, the rest stays refused.

Counterpart: `migrations`, whose steps name these functions. Each knows both forms of its rows by itself, not
by `schema`, which will have moved on. An upgrade must not be a way to have an edited row sealed.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from sealgate.vault.connection import Connection
from sealgate.vault.faults import AlarmError
from sealgate.vault.rowseal import Cell, RowSeal
from sealgate.vault.schema import Table


class Proof(Struct, frozen=True):
    """What tells the vault's own newest rows from all others."""

    seal: RowSeal
    stands: Callable[[str, int, str], bool]
    """Whether a subject has come to this version and state, and no further: `Witness.stands`."""


_CREDENTIAL_BEFORE = (
    "credential",
    "organization",
    "application",
    "provider",
    "origin",
    "version",
    "state",
    "key_id",
    "envelope",
    "fingerprint",
    "last_four",
    "deposited_at",
    "revoked_at",
)


_KEYRING_BEFORE = (
    "key_id",
    "organization",
    "epoch",
    "public_key",
    "ciphertext",
    "wrapped_data_key",
    "kek_version",
    "made_at",
)
_ONLY_SUITE = 1


def carry_keyring(connection: Connection, proof: Proof) -> None:
    """Every pair was of suite 1: the one that there was."""
    for values in _every(connection, "keyring_before", _KEYRING_BEFORE):
        *cells, mac = values
        before = dict(zip(_KEYRING_BEFORE, cells, strict=True))
        row = {**before, "suite": _ONLY_SUITE}
        row = {name: row[name] for name in (*_KEYRING_BEFORE[:3], "suite", *_KEYRING_BEFORE[3:])}
        genuine = hmac.compare_digest(mac, proof.seal.mac("keyring", _KEYRING_BEFORE, cells))
        if not genuine:
            proof.seal.alarm("keyring", before["organization"])
        _insert(
            connection,
            "keyring",
            row,
            proof.seal.mac("keyring", tuple(row), tuple(row.values())) if genuine else b"",
        )


def carry_credentials(connection: Connection, proof: Proof) -> None:
    """One row per credential becomes the credential's row and that of its one version."""
    for values in _every(connection, "credentials_before", _CREDENTIAL_BEFORE):
        *cells, mac = values
        before = dict(zip(_CREDENTIAL_BEFORE, cells, strict=True))
        try:
            _verify(proof, cells, mac, before)
        except AlarmError:
            _insert(connection, "credentials", _credential(before), b"")
            continue
        for name, row in (("credentials", _credential(before)), ("versions", _version(before))):
            _insert(connection, name, row, proof.seal.mac(name, tuple(row), tuple(row.values())))


def _verify(proof: Proof, cells: Sequence[Cell], mac: bytes, before: Mapping[str, Cell]) -> None:
    expected = proof.seal.mac("credentials", _CREDENTIAL_BEFORE, cells)
    newest = proof.stands(str(before["credential"]), _number(before["version"]), str(before["state"]))
    if not hmac.compare_digest(mac, expected) or not newest:
        raise proof.seal.alarm("credentials", before["credential"])


def _credential(before: Mapping[str, Cell]) -> dict[str, Cell]:
    version = before["version"]
    bound = ("credential", "organization", "application", "provider", "origin", "state")
    return {name: before[name] for name in bound} | {
        "revision": version,  # what the witness counted until now
        "newest": version,
        "active": version,
        "staged": None,
        "previous": None,
        "revoked_at": before["revoked_at"],
    }


def _version(before: Mapping[str, Cell]) -> dict[str, Cell]:
    version = {"version": before["version"], "revision": before["version"]}
    kept = ("key_id", "envelope", "fingerprint", "last_four", "deposited_at")
    return {"credential": before["credential"]} | version | {name: before[name] for name in kept}


def _every(connection: Connection, name: str, columns: Sequence[str]) -> list[Sequence[Any]]:
    return connection.execute(f"SELECT {', '.join(columns)}, mac FROM {name}").fetchall()  # noqa: S608 - ours


def _insert(connection: Connection, name: str, row: Mapping[str, Cell], mac: bytes) -> None:
    connection.execute(Table(name, *row, "mac").insert, {**row, "mac": mac})


def _number(value: Cell) -> int:
    return value if isinstance(value, int) else -1
