"""The memory of a vault that runs: no key in it once it answered, none in a core, and nobody who reads it.

Through /proc, of a real process. Only root may look into a hardened one: without root the vault's own user is
shown to be refused, which is the point.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from sealgate.messages.opening import CredentialChanged, OpeningReply
from sealgate.messages.operating import RotateSealingKeys
from sealgate.messages.tickets import TicketReply
from sealgate.vault.process import DESK_SOCKET, OPENER_SOCKET, Vault
from tests.vault.deployment import Addresses, Deployment, canary_key, connected, vault_config
from tests.vault.test_operator import connected as operating
from tests.vault.test_process import PROGRAM, ROOT

IS_ROOT = os.geteuid() == 0


@dataclass
class _Elsewhere:
    port: int


@asynccontextmanager
async def a_vault(folder: Path, pid: list[int]) -> AsyncIterator[Deployment]:
    """A vault in a process of its own, with the clients that a console and a proxy would have."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(folder), "0", cwd=ROOT, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    line = b""
    while b" started " not in line:
        line = await asyncio.wait_for(process.stderr.readline(), 60)
        assert line, "it did not start"
    found = re.search(rb" port=(\d+) ", line)
    assert found is not None
    pid.append(process.pid)
    config = vault_config(folder)
    proxy, proxy_task = await connected(config, OPENER_SOCKET, "prx_test", OpeningReply | CredentialChanged)
    console, console_task = await connected(config, DESK_SOCKET, "console", TicketReply)
    try:
        yield Deployment(cast(Vault, _Elsewhere(int(found[1]))), proxy, console, config)
    finally:
        for task in (proxy_task, console_task):
            task.cancel()
        await asyncio.gather(proxy_task, console_task, return_exceptions=True)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.communicate()


def copies(pid: int, needle: bytes) -> int:
    """How often these bytes stand anywhere in the memory of a process."""
    found = 0
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            if not re.search(r" rw[-x][ps] ", line):
                continue
            begin, end = (int(each, 16) for each in line.split()[0].split("-"))
            with suppress(OSError, ValueError):
                memory.seek(begin)
                found += memory.read(end - begin).count(needle)
    return found


async def until_none(pid: int, needle: bytes) -> None:
    """Within a second no copy is left."""
    for _ in range(20):
        if copies(pid, needle) == 0:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{copies(pid, needle)} copies of the key are left")


@pytest.mark.skipif(not IS_ROOT, reason="only root may look into a hardened process")
async def test_no_copy_of_a_key_is_left_after_deposit_open_reseal_and_revocation(folder: Path) -> None:
    pid: list[int] = []
    async with a_vault(folder, pid) as vault:
        at, key = Addresses(), canary_key()
        credential = await vault.sealed_key(at, key)
        await until_none(pid[0], key)
        for _ in range(5):
            assert (await vault.open(at, credential))[1] == key
        await until_none(pid[0], key)
        await vault.staged_key(at, canary_key(), credential)
        async with operating(vault.config) as operator:
            await operator.ask(RotateSealingKeys(organization=at.organization))
        assert (await vault.open(at, credential))[1] == key  # sealed anew while it is open
        await until_none(pid[0], key)
        await vault.switch(at, credential)
        await until_none(pid[0], key)
        await vault.revoke(at, credential)
        await until_none(pid[0], key)
        # The control: what stands in the vault's memory is found by this very search.
        assert copies(pid[0], vault.config.instance.encode()) > 0


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


def _cores_allowed() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT], ids=lambda each: each.name)
def test_a_crash_leaves_no_core_where_the_system_would_allow_one(
    tmp_path: Path, number: signal.Signals
) -> None:
    def dumped(how: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-c", CRASH, how, str(int(number))],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}"},
            preexec_fn=_cores_allowed,
            capture_output=True,
            check=False,
        )
        assert done.returncode == -number
        return bool(list(tmp_path.glob("core*")))

    assert not dumped("hardened")
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0 and pattern.startswith("core"):
        assert dumped("as it is"), "the control: without hardening there is a core"
