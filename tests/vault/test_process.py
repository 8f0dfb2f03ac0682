"""The vault as a process of its own: hardened before it starts, refusing in words, ending when told."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.log import NullLog
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.hygiene import check_environment

PROGRAM = """
import sys
from pathlib import Path
from sealgate.vault import process
from tests.vault.deployment import vault_config, write_assets
folder, port = Path(sys.argv[1]), int(sys.argv[2])
write_assets(folder / "assets")
process.ASSETS = folder / "assets"
process.Vault.__init__.__kwdefaults__["assets_folder"] = folder / "assets"
process.run(vault_config(folder, port=port))
"""
ROOT = Path(__file__).parents[2]


def start(folder: Path, port: int = 0, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(port)],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    lines = ""
    for line in process.stderr:
        lines += line
        if words in line:
            return lines
    raise AssertionError(lines)


def test_it_starts_without_core_dumps_and_ends_cleanly_when_told(folder: Path) -> None:
    with start(folder) as process:
        wait_for(process, " started ")
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        process.send_signal(signal.SIGTERM)
        wait_for(process, " stopped")
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert process.returncode == 0
    assert not list((folder / "run").iterdir())


def test_a_hardened_process_lets_nobody_read_its_memory() -> None:
    program = (
        "import ctypes\nfrom sealgate.vault.hygiene import harden_process\nharden_process()\n"
        "PR_GET_DUMPABLE = 3\nprint(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "0\n"


def test_a_taken_port_is_named_with_a_hint(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(folder, port)
        _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "refused_to_start code=port_taken" in said
    assert f"127.0.0.1:{port}" in said
    assert "hint: " in said


def test_a_process_that_would_write_session_keys_does_not_start(folder: Path) -> None:
    process = start(folder, SSLKEYLOGFILE=str(folder / "keys"))
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "refused_to_start code=sslkeylogfile" in said
    assert not (folder / "keys").exists()
    assert not (folder / "data").exists()


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_proxy_variables_are_named_and_ignored(name: str) -> None:
    told: list[object] = []

    def log(event: str, /, **fields: str | int | float | bool) -> None:
        NullLog(EVENTS)(event, **fields)
        told.append((event, fields))

    check_environment({name: "http://user:secret@proxy.example"}, log)
    assert told == [("proxy_variable_ignored", {"name": name})]


def test_sslkeylogfile_is_refused() -> None:
    with pytest.raises(StartError, match="hint: unset it"):
        check_environment({"SSLKEYLOGFILE": "/tmp/keys"}, NullLog(EVENTS))
