"""`sealgate up`: a first start makes what it needs and says what to do, a second is quiet.

A start that cannot be says why, and leaves nothing half done.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import tomli_w

from tests.up_running import CLEAN, RunningUp, alive, free_ports, get, local_settings, up_in, wait_for

ROOT_ONLY = "needs root for a file system of its own; CI is root"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "in"


def invitations(running: RunningUp) -> list[str]:
    return re.findall(r"http://console\.localhost:\d+/invitations/[\w-]{43}", running.said.read_text())


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """Started for the first time, for who only looks."""
    with up_in(tmp_path_factory.mktemp("begun") / "in") as running:
        wait_for(lambda: invitations(running))
        yield running


def is_ready(running: RunningUp) -> bool:
    page = get(f"http://localhost:{running.settings.proxy.admin_port}/readyz")
    state = msgspec.json.decode(page.body)
    return bool(state["ready"]) and state["connected"] == {"vault": True, "console": True}


def test_a_first_start_says_what_must_be_done(begun: RunningUp) -> None:
    said = begun.said.read_text()
    assert len(invitations(begun)) == 1
    assert str(begun.data / "vault" / "kek") in said
    assert "three different places" in said
    assert get(invitations(begun)[0]).status == 200


def test_the_owners_link_reaches_the_terminal_and_no_log(begun: RunningUp) -> None:
    assert len(invitations(begun)) == 1
    assert "/invitations/" not in begun.logged.read_text()


def test_it_runs_once_the_proxy_has_found_vault_and_console_and_a_second_start_is_quiet(
    folder: Path,
) -> None:
    with up_in(folder) as running:
        assert is_ready(running)
        first = running.identified
    with up_in(folder) as again:
        assert is_ready(again)
        assert again.identified == first
        assert again.said.read_text().strip() == f"Sealgate runs: {first.console.url}"
        assert "kek_made" not in again.logged.read_text()


def test_its_files_are_for_their_owner_alone(begun: RunningUp) -> None:
    for path in begun.data.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert not mode & 0o077 or path.name == "instance.toml", f"{path} {mode:04o}"
    assert stat.S_IMODE(begun.data.stat().st_mode) == 0o700


def test_two_on_one_folder_are_one_too_many(begun: RunningUp, folder: Path) -> None:
    other = RunningUp(folder / "other", {**local_settings(folder), "data_dir": str(begun.data)})
    text = other.refused()
    assert "another `sealgate up`" in text
    assert "hint:" in text
    assert get(f"{begun.settings.console.url}/healthz").status == 200


def test_it_stops_in_order_and_leaves_nothing_running(folder: Path) -> None:
    running = RunningUp(folder)
    running.start()
    pids = running.pids()
    assert len(pids) == 3
    assert running.stop() == 0
    assert not any(alive(pid) for pid in pids)
    assert stopped_in_order(running)


def test_ctrl_c_stops_it_in_order_too(folder: Path) -> None:
    running = RunningUp(folder)
    running.start()
    running.ctrl_c()
    assert running.stop() == 0
    assert stopped_in_order(running)


def stopped_in_order(running: RunningUp) -> bool:
    log = running.logged.read_text()
    return log.index("proxy stopped") < log.index("console stopped") < log.index("vault stopped")


def test_a_taken_port_is_named_before_anything_starts(folder: Path) -> None:
    raw = local_settings(folder)
    with socket.create_server(("127.0.0.1", int(raw["proxy"]["port"]))):
        text = RunningUp(folder, raw).refused()
    assert "proxy.port" in text
    assert "program.started" not in text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"surprise": True}, "surprise"),
        ({"data_dir": "relative"}, "data_dir"),
        ({"data_dir": "/proc/sealgate"}, "/proc/sealgate"),
        ({"data_dir": "/dev/null"}, "/dev/null"),
        ({"runtime_dir": "/tmp/" + "long" * 30}, "runtime_dir"),
        ({"users": {"vault": "0"}}, "[users]"),
        ({"instance": "inst_" + "a" * 20, "proxy": {"id": "mine"}}, "proxy.id"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_setting_is_refused_before_anything_is_made(
    folder: Path, change: dict[str, object], named: str
) -> None:
    running = RunningUp(folder, {**local_settings(folder), **change})
    text = running.refused()
    assert named in text
    assert "hint:" in text
    assert "program.started" not in text


def test_an_unknown_variable_is_refused(folder: Path) -> None:
    text = RunningUp(folder).refused(environment={"SEALGATE_VAULT_PROT": "1"})
    assert "SEALGATE_VAULT_PROT" in text


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    running = RunningUp(folder)
    running.data.mkdir()
    running.data.chmod(0o777)
    assert "others can replace files" in running.refused()


def test_a_variable_reaches_the_processes(folder: Path) -> None:
    port = free_ports(1)[0]
    running = RunningUp(folder)
    running.spawn(environment={"SEALGATE_PROXY_ADMIN_PORT": str(port)})
    try:
        wait_for(lambda: "Sealgate runs" in running.said.read_text())
        assert get(f"http://localhost:{port}/readyz").status == 200
    finally:
        running.stop()


# Killed in the middle of the first start.

MOMENTS = {
    "before-anything-runs": r"program\.started program=vault",
    "kek-made": r"vault kek_made",
    "vault-listens": r"vault started",
    "console-migrated": r"console migrated",
    "proxy-listens": r"proxy started",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_the_middle_of_the_first_start_the_next_one_finishes_it(folder: Path, moment: str) -> None:
    running = RunningUp(folder)
    process = running.spawn()
    wait_for(lambda: re.search(MOMENTS[moment], running.logged.read_text()) or process.poll() is not None)
    welcomed = bool(invitations(running))
    running.kill()
    with up_in(folder) as again:
        if not welcomed:
            wait_for(lambda: invitations(again))
        assert (again.data / "vault" / "kek").exists()


def test_killed_between_ids_and_their_name_no_half_file_is_used(folder: Path) -> None:
    running = RunningUp(folder)
    running.data.mkdir(mode=0o700)
    (running.data / "instance.new").write_text("instance = 'inst_")
    running.start()
    assert running.identified.instance
    assert not (running.data / "instance.new").exists()
    running.stop()


def test_without_its_ids_a_folder_with_databases_is_refused(folder: Path) -> None:
    running = RunningUp(folder)
    running.start()
    running.stop()
    (running.data / "instance.toml").unlink()
    text = running.refused()
    assert "put it back from its backup" in text
    assert "program.started" not in text


# Disk full at the first start.


def test_a_disk_that_is_too_small_is_refused_before_anything_is_made(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip(ROOT_ONLY)
    folder.mkdir()
    small = folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], check=True)
    try:
        running = RunningUp(folder, {**local_settings(folder), "data_dir": str(small / "data")})
        text = running.refused()
        assert "MiB left" in text
        assert "hint: free some space" in text
        assert not list((small / "data").iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("limit_bytes", [0, 64, 60_000], ids=["nothing", "half-an-id", "half-a-database"])
def test_a_write_that_finds_no_room_ends_the_first_start_and_the_next_one_finishes_it(
    folder: Path, limit_bytes: int
) -> None:
    running = RunningUp(folder)
    text = running.refused("prlimit", f"--fsize={limit_bytes}:{limit_bytes}")
    assert "hint:" in text
    again = RunningUp(folder)
    again.start()
    wait_for(lambda: invitations(again))
    again.stop()
    with closing(sqlite3.connect(again.data / "vault" / "vault.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# Prepare.


def test_prepare_makes_the_ids_once_and_no_secret(folder: Path) -> None:
    folder.mkdir()
    config = folder / "sealgate.toml"
    config.write_text(tomli_w.dumps(local_settings(folder)))
    said = [
        subprocess.run(
            [sys.executable, "-m", "sealgate", "prepare", "--config", str(config)],
            capture_output=True,
            text=True,
            check=True,
            env=CLEAN,
        ).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert "inst_" in said[0]
    assert not (folder / "data" / "vault").exists()


def test_a_console_that_dies_after_the_first_start_makes_no_second_link(folder: Path) -> None:
    with up_in(folder) as running:
        os.kill(running.pid("console"), signal.SIGKILL)
        wait_for(lambda: running.logged.read_text().count("console started") == 2)
        with closing(sqlite3.connect(running.data / "console" / "console.db")) as database:
            assert database.execute("SELECT count(*) FROM invitations").fetchone() == (1,)
