"""`sealgate console audit`: whole, or not whole with exit code 1; accepted by somebody who looked."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import tomli_w

from sealgate.console.invitations import make_owner_invitation
from sealgate.ids import new_id
from sealgate.settings import load
from tests.up_running import CLEAN, local_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of a console with one entry on record."""
    raw = {**local_settings(tmp_path), "instance": new_id("inst")}
    raw["proxy"]["id"] = new_id("prx")
    path = tmp_path / "sealgate.toml"
    path.write_text(tomli_w.dumps(raw))
    make_owner_invitation(load(path, {}).console_config())
    return path


def audit(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sealgate", "console", "audit", "--config", str(config), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=CLEAN)


def edit(config: Path) -> None:
    with closing(sqlite3.connect(load(config, {}).console_config().database_path)) as database:
        for (trigger,) in database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE audit SET what = 'nothing'")
        database.commit()


def test_a_whole_record_is_told_with_its_head(config: Path) -> None:
    ended = audit(config, "--check")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "is whole" in ended.stdout
    assert "head " in ended.stdout


def test_an_edited_record_ends_with_1_and_a_hint(config: Path) -> None:
    edit(config)
    ended = audit(config, "--check")
    assert ended.returncode == 1
    assert "NOT whole" in ended.stdout
    assert "hint:" in ended.stdout


@pytest.mark.parametrize("options", [(), ("--check", "--accept"), ("--check", "--noted", "nonsense")])
def test_a_command_that_makes_no_sense_is_refused_with_a_hint(config: Path, options: tuple[str, ...]) -> None:
    ended = audit(config, *options)
    assert ended.returncode == 78
    assert "hint:" in ended.stderr
    assert "Traceback" not in ended.stderr
