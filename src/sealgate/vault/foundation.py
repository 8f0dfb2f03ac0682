"""The vault's files as a whole: which start this is, and whether KEK, vault.db and anchor belong together.

Counterpart: `process`, which builds everything else on it. First start makes KEK, database, anchor, in this
order; on any later start all three must be there. It never makes one to replace another.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Never

from msgspec import Struct

from sealgate.log import Log
from sealgate.vault.anchor import Anchor
from sealgate.vault.database import Database
from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekProvider
from sealgate.vault.kek_file import load_kek, make_kek
from sealgate.vault.migrations import Proof
from sealgate.vault.root import RootKeys, load_root, make_root
from sealgate.vault.rowseal import RowSeal
from sealgate.vault.witness import Witness

KEK_NAME = "kek"
DATABASE_NAME = "vault.db"
ANCHOR_NAME = "anchor"
LOCK_NAME = "lock"


class Foundation(Struct, frozen=True):
    """Everything that stands on disk, opened and checked."""

    kek: KekProvider
    database: Database
    keys: RootKeys
    seal: RowSeal
    witness: Witness
    lock: int
    """Descriptor whose lock keeps a second vault out."""

    def close(self) -> None:
        """Close the database and let go of the folder."""
        self.database.close()
        os.close(self.lock)


def lay_foundation(folder: Path, instance: str, log: Log) -> Foundation:
    """Open the vault's files, making them on the very first start; raises `StartError`."""
    _check_folder(folder)
    lock = _lock(folder)
    try:
        return _lay(folder, instance, lock, log)
    except BaseException:
        os.close(lock)
        raise


def _lay(folder: Path, instance: str, lock: int, log: Log) -> Foundation:
    path = folder / DATABASE_NAME
    anchor_exists = (folder / ANCHOR_NAME).exists()
    if anchor_exists and not path.exists():
        _refuse("database_missing", f"{path} is missing, its anchor is not", "restore vault.db")
    kek = _kek(folder, fresh=not anchor_exists and not path.exists(), log=log)
    database = Database(path)
    try:
        if database.empty and not anchor_exists:
            _found(database, kek, instance, log)
        database.inspect()
        keys = load_root(database, kek, instance)
        seal = RowSeal(keys.rows, log)
        witness = Witness(database, seal, Anchor(folder / ANCHOR_NAME, keys.anchor), log)
        # Before the upgrade: an old copy must not get new seals.
        witness.reconcile()
        database.upgrade(Proof(seal, witness.stands))
    except BaseException:
        database.close()
        raise
    return Foundation(kek, database, keys, seal, witness, lock)


def _kek(folder: Path, *, fresh: bool, log: Log) -> KekProvider:
    path = folder / KEK_NAME
    made = fresh and not path.exists()
    if made:
        make_kek(path)
    kek = load_kek(path)
    if made:
        log("kek_made", path=str(path), kek=kek.version, advice=f"back-it-up-apart-from-{DATABASE_NAME}")
    return kek


def _found(database: Database, kek: KekProvider, instance: str, log: Log) -> None:
    """Schema, root secret and first mark in one transaction: founded whole, or still empty."""
    with database.founding() as connection:
        make_root(connection, kek, instance)
        keys = load_root(database, kek, instance)
        Witness.begin(connection, RowSeal(keys.rows, log), instance)


def _check_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(status.st_mode)
        _refuse(
            "folder_unsafe", f"{folder} has mode {mode:04o}: others can replace files", f"chmod 0700 {folder}"
        )


def _lock(folder: Path) -> int:
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        _refuse("folder_in_use", f"another vault uses {folder}", "stop it, or choose another data folder")
    return descriptor


def _refuse(code: str, message: str, hint: str) -> Never:
    raise StartError(code, message, hint) from None
