"""Runs a program as another system user, hardened as its systemd unit hardens it; for root alone.

    as_user.py UID GROUP,GROUP PROGRAM ARGUMENT …

The interpreter and this source tree may lie below a folder that only root may enter (`/root`, mode 0700).
Then the program gets a view of the file system of its own, in which that folder is empty but for what it
needs.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWNS = 0x0002_0000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 38, 65
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Never returns."""
    uid, groups = int(sys.argv[1]), [int(each) for each in sys.argv[2].split(",") if each]
    program = sys.argv[3:]
    needed = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).resolve().parent.parent.parent}
    show_what_is_needed({path.resolve() for path in needed})
    os.setgroups(groups)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.umask(0o077)
    _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _LIBC.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # MemoryDenyWriteExecute; kernels before 6.3 do not know it
    os.execv(program[0], program)


def show_what_is_needed(needed: set[Path]) -> None:
    """Make every needed path reachable for everybody, in a mount namespace of this process."""
    shut = {folder for path in needed if (folder := _shut_folder(path)) is not None}
    if not shut:
        return
    _check(_LIBC.unshare(CLONE_NEWNS), "unshare")
    _mount("none", Path("/"), MS_REC | MS_PRIVATE)
    for folder in shut:
        held = {path: os.open(path, os.O_PATH) for path in needed if folder in path.parents}
        _mount("tmpfs", folder, 0, kind=b"tmpfs")
        folder.chmod(0o755)
        for path in sorted(held):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            _mount(f"/proc/self/fd/{held[path]}", path, MS_BIND | MS_REC)


def _shut_folder(path: Path) -> Path | None:
    """The topmost folder above a path that others may not enter."""
    above = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
    return above[0] if above else None


def _mount(source: str, target: Path, flags: int, kind: bytes | None = None) -> None:
    _check(_LIBC.mount(source.encode(), str(target).encode(), kind, flags, None), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
