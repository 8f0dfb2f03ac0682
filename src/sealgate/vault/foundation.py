"""The vault's files as a whole: which start this is, and whether KEK, vault.db and anchor belong together.

Counterpart: `process`, which builds everything else on it. First start makes KEK, database, anchor, in this
order; on any later start all three must be there. It never makes one to replace another.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Never

from msgspec import Struct

from sealgate.log import Log
from sealgate.vault.anchor import Anchor
from sealgate.vault.database import Database
from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekUnavailableError
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_folder import FILE, KEK_NAME
from sealgate.vault.kek_ring import KekRing, unavailable
from sealgate.vault.keks import Keks
from sealgate.vault.migrations import Proof
from sealgate.vault.rewrapping import Rewrapping
from sealgate.vault.root import RootKeys, load_root, make_root, root_version
from sealgate.vault.rowseal import RowSeal
from sealgate.vault.waymarks import Waymarks
from sealgate.vault.witness import Witness

__all__ = ["ANCHOR_NAME", "DATABASE_NAME", "KEK_NAME", "Foundation", "lay_foundation", "look_into"]

DATABASE_NAME = "vault.db"
ANCHOR_NAME = "anchor"
LOCK_NAME = "lock"


class Foundation(Struct, frozen=True):
    """Everything that stands on disk, opened and checked."""

    kek: KekRing
    keks: Keks
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


def lay_foundation(
    folder: Path,
    instance: str,
    log: Log,
    kek: KekConfig | None = None,
    clock: Callable[[], float] = time.time,
) -> Foundation:
    """Open the vault's files, making them on the very first start; raises `StartError`."""
    check_folder(folder)
    lock = lock_folder(folder)
    with letting_go(lock):
        return _lay(folder, instance, lock, log, config=kek or KekConfig(), clock=clock)


def _lay(
    folder: Path, instance: str, lock: int, log: Log, *, config: KekConfig, clock: Callable[[], float]
) -> Foundation:
    path = folder / DATABASE_NAME
    anchor_exists = (folder / ANCHOR_NAME).exists()
    if anchor_exists and not path.exists():
        _refuse(
            "database_missing",
            f"{path} is missing, its anchor is not",
            "put back the newest vault.db; if it is an old one, sealgate vault restore explains",
        )
    ring = find_ring(folder, config, fresh=not anchor_exists and not path.exists(), log=log)
    database = Database(path)
    try:
        if database.empty and not anchor_exists:
            _found(database, ring, instance, config, log)
        database.inspect()
        version = take_up_kek(ring, root_version(database), folder)
        keys = load_root(database, ring, instance)
        seal = RowSeal(keys.rows, log)
        witness = Witness(database, seal, Anchor(folder / ANCHOR_NAME, keys.anchor), log)
        # Before the upgrade: an old copy must not get new seals.
        witness.reconcile()
        Waymarks(instance, folder, keys.waymarks, witness, log).check_start()
        database.upgrade(Proof(seal, witness.stands))
        keks = Keks(database, witness, seal, ring)
        keks.adopt(version, clock())
        keks.check_files(Rewrapping(instance, database, ring, seal, log).counts())
    except BaseException:
        database.close()
        raise
    return Foundation(ring, keks, database, keys, seal, witness, lock)


def look_into(folder: Path, instance: str, log: Log, kek: KekConfig) -> Foundation:
    """Open the files of a stopped vault to look: nothing is made or upgraded. Raises `StartError`."""
    check_ours(folder / DATABASE_NAME, "is data_dir right, and was the vault started once?")
    lock = lock_folder(folder)
    with letting_go(lock):
        return _look(folder, instance, lock, log, kek)


def check_ours(path: Path, hint: str) -> None:
    """Refuse to look at a database that is not there, or as another user; raises `StartError`."""
    if not path.exists():
        _refuse("database_missing", f"{path} is not there", hint)
    if os.geteuid() != path.stat().st_uid:
        _refuse(
            "other_user",
            f"{path} belongs to user {path.stat().st_uid}",
            "run this as that user: files made by another one would keep the vault from starting",
        )


@contextmanager
def letting_go(lock: int) -> Iterator[None]:
    """Give the folder back if the start fails; a KEK's keeper that is away is a refusal like any other."""
    try:
        yield
    except KekUnavailableError as error:
        os.close(lock)
        raise unavailable(error) from error
    except BaseException:
        os.close(lock)
        raise


def _look(folder: Path, instance: str, lock: int, log: Log, kek: KekConfig) -> Foundation:
    ring = find_ring(folder, kek, fresh=False, log=log)
    database = Database(folder / DATABASE_NAME)
    try:
        database.inspect(newest=True)
        take_up_kek(ring, root_version(database), folder)
        keys = load_root(database, ring, instance)
        seal = RowSeal(keys.rows, log)
        witness = Witness(database, seal, Anchor(folder / ANCHOR_NAME, keys.anchor), log)
        keks = Keks(database, witness, seal, ring)
        keks.take_up()
        keks.check_files(Rewrapping(instance, database, ring, seal, log).counts())
    except BaseException:
        database.close()
        raise
    return Foundation(ring, keks, database, keys, seal, witness, lock)


def find_ring(folder: Path, config: KekConfig, *, fresh: bool, log: Log) -> KekRing:
    """The KEKs of the folder, the first one made on a fresh start; raises `StartError`."""
    ring = KekRing(folder, config, log)
    if ring.entries:
        return ring
    if not fresh:
        _refuse(
            "kek_missing",
            f"the KEK {folder / KEK_NAME} is missing",
            "put it back from its backup; a new one opens nothing",
        )
    entry = ring.make(config.provider, "", first=True)
    advice = f"back-it-up-apart-from-{DATABASE_NAME}" if config.provider == FILE else "never-delete-its-key"
    log("kek_made", path=str(entry.path), kek=entry.version, advice=advice)
    return ring


def take_up_kek(ring: KekRing, version: str, folder: Path) -> str:
    """Have the KEK that wrapped the root answer; gives its version."""
    if version not in ring.entries:
        _refuse(
            "wrong_kek",
            f"{folder} does not have the KEK {version} that vault.db was wrapped by",
            "put back the KEK that belongs to this vault.db",
        )
    ring.await_keeper(version)
    ring.use(version)
    return version


def _found(database: Database, kek: KekRing, instance: str, config: KekConfig, log: Log) -> None:
    """Schema, root secret and first mark in one transaction: founded whole, or still empty."""
    kek.use(min(kek.entries, key=lambda version: not version.startswith(config.provider)))
    kek.await_keeper(kek.version)
    with database.founding() as connection:
        make_root(connection, kek, instance)
        keys = load_root(database, kek, instance)
        Witness.begin(connection, RowSeal(keys.rows, log), instance)


def check_folder(folder: Path) -> None:
    """Make the folder, or refuse one that others can write to; raises `StartError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(status.st_mode)
        _refuse(
            "folder_unsafe", f"{folder} has mode {mode:04o}: others can replace files", f"chmod 0700 {folder}"
        )


def lock_folder(folder: Path) -> int:
    """Keep every other vault out; gives the descriptor that holds the lock. Raises `StartError`."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        _refuse("folder_in_use", f"another vault uses {folder}", "stop it, or choose another data folder")
    return descriptor


def _refuse(code: str, message: str, hint: str) -> Never:
    raise StartError(code, message, hint) from None
