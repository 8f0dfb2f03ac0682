"""Folders for tests that write much and whose files need not outlast the machine: in memory, if it has room.

SQLite waits for the disk at each change, which on some machines is most of what such a test takes. What is
called is the same; what a disk does at a loss of power, no test here could show.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
LEAST_BYTES = 512 << 20


def quick_folder(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder with a short path, since sockets lie in some of them."""
    return tempfile.TemporaryDirectory(prefix=prefix, dir=_place())


@functools.cache
def _place() -> Path | None:
    """None: wherever temporary files go."""
    fits = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= LEAST_BYTES
    return MEMORY if fits else None
