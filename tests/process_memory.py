"""The memory of another process, through /proc: how often some bytes stand there; and what a crash leaves.

For tests of the group `root`: only root may look into a process that made itself not dumpable.
"""

from __future__ import annotations

import asyncio
import re
import resource
import time
from contextlib import suppress
from pathlib import Path

_WRITABLE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")


def copies(pid: int, needle: bytes) -> int:
    """How often these bytes stand anywhere that the process may write."""
    found = 0
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span = _WRITABLE.match(line)
            if span is None:
                continue
            begin, end = int(span[1], 16), int(span[2], 16)
            with suppress(OSError, ValueError):  # a page that went meanwhile, or one of a device
                memory.seek(begin)
                found += memory.read(end - begin).count(needle)
    return found


def allow_cores() -> None:
    """In a child, before its program: as much of a core as this machine lets it have."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def can_dump() -> bool:
    """True on a machine where a crash leaves a core in the working directory of who crashes (core(5))."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0 and pattern.startswith("core")


async def until_none(pid: int, needle: bytes, within_s: float = 1.0) -> None:
    """Within a second no copy is left."""
    until_s = time.monotonic() + within_s
    while left := copies(pid, needle):
        assert time.monotonic() < until_s, f"{left} copies are left"
        await asyncio.sleep(0.02)


async def until_stopped(pid: int) -> None:
    """Wait until a process stands still by SIGSTOP; may wait for ever."""
    while not _stands_still(pid):
        await asyncio.sleep(0.002)


async def until_running(pid: int) -> None:
    """Wait until a process that stood still goes on, or is waiting for something."""
    async with asyncio.timeout(30):
        while _stands_still(pid):
            await asyncio.sleep(0.002)


def _stands_still(pid: int) -> bool:
    return ") T " in Path(f"/proc/{pid}/stat").read_text()
