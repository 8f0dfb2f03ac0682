"""`sealgate up`: prepare, start the three processes, say what a first start must say, and keep them alive.

Log lines of every process go to standard error as they come; what is said to a person goes to standard
output.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from sealgate.log import LineLog
from sealgate.settings import Settings, read
from sealgate.supervisor import EVENTS, EX_CONFIG, NotReadyError, Supervisor
from sealgate.up.preparing import (
    NotPossibleError,
    alone,
    check_ports,
    make_data_folder,
    prepare,
    separate_users,
)
from sealgate.up.programs import INVITATION, WELCOMED_NAME, programs
from sealgate.up.words import ready_text, welcome_text

Say = Callable[[str], None]


class Lines:
    """Log lines go on to standard error; the line with the first owner's link is kept back for the owner."""

    def __init__(self) -> None:
        self.invitation = ""

    def take(self, line: str) -> None:
        """One line of a process."""
        if line.startswith(INVITATION):
            self.invitation = line.removeprefix(INVITATION).strip()
            return
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def up(config: Path, say: Say) -> int:
    """Run until SIGINT or SIGTERM; gives the exit code. Raises `SettingsError`, `NotPossibleError`."""
    settings = read(config)
    if separate_users(settings):
        raise NotPossibleError(
            "[users] names a system user for each process, and `sealgate up` runs all as one. hint: start "
            "the "
            "systemd units (docs/howto/deploy.md), or take [users] out"
        )
    make_data_folder(settings)
    with alone(settings):
        settings = prepare(settings)
        check_ports(settings)
        return asyncio.run(_run(settings, config.resolve(), say))


async def _run(settings: Settings, config: Path, say: Say) -> int:
    stop = _stop_event()
    lines = Lines()
    supervisor = Supervisor(LineLog("supervisor", EVENTS), lines.take)
    for program in programs(settings, config).values():
        supervisor.start(program)
    try:
        await _until_ready(supervisor, stop)
        if not stop.is_set() and not supervisor.refused.is_set():
            _greet(settings, lines, say)
        await _first_of(stop.wait(), supervisor.refused.wait())
    finally:
        await supervisor.stop()
    return EX_CONFIG if supervisor.refused.is_set() else 0


async def _until_ready(supervisor: Supervisor, stop: asyncio.Event) -> None:
    ready = asyncio.ensure_future(supervisor.ready())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ready.done():
        ready.cancel()
        return
    try:
        ready.result()
    except NotReadyError as error:
        if not supervisor.refused.is_set():
            raise NotPossibleError(f"{error}. hint: `sealgate doctor` looks at each part") from error


def _greet(settings: Settings, lines: Lines, say: Say) -> None:
    welcomed = Path(settings.data_dir) / WELCOMED_NAME
    if welcomed.exists() or not lines.invitation:
        say(ready_text(settings))
        return
    say(welcome_text(settings, lines.invitation))
    _remember(welcomed)


def _remember(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.fsync(descriptor)
    os.close(descriptor)


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(each) for each in waits]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
