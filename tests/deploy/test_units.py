"""The shipped systemd units: systemd itself accepts them, and each is as confined as the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.settings import read
from tests.deploy.installation import ROOT

UNITS = ROOT / "deploy" / "systemd"
PROCESSES = ("vault", "console", "proxy")

pytestmark = pytest.mark.systemd


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that is there."""
    for path in UNITS.iterdir():
        if path.suffix in {".service", ".socket", ".target"}:
            text = path.read_text().replace("/opt/sealgate/bin/sealgate", sys.executable)
            (tmp_path / path.name).write_text(text)
    return tmp_path


def tool(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_systemd_accepts_every_unit(units: Path) -> None:
    names = [str(path) for path in sorted(units.iterdir())]
    assert len(names) == 6
    verified = tool("systemd-analyze", "verify", *names)
    assert verified.returncode == 0, verified.stderr
    assert not verified.stderr.strip(), verified.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_a_unit_is_confined(units: Path, process: str) -> None:
    unit = str(units / f"sealgate-{process}.service")
    judged = tool("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
    assert judged.returncode == 0, judged.stdout[-400:]


def test_users_are_made_as_the_settings_name_them(tmp_path: Path) -> None:
    made = tool("systemd-sysusers", "--dry-run", str(UNITS / "sysusers.conf"))
    assert made.returncode == 0, made.stderr
    named = set(re.findall(r'"(sealgate-\w+)"', (UNITS / "sealgate.toml").read_text()))
    assert named == {f"sealgate-{process}" for process in PROCESSES}
    for name in named:
        assert re.search(rf"^u {name}\s", (UNITS / "sysusers.conf").read_text(), re.M)
        assert f"User={name}\n" in (UNITS / f"{name}.service").read_text()


def test_the_shipped_settings_are_accepted_once_the_users_are_there(tmp_path: Path) -> None:
    text = (UNITS / "sealgate.toml").read_text()
    for number, process in enumerate(PROCESSES):
        text = text.replace(f'"sealgate-{process}"', f'"{61_000 + number}"')
    path = tmp_path / "sealgate.toml"
    path.write_text(text)
    settings = read(path, {})
    assert str(settings.runtime_folder) == "/run/sealgate"


def test_folders_have_the_owners_of_the_processes() -> None:
    text = (UNITS / "tmpfiles.conf").read_text()
    for process in PROCESSES:
        row = rf"^d /var/lib/sealgate/{process}\s+0700 sealgate-{process}\s+sealgate-{process}\s"
        assert re.search(row, text, re.M)
        unit = (UNITS / f"sealgate-{process}.service").read_text()
        assert f"ReadWritePaths=/var/lib/sealgate/{process} /run/sealgate\n" in unit
        others = {each for each in PROCESSES if each != process}
        hidden = re.search(r"^InaccessiblePaths=(.*)$", unit, re.M)
        assert hidden
        assert {word.rpartition("/")[2] for word in hidden[1].split()} == others
    assert re.search(r"^d /run/sealgate\s+3770 root\s+sealgate\s", text, re.M)
