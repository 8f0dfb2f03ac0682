"""KEKs: every version that is needed has its file, nobody else can read one, and none is left half changed.

Their own bytes are not read beyond the first word: the doctor never holds a key. What vault.db says is read
as it stands; only the vault can verify it (`sealgate kek status`).
"""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from sealgate.doctor.findings import Case, Finding, ok, problem, skipped, warning
from sealgate.settings.kek import KekSettings
from sealgate.vault.foundation import DATABASE_NAME
from sealgate.vault.kek_folder import FILE, KEK_NAME, is_kek
from sealgate.vault.keks import CURRENT, DESTROYED

_KEK_WORD = b"sealgate-kek-"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_RING = """SELECT keks.version, keks.state,
    (SELECT count(*) FROM root WHERE kek_version = keks.version)
    + (SELECT count(*) FROM keyring WHERE kek_version = keks.version)
    + (SELECT count(*) FROM peppers WHERE kek_version = keks.version)
    + (SELECT count(*) FROM receipt_key WHERE kek_version = keks.version)
    FROM keks ORDER BY keks.rowid"""
_SECRETS: Mapping[str, str] = {"pkcs11": "pkcs11_pin_file", "transit": "transit_token_file"}


def kek(case: Case) -> Iterator[Finding]:
    """Every KEK that is needed is there, is one, and nobody else can read it."""
    folder = Path(case.settings.data_dir) / "vault"
    try:
        files = sorted(path for path in folder.iterdir() if is_kek(path)) if folder.exists() else []
        there = (folder / DATABASE_NAME).exists()
    except OSError as error:
        yield skipped("kek", f"{folder}: {error.strerror}", "run the doctor as the vault's user, or as root")
        return
    if not files and there:
        yield problem("kek", f"the KEK {folder / KEK_NAME} is missing", "put it back from its backup")
    elif not files:
        yield skipped("kek", "there is no KEK yet", "the vault's first start makes it")
    for path in files:
        yield from _file(path)
    if files and there:
        yield from _ring(folder, {path.name for path in files}, case.settings.kek)


def _file(path: Path) -> Iterator[Finding]:
    try:
        status = path.lstat()
        with path.open("rb") as file:
            word = file.read(len(_KEK_WORD))
    except OSError as error:
        yield skipped("kek", f"{path}: {error.strerror}", "run the doctor as the vault's user, or as root")
        return
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or mode & _OTHERS:
        yield problem("kek", f"the KEK {path} has mode {mode:04o} or is no file", f"chmod 0400 {path}")
    elif word != _KEK_WORD:
        yield problem("kek", f"{path} holds no KEK", "put it back from its backup")
    else:
        yield ok("kek", f"the KEK {path} is there, for the vault's user alone")


def _ring(folder: Path, files: set[str], settings: KekSettings) -> Iterator[Finding]:
    path = folder / DATABASE_NAME
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as database:
            rows = database.execute(_RING).fetchall()
    except sqlite3.Error:
        return  # of an older release, or damaged: the check of the databases says so
    without = [version for version, _state, _rows in rows if f"kek.{version}" not in files]
    if KEK_NAME in files:  # the very first version's file does not carry its name
        first = next((version for version in without if version.startswith(FILE)), None)
        without = [version for version in without if version != first]
    for version, state, count in rows:
        if state != DESTROYED:
            yield from _version(version, state, count, missing=version in without)
    yield from _secrets(
        {version.rpartition("-")[0] for version, state, _rows in rows if state != DESTROYED}, settings
    )


def _version(version: str, state: str, rows: int, *, missing: bool) -> Iterator[Finding]:
    if missing and (rows or state == CURRENT):
        yield problem("kek", f"the KEK {version} is missing", "put its file back from its backup")
    elif state == CURRENT:
        yield ok("kek", f"{version} is current and wraps {rows} rows")
    elif rows:
        yield warning(
            "kek",
            f"{version} is not current and still wraps {rows} rows",
            "sealgate kek status says how far it is",
        )
    else:
        yield ok("kek", f"{version} wraps nothing any more; backups from before need it")


def _secrets(providers: set[str], settings: KekSettings) -> Iterator[Finding]:
    for provider in sorted(providers & _SECRETS.keys()):
        name = _SECRETS[provider]
        path = Path(getattr(settings, name))
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            yield problem("kek", f"kek.{name} {path}: {error.strerror}", "the vault needs it to use its KEK")
            continue
        if mode & _OTHERS:
            yield problem("kek", f"{path} has mode {mode:04o}: others can read it", f"chmod 0400 {path}")
        else:
            yield ok("kek", f"{path} is there, for the vault's user alone")
