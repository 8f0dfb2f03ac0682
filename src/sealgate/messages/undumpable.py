"""What a process does to itself before a key comes into it: no core dumps, no reading of its memory.

Counterparts: `slot`, where keys stand; vault and proxy, which call it first, before they listen or read
anything. It is not undone: a process that was dumpable for a moment had a moment in which its memory could be
read.
"""

from __future__ import annotations

import ctypes
import resource

_PR_SET_DUMPABLE = 4  # prctl(2)


class DumpableError(ValueError):
    """The system does not let a process refuse memory dumps; the message carries a hint."""

    hint = "run it on Linux"

    def __init__(self) -> None:
        super().__init__(f"the system does not let this process refuse memory dumps. hint: {self.hint}")


def refuse_dumps() -> None:
    """No core dumps, no reading of memory by the same user; raises `DumpableError`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise DumpableError
