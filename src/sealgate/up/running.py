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
from sealgate.up.programs import programs
from sealgate.up.words import ready_text, welcome_text

WELCOMED_NAME = "welcomed"
"""Made once the first start has said what it must: a start that was killed before says it again."""

Say = Callable[[str], None]


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
    supervisor = Supervisor(LineLog("supervisor", EVENTS), _pass_on)
    for program in programs(settings, config).values():
        supervisor.start(program)
    try:
        await _until_ready(supervisor, stop)
        if not stop.is_set() and not supervisor.refused.is_set():
            await _greet(settings, config, say)
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


async def _greet(settings: Settings, config: Path, say: Say) -> None:
    welcomed = Path(settings.data_dir) / WELCOMED_NAME
    if welcomed.exists():
        say(ready_text(settings))
        return
    say(welcome_text(settings, await _invitation(config)))
    _remember(welcomed)


async def _invitation(config: Path) -> str:
    """In a process of its own: the supervisor stays small, and has no console code in its memory."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sealgate", "console", "invite-owner", "--config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise NotPossibleError(
            "the invitation of the first owner was not made; the lines above say why. hint: make it with "
            f"`sealgate console invite-owner --config {config}`"
        )
    return out.decode().strip()


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


def _pass_on(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
