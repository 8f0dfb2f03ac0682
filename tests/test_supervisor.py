"""The supervisor, over real processes: alive again after death, stopped in order, refused once."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sealgate.console.config import ConsoleConfig
from sealgate.log import NullLog
from sealgate.proxy.config import ProxyConfig
from sealgate.supervisor import EVENTS, GRACE_S, NotReadyError, Probe, Program, Supervisor, answers


def program(name: str, body: str, probe: Probe | None = None) -> Program:
    return Program(name, (sys.executable, "-uc", textwrap.dedent(body)), probe)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SERVES = """
    import http.server, sys
    class H(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/healthz" else 404); self.end_headers()
    http.server.HTTPServer(("127.0.0.1", {port}), H).serve_forever()
"""

WAITS = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def supervisor(lines: list[str]) -> Supervisor:
    return Supervisor(NullLog(EVENTS), lines.append)


async def test_a_killed_program_is_started_again(supervisor: Supervisor, lines: list[str]) -> None:
    supervisor.start(program("a", WAITS))
    await until(lambda: lines == ["up"])
    first = supervisor.pid("a")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: lines == ["up", "up"])
    assert supervisor.pid("a") != first
    await supervisor.stop()


async def test_a_program_that_dies_at_once_is_started_with_growing_pauses(
    supervisor: Supervisor, lines: list[str]
) -> None:
    supervisor.start(program("a", "import time; print(time.monotonic())"))
    await until(lambda: len(lines) >= 4)
    at = [float(line) for line in lines]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert pauses[0] >= 0.2
    assert pauses[2] >= 0.8
    await supervisor.stop()


async def test_a_refused_configuration_is_not_tried_again(supervisor: Supervisor, lines: list[str]) -> None:
    probe = Probe("127.0.0.1", free_port(), "/", "localhost")
    supervisor.start(program("a", "import sys; print('no'); sys.exit(78)", probe))
    with pytest.raises(NotReadyError, match="a refused to start"):
        await supervisor.ready()
    assert lines == ["no"]
    await supervisor.stop()


async def test_ready_waits_for_the_answer_and_names_who_does_not(supervisor: Supervisor) -> None:
    port = free_port()
    supervisor.start(
        program("good", SERVES.format(port=port), Probe("127.0.0.1", port, "/healthz", "localhost"))
    )
    supervisor.start(program("bad", WAITS, Probe("127.0.0.1", free_port(), "/", "localhost")))
    await supervisor.ready(["good"])
    with pytest.raises(NotReadyError, match="bad did not answer"):
        await supervisor.ready(["bad"], timeout_s=0.2)
    assert not await answers(Probe("127.0.0.1", port, "/other", "localhost"))
    await supervisor.stop()


async def test_programs_are_drained_last_started_first(supervisor: Supervisor, lines: list[str]) -> None:
    body = """
        import signal, sys, time
        def bye(*_):
            print("{name} stops", flush=True); sys.exit(0)
        signal.signal(signal.SIGTERM, bye)
        print("up", flush=True); time.sleep(60)
    """
    for name in ("vault", "console", "proxy"):
        supervisor.start(program(name, body.format(name=name)))
    await until(lambda: len(lines) == 3)
    await supervisor.stop()
    assert lines[3:] == ["proxy stops", "console stops", "vault stops"]


async def test_a_line_that_never_ends_does_not_fill_the_memory(
    supervisor: Supervisor, lines: list[str]
) -> None:
    supervisor.start(program("a", "import time; print('x' * 300_000); print('after'); time.sleep(60)"))
    await until(lambda: "after" in lines)
    assert all(len(line) < 70_000 for line in lines)
    await supervisor.stop()


async def test_supervised_programs_die_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    child = (
        "import sealgate.supervisor as s, time; s.die_with_parent(); print('up', flush=True); time.sleep(60)"
    )
    parent = f"""
        import asyncio, sys
        from sealgate.log import NullLog
        from sealgate.supervisor import EVENTS, Program, Supervisor
        async def main():
            s = Supervisor(NullLog(EVENTS), lambda line: print(s.pid("a"), flush=True))
            s.start(Program("a", (sys.executable, "-c", {child!r})))
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(parent), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await asyncio.wait_for(process.stdout.readline(), 20))
    process.kill()
    await process.wait()
    await until(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


async def test_a_process_that_cannot_be_made_is_tried_again(supervisor: Supervisor, tmp_path: Path) -> None:
    absent = tmp_path / "late"
    supervisor.start(Program("a", (str(absent),)))
    await asyncio.sleep(0)
    absent.write_text("#!/bin/sh\nexec sleep 60\n")
    absent.chmod(0o700)
    await until(lambda: supervisor.pid("a") is not None)
    await supervisor.stop()


def test_the_supervisor_waits_longer_than_any_process_drains() -> None:
    drains = [
        field.default
        for config in (ProxyConfig, ConsoleConfig)
        for field in msgspec.structs.fields(config)
        if field.name == "drain_s"
    ]
    assert len(drains) == 2
    assert max(drains) + 5 <= GRACE_S
