"""What must be there before the first process starts: folders, ids, room on the disk, free ports, one `up`.

Every step is whole or not done, and done again where an earlier start was killed. Nothing here makes a
secret: the vault alone makes its KEK.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sealgate.messages.server import SocketPathError, check_socket_path
from sealgate.settings import Settings, identify, make_identity
from sealgate.settings.checks import admin_listeners, sections

ROOM_BYTES = 100 * 1_048_576
"""A first start writes about half of it: the journal's first segments are laid out whole."""
LOCK_NAME = "up.lock"


class NotPossibleError(RuntimeError):
    """This start is not possible. The message says why and has a hint."""


def prepare(settings: Settings) -> Settings:
    """Make folders and ids that are not there; gives the settings with ids. Raises `NotPossibleError`."""
    data = Path(settings.data_dir)
    make_data_folder(settings)
    try:
        if not separate_users(settings):
            _make_folder(settings.runtime_folder, mode=0o700)
        check_socket_path(settings.runtime_folder / "vault-opener.sock")
        make_identity(settings)
    except SocketPathError as error:
        raise NotPossibleError(f"{error} with the setting runtime_dir") from error
    except OSError as error:
        raise NotPossibleError(_failed(data, error)) from error
    return identify(settings)


def make_data_folder(settings: Settings) -> None:
    """Make `data_dir`, and see that there is room in it; raises `NotPossibleError`."""
    folder = Path(settings.data_dir)
    try:
        _make_folder(folder, mode=0o755 if separate_users(settings) else 0o700)
        _check_room(folder)
    except OSError as error:
        raise NotPossibleError(_failed(folder, error)) from error


def separate_users(settings: Settings) -> bool:
    """True if the processes run as users of their own: then `up` cannot start them, systemd does."""
    return any((settings.users.vault, settings.users.console, settings.users.proxy))


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the folder against a second `up`; raises `NotPossibleError` if there is one."""
    path = Path(settings.data_dir) / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NotPossibleError(_failed(path, error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise NotPossibleError(
            f"another `sealgate up` uses {settings.data_dir}. hint: stop it first, or give this one a "
            f"data_dir "
            "and ports of its own"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def check_ports(settings: Settings) -> None:
    """Raise `NotPossibleError` for a port that somebody listens on already: better now than in three logs."""
    listeners = [(f"{name}.port", section.host, section.port) for name, section in sections(settings)]
    listeners += [(f"{name}.admin_port", host, port) for name, host, port in admin_listeners(settings)]
    for name, host, port in listeners:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            raise NotPossibleError(
                f"{name} {port} on {host} cannot be listened on ({os.strerror(error.errno or 0)}). "
                f"hint: stop what uses it, or set {name}"
            ) from error


def _make_folder(folder: Path, *, mode: int) -> None:
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    found = folder.stat().st_mode
    if found & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotPossibleError(
            f"{folder} has mode {stat.S_IMODE(found):04o}: others can replace files in it. hint: chmod "
            f"0700 {folder}"
        )


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        raise NotPossibleError(
            f"{folder} has {free // 1_048_576} MiB left, a start needs {ROOM_BYTES // 1_048_576}. hint: "
            f"free some "
            "space, or choose another data_dir"
        )


def _failed(path: Path, error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = "free some space" if full else "let this user own it, or choose another data_dir"
    return f"cannot write {error.filename or path}: {error.strerror}. hint: {hint}"
