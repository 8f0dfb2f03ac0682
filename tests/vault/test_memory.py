"""The memory of a vault that runs: a key once while it is open, never after, none in a core, and no reader.

Through /proc, of a real process. Only root may look into a hardened one (the tests of group `root`); that its
own user is refused is shown without.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from sealgate.messages.client import Client
from sealgate.messages.erasing import Erase, Erased, ErasureKind
from sealgate.messages.opening import CredentialChanged, OpeningReply
from sealgate.messages.operating import AskKeks, KekReport, RotateKek, RotateSealingKeys
from sealgate.messages.tickets import TicketReply
from sealgate.vault.process import DESK_SOCKET, OPENER_SOCKET, Vault
from tests.process_memory import allow_cores, can_dump, copies, until_none, until_running, until_stopped
from tests.vault.deployment import Addresses, Deployment, canary_key, connected, vault_config
from tests.vault.test_operator import connected as operating
from tests.vault.test_process import PROGRAM, ROOT

IS_ROOT = os.geteuid() == 0


@dataclass
class _Elsewhere:
    port: int


@asynccontextmanager
async def a_vault(folder: Path, program: str = PROGRAM) -> AsyncIterator[tuple[Deployment, int]]:
    """A vault in a process of its own, with its id and the clients that a console and a proxy would have."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(folder), "0", cwd=ROOT, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    line = b""
    while b" started " not in line:
        line = await asyncio.wait_for(process.stderr.readline(), 60)
        assert line, "it did not start"
    found = re.search(rb" port=(\d+) ", line)
    assert found is not None
    config = vault_config(folder)
    proxy, proxy_task = await connected(config, OPENER_SOCKET, "prx_test", OpeningReply | CredentialChanged)
    console, console_task = await connected(config, DESK_SOCKET, "console", TicketReply)
    try:
        yield Deployment(cast(Vault, _Elsewhere(int(found[1]))), proxy, console, config), process.pid
    finally:
        for task in (proxy_task, console_task):
            task.cancel()
        await asyncio.gather(proxy_task, console_task, return_exceptions=True)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # one that stands still hears nothing
        await process.communicate()


async def copies_at_each_stop(pid: int, key: bytes, work: Coroutine[Any, Any, Any]) -> tuple[Any, list[int]]:
    """Have a vault that stops itself go on each time; gives what came of it, and what each stop showed."""
    task, seen = asyncio.ensure_future(work), []
    while not task.done():
        stopped = asyncio.ensure_future(until_stopped(pid))
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await stopped
            seen.append(await asyncio.to_thread(copies, pid, key))
            os.kill(pid, signal.SIGCONT)
            await until_running(pid)
        stopped.cancel()
    return await task, seen


STOPPING = """
import os, signal
from sealgate.envelope import opening
from sealgate.vault import envelopes
def stops_after(call):
    def wrapped(*words):
        done = call(*words)
        os.kill(os.getpid(), signal.SIGSTOP)
        return done
    return wrapped
opening._check_plaintext = stops_after(opening._check_plaintext)
envelopes.seal_slot = stops_after(envelopes.seal_slot)
"""
"""With this before its program, a vault stands still whenever a key was just opened, or sealed anew."""


@pytest.mark.root
async def test_a_key_that_is_deposited_opened_or_sealed_anew_stands_in_the_vaults_memory_once(
    folder: Path,
) -> None:
    async with a_vault(folder, STOPPING + PROGRAM) as (vault, pid), operating(vault.config) as operator:
        at, key = Addresses(), canary_key()
        credential, seen = await copies_at_each_stop(pid, key, vault.sealed_key(at, key))
        assert seen == [1], "while a deposit is checked"
        await until_none(pid, key)
        (_, opened), seen = await copies_at_each_stop(pid, key, vault.open(at, credential))
        assert (opened, seen) == (key, [1]), "while a proxy is answered"
        await until_none(pid, key)
        rotated = operator.ask(RotateSealingKeys(organization=at.organization))
        _, seen = await copies_at_each_stop(pid, key, rotated)
        (_, opened), more = await copies_at_each_stop(pid, key, vault.open(at, credential))
        assert opened == key
        assert set(seen + more) == {1}
        assert len(seen + more) > 1, "while it is sealed anew"
        await until_none(pid, key)


