"""The root secret: 32 random bytes under the KEK, from which the vault's own MAC keys are derived.

Counterparts: `rowseal`, `witness`, `fingerprint`. Wrapped rather than derived from the KEK itself, so that
a KEK that only wraps and unwraps (an HSM, a KMS) does as well as a file.
"""

from __future__ import annotations

import secrets
from typing import Never

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.datakey import SealedSecret, opened_secret, seal_secret, wipe
from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekError, KekProvider, bind
from sealgate.vault.schema import ROOT

_ROOT_BYTES = 32
_EVERY_ROOT = ROOT.select()


class RootKeys:
    """What is derived from the root secret (HKDF-Expand, RFC 5869 §2.3), one key per purpose."""

    __slots__ = ("anchor", "fingerprint", "links", "rows", "waymarks")

    def __init__(self, root: bytes | bytearray) -> None:
        self.rows = _derive(root, b"sealgate row seal v1")
        self.anchor = _derive(root, b"sealgate anchor v1")
        self.fingerprint = _derive(root, b"sealgate fingerprint v1")
        self.links = _derive(root, b"sealgate links v1")
        self.waymarks = _derive(root, b"sealgate waymarks v1")

    def __repr__(self) -> str:
        return "<RootKeys>"

    def __reduce__(self) -> Never:
        raise TypeError("root keys cannot be copied or pickled")


def make_root(connection: Connection, kek: KekProvider, instance: str) -> None:
    """Draw the root secret of a new database, inside the caller's transaction."""
    root = bytearray(secrets.token_bytes(_ROOT_BYTES))
    try:
        sealed = seal_secret(kek, root, root_context(instance))
    finally:
        wipe(root)
    values = {
        "instance": instance,
        "ciphertext": sealed.ciphertext,
        "wrapped_data_key": sealed.wrapped_data_key,
    }
    connection.execute(ROOT.insert, values | {"kek_version": sealed.kek_version})


def root_version(database: Database) -> str:
    """Which KEK version wrapped the root; what the row says, not proven yet. Raises `StartError`."""
    rows = database.rows(_EVERY_ROOT)
    if len(rows) != 1:
        raise StartError("root_damaged", "vault.db has lost its root row", "restore vault.db")
    return str(rows[0][3])


def load_root(database: Database, kek: KekProvider, instance: str) -> RootKeys:
    """Derive the keys; raises `StartError` for a wrong KEK, another instance's database or an altered row."""
    rows = database.rows(_EVERY_ROOT)
    if len(rows) != 1:
        raise StartError("root_damaged", "vault.db has lost its root row", "restore vault.db")
    found, ciphertext, wrapped, version = rows[0]
    if found != instance:
        raise StartError(
            "other_instance",
            f"vault.db belongs to another instance than {instance}",
            "set the instance id that it was made with, or choose another data folder",
        )
    if not isinstance(ciphertext, bytes) or not isinstance(wrapped, bytes):
        raise StartError("root_damaged", "the root row of vault.db does not verify", "restore vault.db")
    sealed = SealedSecret(ciphertext, wrapped, str(version))
    try:
        with opened_secret(kek, sealed, root_context(instance)) as root:
            return RootKeys(root)
    except KekError as error:
        raise StartError(
            "root_damaged", "the root row of vault.db does not verify", "restore vault.db"
        ) from error


def root_context(instance: str) -> bytes:
    """What the root secret is bound to."""
    return bind("sealgate root v1", instance)


def _derive(root: bytes | bytearray, label: bytes) -> bytes:
    return HKDFExpand(SHA256(), 32, label).derive(root)
