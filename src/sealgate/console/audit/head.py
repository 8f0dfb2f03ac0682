"""The head of the chain, kept in a small file beside the database: what truncation cannot take along.

Written while the database's write lock is held, before the commit, and again after it. In between the file
names the entry before too, so that a crash at that moment is no alarm. It must never be moved on over a chain
that it does not fit: then it is evidence. After the commit the next writer may be at it already, here or in
another process: whoever writes it keeps the others away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from sealgate.console.audit.chain import START, Link, parse_link


class Head(Struct, frozen=True):
    """The newest entry; `before` is where the chain stood, while the commit is not known to be done."""

    now: Link
    before: Link | None = None

    def fits(self, last: Link) -> bool:
        """True if a chain that ends so is the one that this head was written for."""
        return last in {self.now, self.before}


def head_path(database: Path) -> Path:
    """Where the head of a database stands: back both up together."""
    return database.with_suffix(".audit-head")


def read_head(path: Path) -> Head | None:
    """The head, or `None` if the file is not there; raises `ValueError` if it is none."""
    try:
        lines = path.read_text("ascii").splitlines()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        lines = []
    links = [parse_link(line) for line in lines[:2]]
    if not links or len(lines) > 2:
        msg = f"{path.name} is not a head of the record of changes"
        raise ValueError(msg)
    return Head(*links)


def write_head(path: Path, head: Head) -> None:
    """Put the head in place of the old one, durably and in one step."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    links = [head.now, head.before] if head.before is not None else [head.now]
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("".join(f"{link.text()}\n" for link in links))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextlib.contextmanager
def alone_at(path: Path) -> Iterator[None]:
    """Keep every other writer of the head away: what is read in here still holds when it is written."""
    # A lock of the folder: a lock of the file would go with it when it is replaced.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class HeadOfTransaction:
    """Moves the head along with one write transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._committed: Link | None = None
        self._now: Link | None = None
        self.broken = False
        """True once the chain was found to end in another place than the head says; it is left alone then."""

    def append(self, last: Link, now: Link) -> None:
        """Called with the write lock held: the chain ended at `last` and is to end at `now`."""
        with alone_at(self._path):
            if self._committed is None:
                self._committed = last
                self.broken = not self._belongs_to(last)
            self._now = now
            if not self.broken:
                write_head(self._path, Head(now, self._committed))

    @property
    def moved(self) -> bool:
        """True if there is something to settle."""
        return self._now is not None and not self.broken

    def settle(self) -> None:
        """Called after the commit."""
        assert self._now is not None
        with (
            alone_at(self._path),
            contextlib.suppress(ValueError),
        ):  # damaged meanwhile: the next append finds that and says so
            head = read_head(self._path)
            if head is not None and head.now == self._now:  # else another process has moved it on
                write_head(self._path, Head(self._now))

    def _belongs_to(self, last: Link) -> bool:
        try:
            head = read_head(self._path)
        except ValueError:
            return False
        return last == START if head is None else head.fits(last)
