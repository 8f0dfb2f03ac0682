"""The command line: one line and a hint for what is wrong, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate import settings as settings_file
from sealgate.ids import new_id
from sealgate.settings import Settings


def sealgate(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sealgate", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env=os.environ,
    )


def settings_in(folder: Path) -> Path:
    settings = Settings(
        instance=new_id("inst"),
        data_dir=str(folder / "data"),
        runtime_dir=str(folder / "run"),
        proxy=settings_file.ProxySettings(id=new_id("prx")),
    )
    path = folder / "sealgate.toml"
    settings_file.write(settings, path)
    return path


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 78, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "hint:" in done.stderr
    return done.stderr


def test_a_settings_file_that_is_wrong_is_refused_by_every_command(tmp_path: Path) -> None:
    assert "absent.toml" in refused(sealgate("run", "vault", "--config", str(tmp_path / "absent.toml")))
    bad = tmp_path / "bad.toml"
    bad.write_text("surprise = 1")
    for words in (("run", "proxy"), ("run", "console"), ("run", "vault"), ("console", "invite-owner")):
        assert "bad.toml" in refused(sealgate(*words, "--config", str(bad)))


def test_an_owner_can_be_invited_before_the_console_runs(tmp_path: Path) -> None:
    done = sealgate("console", "invite-owner", "--config", str(settings_in(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://console.localhost:8700/invitations/")
    token = done.stdout.strip().rpartition("/")[2]
    files = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert token.encode() not in files


def test_a_missing_kek_beside_a_database_is_refused_with_its_hint(tmp_path: Path) -> None:
    path = settings_in(tmp_path)
    vault = tmp_path / "data" / "vault"
    vault.mkdir(parents=True, mode=0o700)
    (vault / "vault.db").write_bytes(b"")
    assert "kek" in refused(sealgate("run", "vault", "--config", str(path))).lower()


def test_the_version_is_the_installed_one() -> None:
    assert sealgate("version").stdout.strip().count(".") == 2


def test_json_without_once_is_refused() -> None:
    assert "--once" in refused(sealgate("demo", "--json"))


@pytest.mark.parametrize(
    ("word", "meant"), [("appply", "apply"), ("keks", "kek"), ("dmeo", "demo"), ("valt", "vault")]
)
def test_a_command_that_does_not_exist_names_the_nearest_one(word: str, meant: str) -> None:
    done = sealgate(word)
    assert done.returncode == 2
    assert f"did you mean '{meant}'?" in " ".join(done.stderr.replace("│", " ").split())


def test_a_command_that_resembles_none_says_where_they_are_listed() -> None:
    done = sealgate("xyzzy")
    assert done.returncode == 2
    assert "sealgate --help lists them" in done.stderr


def test_what_a_test_starts_keeps_its_compiled_modules() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout == "False\n"
