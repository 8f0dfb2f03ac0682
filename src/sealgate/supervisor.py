"""Starts the processes of one machine, starts them again when they die, and stops them in order.

It runs programs, not our code: a crash in one cannot reach another. A program that exits with `EX_CONFIG`
refused its configuration; starting it again would not help, so the supervisor stops everything and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import ssl
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from sealgate.log import Event, Kind, Level, Log

EX_CONFIG = 78
"""`sysexits.h`: something was found in an unconfigured or misconfigured state."""

EX_OSERR = 71
"""`sysexits.h`: the system could not do it, such as create a process."""

BACKOFF_FIRST_S = 0.2
BACKOFF_MOST_S = 10.0
HEALTHY_AFTER_S = 30.0
GRACE_S = 30.0
"""Longer than any process takes to drain; a test compares."""
READY_S = 60.0
"""A start takes about a second; on a machine that is busy with everything else, far longer."""
DEATHS_AT_START = 3
"""`ready` gives up on a program that dies so often: there is nothing to wait for."""
LINE_LIMIT_BYTES = 64 * 1024

EVENTS: Mapping[str, Event] = {
    "program.started": Event(
        Level.INFO, {"program": Kind.ID, "pid": Kind.NUMBER}, "A process of this machine was started."
    ),
    "program.exited": Event(
        Level.ERROR,
        {"program": Kind.ID, "code": Kind.NUMBER, "again_in_s": Kind.NUMBER},
        "A process died and will be started again; its own lines above say why.",
    ),
    "program.refused": Event(
        Level.ERROR, {"program": Kind.ID}, "A process refused its configuration; everything is stopped."
    ),
    "program.killed": Event(
        Level.WARNING, {"program": Kind.ID}, "A process did not stop within its grace time and was killed."
    ),
    "stopping": Event(Level.INFO, {}, "The supervisor was told to stop and drains every process."),
    "stopped": Event(Level.INFO, {}, "Every process has stopped."),
}


class Probe(Struct, frozen=True):
    """A question over HTTP(S) that a program answers with 200 once it is ready."""

    host: str
    port: int
    path: str
    name: str
    """Host name to ask for; each process answers to its own names only."""
    tls: bool = False


class Program(Struct, frozen=True):
    """One process to keep alive."""

    name: str
    argv: tuple[str, ...]
    probe: Probe | None = None
    fds: tuple[int, ...] = ()
    """Open files that it inherits, such as a socket that others listen on too."""


class NotReadyError(RuntimeError):
    """A program did not become ready, or refused its configuration."""


class Supervisor:
    """Keeps programs alive between `start` and `stop`. `on_line` gets every line that one of them writes."""

    def __init__(self, log: Log, on_line: Callable[[str], None]) -> None:
        self._log = log
        self._on_line = on_line
        self._keepers: dict[str, _Keeper] = {}
        self.refused = asyncio.Event()
        """Set once a program refused its configuration."""

    def start(self, program: Program) -> None:
        """Start a program and keep it alive."""
        keeper = _Keeper(program, self._log, self._on_line, self.refused)
        self._keepers[program.name] = keeper
        keeper.task = asyncio.create_task(keeper.run())

    async def ready(self, names: Sequence[str] | None = None, *, timeout_s: float = READY_S) -> None:
        """Wait until programs answer their probes; `NotReadyError` names the one that does not."""
        for name in names or tuple(self._keepers):
            probe = self._keepers[name].program.probe
            if probe is not None:
                await self._answer(name, probe, timeout_s)

    async def _answer(self, name: str, probe: Probe, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while not await answers(probe):
            if self.refused.is_set():
                raise NotReadyError(f"{name} refused to start; the lines above say why")
            self._give_up_on_the_dying()
            if time.monotonic() > end:
                raise NotReadyError(
                    f"{name} did not answer within {timeout_s:.0f} s; the lines above say why"
                )
            await asyncio.sleep(0.02)

    def _give_up_on_the_dying(self) -> None:
        for name, keeper in self._keepers.items():
            if keeper.deaths >= DEATHS_AT_START:
                raise NotReadyError(f"{name} died {keeper.deaths} times; the lines above say why")

    def pid(self, name: str) -> int | None:
        """Process id of a running program."""
        process = self._keepers[name].process
        return process.pid if process is not None and process.returncode is None else None

    async def retire(self, names: Sequence[str]) -> None:
        """Drain these programs side by side, and keep them no more."""
        keepers = [self._keepers.pop(name) for name in names]
        await asyncio.gather(*(keeper.stop() for keeper in keepers))

    async def stop(self) -> None:
        """Drain the programs, last started first, so that nobody loses the one that it asks."""
        self._log("stopping")
        for keeper in reversed(self._keepers.values()):
            await keeper.stop()
        self._log("stopped")


class _Keeper:
    """Keeps one program alive."""

    def __init__(
        self, program: Program, log: Log, on_line: Callable[[str], None], refused: asyncio.Event
    ) -> None:
        self.program = program
        self.process: asyncio.subprocess.Process | None = None
        self.task: asyncio.Task[None] | None = None
        self._log = log
        self._on_line = on_line
        self._refused = refused
        self._stopping = False
        self.deaths = 0

    async def run(self) -> None:
        pause_s = BACKOFF_FIRST_S
        while not self._stopping:
            began = time.monotonic()
            try:
                code = await self._run_once()
            except OSError:  # no descriptor, no memory, no process: it may come back
                code = EX_OSERR
            if self._stopping:
                return
            if code == EX_CONFIG:
                self._log("program.refused", program=self.program.name)
                self._refused.set()
                return
            self.deaths += 1
            if time.monotonic() - began > HEALTHY_AFTER_S:
                pause_s = BACKOFF_FIRST_S
            self._log("program.exited", program=self.program.name, code=code, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, BACKOFF_MOST_S)

    async def stop(self) -> None:
        self._stopping = True
        process = self.process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(GRACE_S):
                    await process.wait()
            except TimeoutError:
                self._log("program.killed", program=self.program.name)
                process.kill()
        if self.task is not None:
            await self._finish(self.task)

    async def _finish(self, task: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait({task}, timeout=2.0)
        if not done:  # it sleeps between two attempts
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self.program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_LIMIT_BYTES,
            env={**os.environ, SUPERVISED: str(os.getpid())},
            pass_fds=self.program.fds,
            process_group=0,  # Ctrl-C is for us: we stop them in order
        )
        self.process = process
        self._log("program.started", program=self.program.name, pid=process.pid)
        assert process.stdout is not None
        await self._pump(process.stdout)
        return await process.wait()

    async def _pump(self, lines: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await lines.readline()
            except ValueError:  # a line over the limit: the reader dropped it
                continue
            if not line:
                return
            self._on_line(line.decode(errors="replace").rstrip("\n"))


SUPERVISED = "SEALGATE_SUPERVISED_BY"
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """In a supervised process: have the kernel stop it when its supervisor dies (prctl(2)); Linux only."""
    parent = os.environ.get(SUPERVISED)
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


async def answers(probe: Probe) -> bool:
    """True if the program answers its probe with 200 within a second."""
    tls = _any_certificate() if probe.tls else None
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection(
                probe.host, probe.port, ssl=tls, server_hostname=probe.name if tls else None
            )
    except (OSError, TimeoutError):
        return False
    request = f"GET {probe.path} HTTP/1.1\r\nHost: {probe.name}:{probe.port}\r\nConnection: close\r\n\r\n"
    try:
        writer.write(request.encode())
        async with asyncio.timeout(1.0):
            status = await reader.readline()
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
    return b" 200" in status[:13]


def _any_certificate() -> ssl.SSLContext:
    """For asking whether a process of our own answers: what it presents is checked elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
