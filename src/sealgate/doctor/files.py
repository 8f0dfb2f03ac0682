"""Files: who owns them and who else could read them, the databases' versions, room on the disk.

Counterpart: `keks`, for the files that matter most.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from sealgate.console.revisions import newest_revision
from sealgate.doctor.findings import Case, Finding, ok, problem, skipped, warning
from sealgate.settings import IDENTITY_NAME, Settings
from sealgate.settings.table import uid_of
from sealgate.vault.foundation import ANCHOR_NAME, DATABASE_NAME
from sealgate.vault.migrations import STEPS

LITTLE_BYTES = 1024 * 1_048_576
TOO_LITTLE_BYTES = 100 * 1_048_576
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def folders(case: Case) -> Iterator[Finding]:
    """Each process's folder belongs to its user, and nobody else can look into it."""
    for name, folder, uid in _folders(case.settings):
        try:
            status = folder.stat()
        except FileNotFoundError:
            yield skipped("folders", f"{folder} is not there yet", "the first start makes it")
            continue
        except OSError as error:
            yield skipped("folders", f"{folder}: {error.strerror}", "run the doctor as root")
            continue
        mode = stat.S_IMODE(status.st_mode)
        if mode & _OTHERS:
            yield problem(
                "folders", f"{folder} has mode {mode:04o}: others can look into it", f"chmod 0700 {folder}"
            )
        elif status.st_uid not in (uid, 0):
            yield problem(
                "folders",
                f"{folder} belongs to user {status.st_uid}, the {name} runs as {uid}",
                f"chown -R {uid} {folder}",
            )
        else:
            yield from _files_in(folder)


def _files_in(folder: Path) -> Iterator[Finding]:
    try:
        loose = [path for path in sorted(folder.rglob("*")) if path.lstat().st_mode & _OTHERS]
    except OSError as error:
        yield skipped("folders", f"{folder}: {error.strerror}", "run the doctor as root")
        return
    loose = [path for path in loose if not path.is_symlink()]
    for path in loose[:5]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        yield problem("folders", f"{path} has mode {mode:04o}: others can use it", f"chmod go= {path}")
    if not loose:
        yield ok("folders", f"{folder} and what is in it are for their user alone")


def databases(case: Case) -> Iterator[Finding]:
    """Both databases open, and are of this release or older; the vault's has its anchor."""
    data = Path(case.settings.data_dir)
    vault_db = data / "vault" / DATABASE_NAME
    yield from _version(vault_db, "SELECT version FROM schema_version", len(STEPS))
    yield from _version(
        data / "console" / "console.db", "SELECT version_num FROM alembic_version", int(newest_revision())
    )
    with contextlib.suppress(OSError):
        if vault_db.exists() and not (vault_db.parent / ANCHOR_NAME).exists():
            yield problem(
                "databases",
                f"{vault_db} has no anchor beside it",
                "put the anchor back that was never restored; if it is lost, sealgate vault restore explains"
                " what is (docs/howto/backup.md)",
            )


def _version(path: Path, query: str, ours: int) -> Iterator[Finding]:
    try:
        if not path.exists():
            yield skipped("databases", f"{path} is not there yet", "the first start makes it")
            return
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as database:
            found = int(database.execute(query).fetchone()[0])
    except OSError as error:
        yield skipped("databases", f"{path}: {error.strerror}", "run the doctor as root")
    except (sqlite3.Error, TypeError, ValueError) as error:
        yield problem("databases", f"{path} cannot be read ({error})", "restore it: docs/howto/backup.md")
    else:
        if found > ours:
            yield problem(
                "databases",
                f"{path} has form {found}, this release knows {ours}",
                "run the newer release, or restore the backup made before it",
            )
        else:
            yield ok("databases", f"{path} has form {found} of {ours}")


def identity(case: Case) -> Iterator[Finding]:
    """The ids are known."""
    settings = case.settings
    if settings.instance:
        yield ok("identity", f"instance {settings.instance}, proxy {settings.proxy.id}")
    else:
        path = Path(settings.data_dir) / IDENTITY_NAME
        yield skipped("identity", f"{path} is not there yet", "`sealgate up` or `sealgate prepare` makes it")


def disk(case: Case) -> Iterator[Finding]:
    """There is room: without it requests are refused, since their usage could not be written."""
    folder = Path(case.settings.data_dir)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    told = f"{free // 1_048_576} MiB free for {case.settings.data_dir}"
    if free < TOO_LITTLE_BYTES:
        yield problem("disk", told, "free some space: usage is written before a request goes up")
    elif free < LITTLE_BYTES:
        yield warning("disk", told, "free some space before it runs out")
    else:
        yield ok("disk", told)
    if not os.access(folder, os.W_OK):
        yield skipped("disk", f"{folder} is not writable for this user", "run the doctor as root")


def _folders(settings: Settings) -> tuple[tuple[str, Path, int], ...]:
    data, users = Path(settings.data_dir), settings.users
    named = (("vault", users.vault), ("console", users.console), ("proxy", users.proxy))
    return tuple((name, data / name, uid_of(user)) for name, user in named)
