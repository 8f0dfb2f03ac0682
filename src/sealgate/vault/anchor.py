"""The anchor: a file beside vault.db that remembers how far every credential has come.

Counterpart: `witness`, which compares it with the database. Lines are only ever appended; each carries a
MAC over itself and the line before it. Keep it out of vault.db's backups: an anchor restored with its
database proves nothing.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Never

from msgspec import Struct

from sealgate.vault.database import check_private
from sealgate.vault.faults import StartError
from sealgate.vault.kek_file import sync_folder


class Standing(Struct, frozen=True):
    """How far one subject has come: a credential's revision, an organization's newest epoch."""

    version: int
    state: str


class Entry(Struct, frozen=True):
    """One line: the `number`-th change, and where it left its subject."""

    number: int
    subject: str
    version: int
    state: str

    def line(self) -> str:
        """The line's text without its MAC."""
        return f"{self.number} {self.subject} {self.version} {self.state}"


class Anchor:
    """The file, verified as a whole when it is opened."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._chain = b""
        self.last: Entry | None = None
        """The last line; None while the file does not exist."""
        self.standings: dict[str, Standing] = {}
        if path.exists():
            self._load()

    def append(self, entry: Entry) -> None:
        """Write one line durably; raises `OSError` (disk full), and then the file is as it was."""
        mac = self._mac(entry.line())
        descriptor = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            length = os.fstat(descriptor).st_size
            _write_or_undo(descriptor, f"{entry.line()} {mac.hex()}\n".encode(), length)
        finally:
            os.close(descriptor)
        if self.last is None:
            sync_folder(self._path.parent)
        self._note(entry, mac)

    def _load(self) -> None:
        check_private(self._path)
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, raw in enumerate(content[:whole].splitlines()):
            self._read(number, raw.decode("ascii", "replace"))
        if whole != len(content):
            # The tail of a write that a power cut interrupted; the database still has that change.
            os.truncate(self._path, whole)

    def _read(self, number: int, text: str) -> None:
        line, _, mac = text.rpartition(" ")
        words = line.split(" ")
        expected = self._mac(line)
        if not hmac.compare_digest(mac.encode(), expected.hex().encode()) or len(words) != 4:
            self._damaged()
        entry = Entry(int(words[0]), words[1], int(words[2]), words[3])
        if entry.number != number:
            self._damaged()
        self._note(entry, expected)

    def _note(self, entry: Entry, mac: bytes) -> None:
        self._chain = mac
        self.last = entry
        self.standings[entry.subject] = Standing(entry.version, entry.state)

    def _mac(self, line: str) -> bytes:
        return hmac.digest(self._key, self._chain + b"\n" + line.encode("utf-8", "replace"), "sha256")

    def _damaged(self) -> Never:
        raise StartError(
            "anchor_damaged", f"the anchor {self._path} was altered", "restore it from its own backup"
        )


def _write_or_undo(descriptor: int, line: bytes, length_before: int) -> None:
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError("the anchor's disk is full")
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, length_before)
        raise
