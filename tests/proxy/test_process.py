"""The proxy as a real process: killed at any moment, one outcome each; its memory holds one copy of a key."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from sealgate.messages.feed import Outcome
from sealgate.messages.opening import CredentialEvent
from tests.process_memory import allow_cores, can_dump, copies, until_none
from tests.proxy.world import KEY, World, prompt, until

NEXT_KEY = "sk-canary-next-b0d1e2f3a4c5"
START = """
import sys, msgspec
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.process import run
run(msgspec.json.decode(sys.argv[1], type=ProxyConfig, dec_hook=lambda kind, value: kind(value)))
"""


class Child:
    """A proxy in a process of its own, with the parts of `Proxy` that `World` uses."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, admin_port: int) -> None:
        self.process, self.port, self.admin_port = process, port, admin_port

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await self.process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def a_process(world: World, program: str = START, **environment: str) -> AsyncIterator[Child]:
    config = msgspec.structs.replace(world.config, port=_free_port(), admin_port=_free_port())
    encoded = msgspec.json.encode(config, enc_hook=str).decode()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        encoded,
        stderr=asyncio.subprocess.PIPE,
        cwd=world.folder,
        preexec_fn=allow_cores,
        env={**os.environ, **environment},
    )
    child = Child(process, config.port, config.admin_port)
    world.proxy = child  # type: ignore[assignment]
    try:
        await _ready(world, child)
        yield child
    finally:
        world.proxy = None
        if process.returncode is None:
            child.kill()
        await process.communicate()


async def _ready(world: World, child: Child) -> None:
    async with asyncio.timeout(10):
        while child.process.returncode is None:
            try:
                if (await world.admin("/readyz")).json()["connected"] == {"vault": True, "console": True}:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.02)
    raise AssertionError("the proxy did not start")


MOMENTS = {
    "before a stream": Outcome.LOST,
    "during a stream": Outcome.LOST,
    "after a stream": Outcome.COMPLETED,
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_kill_9_leaves_one_outcome(stopped: World, moment: str) -> None:
    world = stopped
    world.console.count_nothing = True
    async with a_process(world) as child:
        browser = await world.browser()
        browser.send(world.request(prompt("hang" if moment.startswith("before") else "wait", stream=True)))
        await world.provider.started.wait()
        if moment.startswith("after"):
            world.provider.gate.set()
        if not moment.startswith("before"):
            await browser.head()
            await browser.chunk()
        if moment.startswith("after"):
            await browser.answer_body()
        child.kill()
        await child.process.wait()
    world.console.count_nothing = False
    async with a_process(world) as child:
        await until(lambda: len(world.console.usage) == 1)
        assert (await world.chat()).status == 200
        await until(lambda: len(world.console.usage) == 2)
        await child.stop()
    assert world.console.outcomes() == [MOMENTS[moment], Outcome.COMPLETED]
    assert world.records()[0].estimated is (MOMENTS[moment] is Outcome.LOST)
    assert not list((world.config.data_dir / "journal").glob("*.segment"))


async def test_sigterm_drains_and_ends_in_order(stopped: World) -> None:
    async with a_process(stopped) as child:
        browser = await stopped.stream()
        child.process.send_signal(signal.SIGTERM)
        stopped.provider.gate.set()
        assert b"[DONE]" in await browser.answer_body()
        await child.process.wait()
        assert child.process.returncode == 0
        assert child.process.stderr is not None
        log = (await child.process.stderr.read()).decode()
    assert "draining" in log
    assert "stopped" in log


async def test_a_key_log_of_the_environment_is_refused(stopped: World) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        START,
        msgspec.json.encode(stopped.config, enc_hook=str).decode(),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SSLKEYLOGFILE": str(stopped.folder / "keys.log")},
    )
    _out, err = await process.communicate()
    assert process.returncode != 0
    assert b"hint: unset it" in err
    assert not (stopped.folder / "keys.log").exists()


DUMPABLE = "from sealgate.proxy import process\nprocess.refuse_dumps = lambda: None\n"
"""Before its program: the control, a proxy that refuses nothing."""


@pytest.mark.parametrize("before", ["", DUMPABLE], ids=["as it is", "the control"])
async def test_a_crash_of_a_proxy_leaves_no_core_where_the_system_would_allow_one(
    stopped: World, before: str
) -> None:
    async with a_process(stopped, before + START) as child:
        assert (await stopped.chat()).status == 200
        child.process.send_signal(signal.SIGABRT)
        await child.process.wait()
    assert child.process.returncode == -signal.SIGABRT
    assert bool(list(stopped.folder.glob("core*"))) == bool(before and can_dump())


@pytest.mark.root
async def test_one_copy_of_the_key_while_cached_and_none_a_second_after(stopped: World) -> None:
    stopped.config = msgspec.structs.replace(stopped.config, credential_cache_s=1.0)
    async with a_process(stopped) as child:
        for stream in (False, True, False):
            assert (await stopped.chat(prompt(stream=stream))).status == 200
        assert copies(child.process.pid, KEY.encode()) == 1
        await until_none(child.process.pid, KEY.encode(), 2.0)


@pytest.mark.root
async def test_no_copy_is_left_when_the_key_is_revoked(stopped: World) -> None:
    async with a_process(stopped) as child:
        await stopped.chat()
        assert copies(child.process.pid, KEY.encode()) == 1
        stopped.vault.revoke(stopped.credential)
        await until_none(child.process.pid, KEY.encode())


@pytest.mark.root
async def test_after_a_switch_the_new_key_stands_in_memory_once_and_the_old_one_not_at_all(
    stopped: World,
) -> None:
    async with a_process(stopped) as child:
        browser = await stopped.stream()
        assert copies(child.process.pid, KEY.encode()) == 1
        stopped.vault.keys[stopped.credential] = NEXT_KEY
        stopped.vault.revoke(stopped.credential, CredentialEvent.REPLACED)
        await until_none(child.process.pid, KEY.encode())
        assert (await stopped.chat()).status == 200
        assert copies(child.process.pid, NEXT_KEY.encode()) == 1
        stopped.provider.gate.set()
        assert b"[DONE]" in await browser.answer_body()
        assert copies(child.process.pid, KEY.encode()) == 0


@pytest.mark.root
async def test_with_nothing_to_be_kept_no_copy_is_left_after_an_answer(stopped: World) -> None:
    stopped.config = msgspec.structs.replace(stopped.config, credential_cache_s=0.0)
    async with a_process(stopped) as child:
        for stream in (False, True):
            assert (await stopped.chat(prompt(stream=stream))).status == 200
            await until_none(child.process.pid, KEY.encode())


@pytest.mark.root
async def test_while_the_vault_is_away_a_key_stays_once_and_goes_when_its_lease_ends(stopped: World) -> None:
    stopped.config = msgspec.structs.replace(stopped.config, credential_cache_s=0.1)
    stopped.vault.lease_s = 3.0
    async with a_process(stopped) as child:
        assert (await stopped.chat()).status == 200
        await stopped.vault.server.close()
        assert (await stopped.chat()).status == 200
        assert copies(child.process.pid, KEY.encode()) == 1
        await until_none(child.process.pid, KEY.encode(), 4.0)
