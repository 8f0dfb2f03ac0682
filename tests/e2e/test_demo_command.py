"""`sealgate demo` as a newcomer runs it: once, as JSON, on taken ports, in odd folders."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.e2e.running_demo import RunningDemo

LIMIT_S = 90.0
"""For hangs; on an idle machine it takes about ten seconds."""


def demo(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sealgate", "demo", *words],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=folder,
    )


def test_once_holds_and_says_what_it_did(tmp_path: Path) -> None:
    done = demo("--once", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("sealed", "booted", "session", "streamed", "counted", "hunted"):
        assert f" {word} " in done.stdout
    assert "plaintext key, prompt, answer, user, session token: 0 hits in" in done.stdout
    assert " deliveries of traces and metrics, 4 pages for operators; " in done.stdout
    assert "planted control: found" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_once_as_json_is_one_document_with_the_same(tmp_path: Path) -> None:
    done = demo("--once", "--json", "--data", str(tmp_path / "kept"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"]
    assert told["seconds"] < LIMIT_S
    assert told["completion"]
    assert told["usage"]["outcome"] == "completed"
    assert told["hunt"]["hits"] == []
    assert told["hunt"]["planted_found"]
    assert told["hunt"]["files"] > 10
    assert told["hunt"]["surfaces"] > 6  # four pages, traces and metrics
    assert (tmp_path / "kept" / "vault" / "vault.db").exists()
    kept = tomllib.loads((tmp_path / "kept" / "sealgate.toml").read_text())
    assert not kept["telemetry"]["endpoint"], "nothing is sent to a collector that is gone"


def test_a_taken_port_is_named_with_the_option_that_moves_it(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = demo("--vault-port", str(port), "--once", folder=tmp_path)
    assert done.returncode == 78
    assert f"port {port}" in done.stderr
    assert "--vault-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_too_deep_for_sockets_is_refused_with_a_hint(tmp_path: Path) -> None:
    done = demo("--once", "--data", str(tmp_path / ("x" * 100)), folder=tmp_path)
    assert done.returncode == 78
    assert "--data" in done.stderr


@pytest.mark.parametrize("broken", ["{", "[]", '{"instance": 3}'])
def test_a_folder_with_a_broken_state_file_is_refused_and_kept(tmp_path: Path, broken: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "demo.json").write_text(broken)
    done = demo("--once", "--data", str(tmp_path / "d"), folder=tmp_path)
    assert done.returncode == 78
    assert "demo.json" in done.stderr
    assert (tmp_path / "d" / "demo.json").read_text() == broken


def test_no_file_of_the_demo_can_be_read_by_others(demo: RunningDemo) -> None:
    assert demo.folder.stat().st_mode & 0o077 == 0
    secret = ["demo.json", "sealgate.toml", "newsletter/session-key.pem", "vault/kek", "vault/vault.db"]
    for name in [*secret, "console/console.db"]:
        assert (demo.folder / name).stat().st_mode & 0o077 == 0, name
