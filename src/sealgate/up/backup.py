"""`sealgate backup`: consistent copies of both databases while everything runs; the KEK is left where it is.

Two folders: `databases`, and `anchor`, which belongs elsewhere. An anchor that is restored with its vault.db
proves nothing; one that stayed tells when vault.db is an old copy (docs/howto/backup.md).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sealgate.settings import IDENTITY_NAME, Settings
from sealgate.up.preparing import NotPossibleError

TRIES = 20
# A database, and the file beside it that moves with it: both copies must be of one moment.
_PAIRS = (("vault/vault.db", "vault/anchor"), ("console/console.db", "console/console.audit-head"))
_APART = "vault/anchor"
_AUDIT_HEAD = "vault/audit-head"


def back_up(settings: Settings, config: Path, target: Path) -> tuple[Path, ...]:
    """Copy into a new folder; gives the files, in the order of their writing. Raises `NotPossibleError`."""
    data = Path(settings.data_dir)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise NotPossibleError(f"{target} is there already and not empty. hint: name a new folder with --to")
    before = os.umask(0o077)
    try:
        return tuple(_copies(data, config, target))
    except (OSError, sqlite3.Error) as error:
        raise NotPossibleError(
            f"the backup failed: {error}. hint: run it as root or as the user of the data folder, and see "
            f"that there is room in {target}"
        ) from error
    finally:
        os.umask(before)


def apart(settings: Settings) -> tuple[str, ...]:
    """What is not in a backup and belongs to another place, in words: the KEKs."""
    folder = Path(settings.data_dir) / "vault"
    keys = [path for path in sorted(folder.glob("kek*")) if _holds_a_key(path)]
    elsewhere = [path.name for path in sorted(folder.glob("kek.*")) if not _holds_a_key(path)]
    files = ", ".join(map(str, keys))
    told = [f"The KEK is not among them: {files} goes to another place, once, and again after each rotation."]
    if elsewhere:
        names = ", ".join(name.removeprefix("kek.") for name in elsewhere)
        told = told if keys else []
        told.append(f"{names}: its keeper has the key; have that backed up there (token, KMS, Transit).")
    return tuple(told)


def _holds_a_key(path: Path) -> bool:
    """By its name: `kek` and `kek.file-…` do, others only say where the key is."""
    return path.name == "kek" or path.name.startswith("kek.file-")


def _copies(data: Path, config: Path, target: Path) -> Iterator[Path]:
    for folder in (target, target / "databases", target / "anchor"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Before the database: a head that knows less than its table is whole, the other way round entries miss.
    head = _read(data / _AUDIT_HEAD)
    if head is not None:
        copy = target / "databases" / Path(_AUDIT_HEAD).name
        copy.write_bytes(head)
        yield copy
    for database, beside in _PAIRS:
        yield from _copy_pair(data / database, data / beside, target)
    notes = (path for path in sorted((data / "vault").glob("kek.*")) if not _holds_a_key(path))
    for single in (data / IDENTITY_NAME, config, *notes):
        if single.exists():
            yield Path(shutil.copyfile(single, target / "databases" / single.name))


def _copy_pair(database: Path, beside: Path, target: Path) -> Iterator[Path]:
    if not database.exists():
        raise NotPossibleError(f"{database} is not there. hint: is data_dir right, and was it started once?")
    copy = target / "databases" / database.name
    place = target / ("anchor" if beside.name == Path(_APART).name else "databases") / beside.name
    for _ in range(TRIES):
        told = _read(beside)
        _copy_database(database, copy)
        if _read(beside) == told:
            break
    else:
        raise NotPossibleError(f"{database} changes all the time. hint: try again in a quieter moment")
    yield copy
    if told is not None:
        place.write_bytes(told)
        yield place


def _copy_database(source: Path, copy: Path) -> None:
    """SQLite's own online backup: a consistent copy, write-ahead log and all."""
    copy.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=10)) as there,
        closing(sqlite3.connect(copy)) as here,
    ):
        there.backup(here)
        found = here.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise NotPossibleError(f"{source} is damaged: {found}. hint: restore the newest whole backup")


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
