"""Whether anything was committed to vault.db, told from memory: the head of SQLite's index of its log.

Counterpart: `database`, which asks at every open of a key. SQLite keeps `vault.db-shm` mapped, and each
commit of anybody changes its first bytes (a counter, salts, checksums); it compares the same bytes itself to
learn what `PRAGMA data_version` says. They only save asking it: whoever wrote, SQLite knows better.

The file must stay open for as long as the connection: closing any descriptor of it would take the locks of
this process on it away (fcntl(2)).
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

HEAD_BYTES = 48
"""The first of two copies, the one that is written last (sqlite.org/walformat.html, section 2.1)."""


class WalIndex:
    """Remembers the head; made once the database was read, closed after its connection."""

    def __init__(self, path: Path) -> None:
        self._map: mmap.mmap | None = None
        self._descriptor: int | None = None
        self._seen = b""
        with contextlib.suppress(OSError, ValueError):  # without it, SQLite is asked each time
            self._descriptor = os.open(f"{path}-shm", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            self._map = mmap.mmap(self._descriptor, mmap.PAGESIZE, prot=mmap.PROT_READ)

    def is_as_seen(self) -> bool:
        """True if nobody committed anything since this was false."""
        if self._map is None:
            return False
        head = self._map[:HEAD_BYTES]
        if head == self._seen:
            return True
        self._seen = head  # before SQLite is asked: what is committed meanwhile is asked for anew
        return False

    def forget(self) -> None:
        """SQLite could not say what changed: it is to be asked again."""
        self._seen = b""

    def close(self) -> None:
        """Give the file back."""
        if self._map is not None:
            self._map.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._map = self._descriptor = None