@pytest.mark.root
async def test_no_copy_of_a_key_is_left_after_any_change_of_its_credential_or_kek(
    folder: Path,
) -> None:
    async with a_vault(folder) as (vault, pid), operating(vault.config) as operator:
        at, first, second, third = Addresses(), canary_key(), canary_key(), canary_key()

        async def none_left(credential: str, now: bytes) -> None:
            assert (await vault.open(at, credential))[1] == now
            for key in (first, second, third):
                await until_none(pid, key)

        credential = await vault.sealed_key(at, first)
        for _ in range(5):
            await none_left(credential, first)
        await vault.staged_key(at, second, credential)
        await operator.ask(RotateSealingKeys(organization=at.organization))
        await none_left(credential, first)  # sealed anew while it is open
        await vault.switch(at, credential)
        await none_left(credential, second)
        await operator.ask(RotateKek())
        while await is_rewrapping(operator):
            await none_left(credential, second)
        await none_left(credential, second)
        await vault.roll_back(at, credential)
        await none_left(credential, first)
        await vault.sealed_key(at, third, credential)
        await none_left(credential, third)
        await vault.revoke(at, credential)
        other = await vault.sealed_key(at, second)
        await none_left(other, second)
        order = Erase(kind=ErasureKind.APPLICATION, subject=at.application, organization=at.organization)
        assert isinstance(await vault.console.ask(order), Erased)
        for key in (first, second, third):
            await until_none(pid, key)
        # The control: what stands in the vault's memory is found by this very search.
        assert copies(pid, vault.config.instance.encode()) > 0


async def is_rewrapping(operator: Client) -> bool:
    answer = await operator.ask(AskKeks())
    assert isinstance(answer, KekReport)
    return answer.left > 0


def test_who_runs_as_the_vaults_user_does_not_read_its_memory(folder: Path) -> None:
    """A child without rights stands for code that runs as the vault's user."""
    reader = (
        "import os, sys\n"
        "pid, uid = int(sys.argv[1]), int(sys.argv[2])\n"
        "os.setgroups([]) if os.geteuid() == 0 else None\n"
        "os.setresgid(uid, uid, uid) if os.geteuid() == 0 else None\n"
        "os.setresuid(uid, uid, uid) if os.geteuid() == 0 else None\n"
        "try:\n"
        "    open(f'/proc/{pid}/mem', 'rb').close()\n"
        "except PermissionError:\n"
        "    print('refused')\n"
    )
    uid = 65534 if IS_ROOT else os.geteuid()
    hardened = (
        "import os, sys, time\n"
        "from sealgate.vault.hygiene import harden_process\n"
        "uid = int(sys.argv[1])\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)\n"
        "import ctypes; ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
        "if sys.argv[2] == 'hardened': harden_process()\n"
        "print('there', flush=True); sys.stdin.read()\n"
    )
    told = {}
    for how in ("hardened", "as it is"):
        with subprocess.Popen(
            [sys.executable, "-c", hardened, str(uid), how],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            argv = [sys.executable, "-c", reader, str(process.pid), str(uid)]
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            told[how] = done.stdout
            assert process.stdin is not None
            process.stdin.close()
    assert told == {"hardened": "refused\n", "as it is": ""}, "the control: unhardened memory is open"


CRASH = """
import os, sys, resource, signal
from sealgate.vault.hygiene import harden_process
if sys.argv[1] == "hardened":
    harden_process()
os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT], ids=lambda each: each.name)
def test_a_crash_leaves_no_core_where_the_system_would_allow_one(
    tmp_path: Path, number: signal.Signals
) -> None:
    def dumped(how: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-c", CRASH, how, str(int(number))],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}"},
            preexec_fn=allow_cores,
            capture_output=True,
            check=False,
        )
        assert done.returncode == -number
        return bool(list(tmp_path.glob("core*")))

    assert not dumped("hardened")
    if can_dump():
        assert dumped("as it is"), "the control: without hardening there is a core"
