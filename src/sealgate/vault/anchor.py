"""The anchor: a file beside vault.db that remembers how far every credential has come.

Counterparts: `witness`, which compares it with the database; `anchor_summary`, which it begins with once it
was shortened. Lines are only ever appended; each carries a MAC over itself and the line before it. Keep it
out of vault.db's backups: an anchor restored with its database proves nothing, unless a proxy remembers.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Never

from msgspec import Struct

from sealgate.vault.anchor_summary import MAGIC, TAGS_KEPT, Entry, Standing, Summary, read_summary
from sealgate.vault.database import check_private
from sealgate.vault.faults import StartError
from sealgate.vault.kek_file import sync_folder

__all__ = ["Anchor", "Entry", "Shortened", "Standing"]

SHORTEN_AFTER = 10_000
"""Lines since the last summary: reading them takes some hundredths of a second of a start."""
_TAG_CHARACTERS = 32
_DRAWN_BYTES = 8
_WORDS = (4, 5)
"""Of a line without its MAC: the first release drew nothing."""
_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class _Line(Struct, frozen=True):
    """An entry as it stands in the file, and its MAC."""

    entry: Entry
    words: str
    mac: bytes

    def text(self) -> str:
        return f"{self.words} {self.mac.hex()}\n"


class Shortened(Struct, frozen=True):
    """What a shorter anchor will begin with, as it stood when the shortening began."""

    summary: Summary
    path: Path
    key: bytes

    def write(self) -> None:
        """Write the new file beside the old one, durably. May run in a thread of its own."""
        self.path.unlink(missing_ok=True)
        write_durably(self.path, self.summary.text(self.key))

    def __repr__(self) -> str:
        return f"<Shortened at {self.summary.last.number}>"


class Anchor:
    """The file, verified as a whole when it is opened."""

    def __init__(self, path: Path, key: bytes, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._key = key
        self._chain = b""
        self._tried_at: int | None = None
        """Where a line begins that could not be written, and perhaps not be taken back."""
        self._since: list[_Line] = []
        """Lines after the summary, the oldest first."""
        self.last: Entry | None = None
        """The last entry; None while the file does not exist."""
        self.standings: dict[str, Standing] = {}
        self.tags: dict[int, str] = {}
        """What the chain was after each of the newest changes: another history has other ones."""
        if path.exists():
            self._load()

    @property
    def is_long(self) -> bool:
        """True if it should be shortened."""
        return len(self._since) > SHORTEN_AFTER

    def append(self, *entries: Entry) -> None:
        """Write a line for each, durably; raises `OSError` (disk full), and then the file is as it was."""
        lines = self._lines(entries)
        if lines:
            self._write(lines)

    def _lines(self, entries: Iterable[Entry]) -> list[_Line]:
        lines, chain = [], self._chain
        for entry in entries:
            # Drawn, so that the same changes made again after a restore are another history.
            words = f"{entry.line()} {secrets.token_hex(_DRAWN_BYTES)}"
            chain = self._mac(chain, words)
            lines.append(_Line(entry, words, chain))
        return lines

    def _write(self, lines: Sequence[_Line]) -> None:
        descriptor = os.open(self._path, _APPENDING, 0o600)
        try:
            if self._tried_at is not None:
                os.ftruncate(descriptor, self._tried_at)
            self._tried_at = os.fstat(descriptor).st_size
            _write_or_undo(descriptor, "".join(line.text() for line in lines).encode(), self._tried_at)
        finally:
            os.close(descriptor)
        self._tried_at = None
        if self.last is None:
            sync_folder(self._path.parent)
        for line in lines:
            self._note(line)

    def shortened(self) -> Shortened:
        """What is known now, for a new file: `write` it, then `adopt` it."""
        assert self.last is not None
        newest = dict(list(self.tags.items())[-TAGS_KEPT:])
        summary = Summary(self.last, self._chain, dict(self.standings), newest)
        return Shortened(summary, self._path.with_name(f"{self._path.name}.new"), self._key)

    def adopt(self, written: Shortened) -> None:
        """Put the new file in the old one's place, with the lines that came meanwhile; raises `OSError`.

        The old file counts until the new one is whole and durable: killed anywhere, one of them is there.
        """
        since = [line for line in self._since if line.entry.number > written.summary.last.number]
        if since:
            _append_durably(written.path, "".join(line.text() for line in since).encode())
        written.path.replace(self._path)
        sync_folder(self._path.parent)
        self._since = since
        self.tags = dict(list(self.tags.items())[-TAGS_KEPT - len(since) :])

    def _load(self) -> None:
        check_private(self._path)
        content = self._path.read_bytes()
        begin = self._load_summary(content)
        whole = max(begin, content.rfind(b"\n") + 1)
        self._read_all(content[begin:whole].splitlines())
        if whole != len(content) and not self._read_only:
            # The tail of a write that a power cut interrupted; the database still has that change.
            os.truncate(self._path, whole)

    def _load_summary(self, content: bytes) -> int:
        """Take up the summary; gives where the lines begin."""
        if not content.startswith(MAGIC):
            return 0
        read = read_summary(content, self._key)
        if read is None:
            self._damaged()
        summary, length = read
        self.last, self._chain = summary.last, summary.chain
        self.standings, self.tags = dict(summary.standings), dict(summary.tags)
        return length

    def _read_all(self, lines: Iterable[bytes]) -> None:
        first = 0 if self.last is None else self.last.number + 1
        for number, raw in enumerate(lines, first):
            self._read(number, raw.decode("ascii", "replace"))

    def _read(self, number: int, text: str) -> None:
        line, _, mac = text.rpartition(" ")
        words = line.split(" ")
        expected = self._mac(self._chain, line)
        if not hmac.compare_digest(mac.encode(), expected.hex().encode()) or len(words) not in _WORDS:
            self._damaged()
        entry = Entry(int(words[0]), words[1], int(words[2]), words[3])
        if entry.number != number:
            self._damaged()
        self._note(_Line(entry, line, expected))

    def _note(self, line: _Line) -> None:
        entry = line.entry
        self._chain = line.mac
        self._since.append(line)
        self.last = entry
        self.standings[entry.subject] = Standing(entry.version, entry.state)
        self.tags[entry.number] = line.mac.hex()[:_TAG_CHARACTERS]

    def _mac(self, chain: bytes, line: str) -> bytes:
        return hmac.digest(self._key, chain + b"\n" + line.encode("utf-8", "replace"), "sha256")

    def _damaged(self) -> Never:
        raise StartError(
            "anchor_damaged",
            f"the anchor {self._path} was altered",
            "restore it from its own backup; if there is none, sealgate vault restore explains what to do",
        )


def write_durably(path: Path, content: bytes) -> None:
    """Make a private file with this content, on the disk before it returns; raises `OSError`."""
    descriptor = os.open(path, _APPENDING | os.O_EXCL, 0o600)
    try:
        _write_or_undo(descriptor, content, 0)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def _append_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _write_or_undo(descriptor, content, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _write_or_undo(descriptor: int, line: bytes, length_before: int) -> None:
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError("the anchor's disk is full")
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, length_before)
        raise
