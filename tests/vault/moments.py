"""Every moment in which a change touches the vault's files: what a kill leaves there, and a disk that fails.

Counterpart: `changes`, the table of what is changed; nothing in here knows it. A moment is a write, fsync,
link, rename or removal, a statement of a transaction (BEGIN and COMMIT too), or the log being emptied.
"""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import StorageError

_CALLS = ("write", "fsync", "link", "rename", "replace", "unlink", "truncate", "ftruncate")
_EMPTIES = ("forget", "forget_surely")
_NOT_FILES = ("-shm", "lock")
"""Left out of copies: SQLite makes the one anew, and the other holds nothing."""

Happens = Callable[[str, tuple[Any, ...]], bool]
"""Called before each moment with its name and what it was given; true has it fail."""


@contextmanager
def each_moment(happens: Happens) -> Iterator[None]:
    """Within this, `happens` is called before each moment of this process."""

    with pytest.MonkeyPatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, _hooked(name, getattr(os, name), happens))
        for name in _EMPTIES:
            patch.setattr(Database, name, _emptying(getattr(Database, name), happens))
        for name in ("execute", "executemany"):
            patch.setattr(Connection, name, _stating(getattr(Connection, name), happens), raising=False)
        yield


def _hooked(name: str, call: Callable[..., Any], happens: Happens) -> Callable[..., Any]:
    def hook(*values: Any, **options: Any) -> Any:
        if not happens(name, values):
            return call(*values, **options)
        if name == "write" and len(values[1]) > 1:
            return call(values[0], values[1][: len(values[1]) // 2])  # as much as there is room for
        raise OSError(errno.ENOSPC, "No space left on device")

    return hook


def _stating(call: Callable[..., Any], happens: Happens) -> Callable[..., Any]:
    def hook(connection: Connection, text: str, *values: Any) -> Any:
        if not text.startswith("SELECT") and happens(text.split(maxsplit=1)[0], ()):
            raise sqlite3.OperationalError("database or disk is full")
        return call(connection, text, *values)

    return hook


def _emptying(call: Callable[[Database], None], happens: Happens) -> Callable[[Database], None]:
    def hook(database: Database) -> None:
        if happens("checkpoint", ()):
            raise StorageError("OperationalError")
        call(database)

    return hook


class Failing:
    """Lets the moments from the `first` on fail, `lasting` of them; `seen` is how many there were."""

    def __init__(self, first: int, lasting: int = 1) -> None:
        self._failing = range(first, first + lasting)
        self.seen: list[str] = []

    def __call__(self, name: str, _values: tuple[Any, ...]) -> bool:
        self.seen.append(name)
        return len(self.seen) in self._failing

    @property
    def has_failed(self) -> bool:
        """True if there were so many moments."""
        return len(self.seen) >= self._failing.start


class Kills:
    """Keeps a copy of a folder's files before each moment, each different one once."""

    def __init__(self, folder: Path, copies: Path) -> None:
        self._folder = folder
        self._copies = copies
        self._known: set[bytes] = set()
        self.found: dict[str, Path] = {}
        """What was about to happen, and where the copy is."""

    def __call__(self, name: str, values: tuple[Any, ...]) -> bool:
        self._keep(f"{len(self.found) + 1}, before {name}")
        if name == "write":
            here = Path(f"/proc/self/fd/{values[0]}").readlink()
            if here.is_relative_to(self._folder):
                half = bytes(values[1][: len(values[1]) // 2])
                self._keep(f"{len(self.found) + 1}, in the middle of {name}", here, half)
        return False

    def _keep(self, what: str, written: Path | None = None, half: bytes = b"") -> None:
        content = {path.name: path.read_bytes() for path in sorted(self._folder.iterdir()) if _is_kept(path)}
        if written is not None:
            content[written.name] += half
        digest = hashlib.sha256(repr(sorted(content.items())).encode()).digest()
        if digest in self._known:
            return
        self._known.add(digest)
        copy = self._copies / str(len(self.found))
        copy_files(self._folder, copy)
        for name, whole in content.items():
            mode = (copy / name).stat().st_mode
            (copy / name).chmod(0o600)
            (copy / name).write_bytes(whole)
            (copy / name).chmod(mode)
        self.found[what] = copy


def copy_files(folder: Path, copy: Path) -> None:
    """The files as a dead process leaves them, modes and all."""
    shutil.copytree(
        folder, copy, ignore=lambda _at, names: [each for each in names if each.endswith(_NOT_FILES)]
    )


def _is_kept(path: Path) -> bool:
    return not path.name.endswith(_NOT_FILES)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Within this no file of this process grows beyond so many bytes: the kernel itself refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
