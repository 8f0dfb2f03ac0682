"""Where a key is while `sealgate deposit` runs: in its standard input, never in a list of processes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.scripts.house import House
from tests.scripts.test_deposit import SEEDED, addon, pinned
from tests.vault.deployment import ORIGIN, canary_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_there_is_no_place_for_a_key_on_the_command_line(here: House) -> None:
    key = canary_key().decode()
    for words in ((key,), ("--key", key), (f"--key={key}",), ("--api-key", key)):
        done = await here.sealgate(*SEEDED, here.seeded.application, "--origin", ORIGIN, *words)
        assert done.code == 64, done.told
    assert (await addon(here))["state"] == "none"


async def test_while_it_waits_the_key_and_the_token_stand_in_no_list_of_processes(here: House) -> None:
    key = canary_key()
    read_end, write_end = os.pipe()
    os.write(write_end, key)  # and not closed: it goes on reading
    words = (*SEEDED, here.seeded.application, "--origin", ORIGIN, "--fingerprint", await pinned(here))
    environment = {**os.environ, "SEALGATE_CONSOLE": here.config.public_url}
    environment.pop("SEALGATE_TOKEN", None)
    token_file = here.folder / "token-of-this-test"
    token_file.write_text(here.token)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sealgate", *words, "--token-file", str(token_file),
        stdin=read_end, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    os.close(read_end)
    assert process.stderr
    async with asyncio.timeout(30):
        while b"Sealing key" not in await process.stderr.readline():
            pass
    folder = Path(f"/proc/{process.pid}")
    shown = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
    assert b"--token-file" in shown
    assert key not in shown
    assert here.token.encode() not in shown
    os.close(write_end)
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
