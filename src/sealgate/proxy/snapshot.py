"""The known applications on disk, so that a proxy can start while the console is down.

Counterpart: `applications.py`. Holds what the feed said: no secret and nothing of an end user. A file that is
damaged or belongs to another instance is ignored.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import msgspec

from sealgate.log import Log
from sealgate.messages.feed import Application

FORMAT = 1


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """What was known. `confirmed_at`: Unix seconds when the console last was there."""

    cursor: int
    confirmed_at: float
    applications: tuple[Application, ...]


class _File(msgspec.Struct, frozen=True, array_like=True):
    format: int
    instance: str
    snapshot: Snapshot


class SnapshotFile:
    """One file, replaced whole: mode 0600, written beside and renamed."""

    def __init__(self, path: Path, instance: str, log: Log) -> None:
        self._path, self._instance, self._log = path, instance, log

    def load(self) -> Snapshot | None:
        """What the file holds, or None (with a line in the log when there is a file)."""
        try:
            raw = self._path.read_bytes()
            file = msgspec.msgpack.decode(raw, type=_File)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, ValueError):
            self._log("snapshot_refused", path=str(self._path), code="damaged")
            return None
        if file.format != FORMAT or file.instance != self._instance:
            self._log("snapshot_refused", path=str(self._path), code="other_instance")
            return None
        age_s = max(0.0, time.time() - file.snapshot.confirmed_at)
        self._log("snapshot_loaded", applications=len(file.snapshot.applications), age_s=int(age_s))
        return file.snapshot

    def save(self, snapshot: Snapshot) -> None:
        """Replace the file; a full disk is logged, and the old file stays."""
        beside = self._path.with_suffix(".new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.msgpack.encode(_File(FORMAT, self._instance, snapshot)))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            self._log("snapshot_failed", path=str(self._path), errno=error.errno or 0)
            with contextlib.suppress(OSError):
                beside.unlink()
