"""Backup and restore as the how-to has them: keys open again, and an old vault.db alone is refused."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.console.audit.head import read_head
from tests.deploy.installation import ROOT, Job, Provider
from tests.up_running import CLEAN, RunningUp, local_settings, wait_for

PAGE = ROOT / "docs" / "howto" / "backup.md"


class Kept:
    """An installation that did its main job, its backups, and what it was afterwards."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.folder = folder
        self.running = RunningUp(folder / "in", local_settings(folder / "in", **provider.sections))
        self.job = Job(self.running.config, provider)
        self.kek = folder / "safe" / "kek"
        self.online, self.offline = folder / "online", folder / "offline"

    @property
    def data(self) -> Path:
        return self.running.data

    def live_a_life(self) -> None:
        """First start, a key, a backup while it runs, another key after it, and a copy once it is stopped."""
        self.running.start()
        self.job.deposit()
        self.job.ask()
        backed_up = run("backup", self.running.config, "--to", str(self.online))
        assert backed_up.returncode == 0, backed_up.stderr
        self.kek.parent.mkdir()
        shutil.copy2(self.data / "vault" / "kek", self.kek)
        self.job.deposit()
        wait_for(lambda: self.remembered() >= newest_change(self.data / "vault" / "anchor"))
        assert self.running.stop() == 0
        shutil.copytree(self.data, self.offline)

    def restore_offline(self) -> None:
        """Exactly what was there when it stopped."""
        shutil.rmtree(self.data)
        shutil.copytree(self.offline, self.data)

    def restore_online(self, *, kek: bool = True, anchor: bool = True) -> None:
        """Into an empty folder, from three places."""
        shutil.rmtree(self.data)
        for name in ("vault", "console"):
            (self.data / name).mkdir(mode=0o700, parents=True)
        self.data.chmod(0o700)
        databases = self.online / "databases"
        shutil.copy2(databases / "instance.toml", self.data)
        for name in ("vault.db", "audit-head"):
            shutil.copy2(databases / name, self.data / "vault")
        for name in ("console.db", "console.audit-head"):
            shutil.copy2(databases / name, self.data / "console")
        if anchor:
            shutil.copy2(self.online / "anchor" / "anchor", self.data / "vault")
        if kek:
            shutil.copy2(self.kek, self.data / "vault")

    def remembered(self) -> int:
        """The change that the proxy remembers."""
        path = self.data / "proxy" / "vault.waymark"
        return int(json.loads(path.read_text())["number"]) if path.exists() else -1

    def is_stopped(self) -> bool:
        """True if it starts, and the vault opens nothing."""
        self.running.start()
        try:
            return self.job.status() == 503
        finally:
            self.running.stop()

    def works(self) -> bool:
        """True if it starts and the key opens."""
        self.running.start()
        try:
            return len(self.job.ask()) > 20
        finally:
            self.running.stop()


def newest_change(anchor: Path) -> int:
    return int(anchor.read_text().splitlines()[-1].split()[0])


def run(command: str, config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sealgate", command, "--config", str(config), *options],
        capture_output=True,
        text=True,
        check=False,
        env=CLEAN,
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("backup")
    provider = Provider(folder)
    made = Kept(folder, provider)
    try:
        made.live_a_life()
        yield made
    finally:
        made.running.stop()
        provider.stop()


def test_a_backup_has_two_folders_and_no_kek(kept: Kept) -> None:
    kek = kept.kek.read_bytes().split()[1]
    files = {str(path.relative_to(kept.online)): path for path in kept.online.rglob("*") if path.is_file()}
    assert set(files) == {
        "anchor/anchor",
        "databases/audit-head",
        "databases/console.audit-head",
        "databases/console.db",
        "databases/instance.toml",
        "databases/sealgate.toml",
        "databases/vault.db",
    }
    for path in files.values():
        assert kek not in path.read_bytes()
    assert not [path for path in kept.online.rglob("*") if path.stat().st_mode & 0o077 and path.is_dir()]


def test_a_backup_made_while_it_ran_restores_into_an_empty_folder_and_keys_open(kept: Kept) -> None:
    kept.restore_online()
    assert kept.works()
    assert "alarm" not in kept.running.logged.read_text()


def test_a_restored_installation_has_its_owners_and_is_no_first_start(kept: Kept) -> None:
    kept.restore_online()
    kept.running.start()
    kept.running.stop()
    assert kept.running.said.read_text().strip() == f"Sealgate runs: {kept.running.settings.console.url}"


def test_the_record_of_changes_is_whole_after_a_restore(kept: Kept) -> None:
    kept.restore_online()
    head = read_head(kept.data / "console" / "console.audit-head")
    assert head is not None
    kept.running.start()
    kept.running.stop()
    assert "audit_broken" not in kept.running.logged.read_text()


def test_a_copy_made_while_it_was_stopped_restores_and_keys_open(kept: Kept) -> None:
    kept.restore_offline()
    assert kept.works()


def test_an_older_vault_db_alone_is_refused_with_the_documented_ceremony(kept: Kept) -> None:
    kept.restore_offline()
    shutil.copy2(kept.online / "databases" / "vault.db", kept.data / "vault")
    text = kept.running.refused()
    told = re.search(r"vault\.db stands at change \d+, its anchor at \d+: one is an old copy", text)
    assert told, text
    assert re.sub(r"\d+", "0", told[0]) in re.sub(r"\d+", "0", PAGE.read_text())
    assert "rolled_back" in text
    assert "rolled_back" in PAGE.read_text()
    explained = restore(kept)
    assert explained.returncode == 2, explained.stderr
    wanted = re.search(r"--accept-epoch (\d+)", explained.stdout)
    assert wanted, explained.stdout
    assert "1 goes back to an earlier state" in explained.stdout
    assert kept.running.refused()
    accepted = restore(kept, "--accept-epoch", wanted[1])
    assert accepted.returncode == 0, accepted.stderr
    assert kept.works()  # though its proxy has seen the later changes


def test_both_files_of_a_backup_are_stopped_by_a_proxy_that_remembers_until_they_are_accepted(
    kept: Kept,
) -> None:
    kept.restore_offline()
    assert kept.remembered() > newest_change(kept.online / "anchor" / "anchor")
    shutil.copy2(kept.online / "databases" / "vault.db", kept.data / "vault")
    shutil.copy2(kept.online / "anchor" / "anchor", kept.data / "vault")
    assert kept.is_stopped()
    assert "rolled_back" in kept.running.refused()
    wanted = re.search(r"--accept-epoch (\d+)", restore(kept).stdout)
    assert wanted
    assert restore(kept, "--accept-epoch", wanted[1]).returncode == 0
    assert kept.works()


def restore(kept: Kept, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "sealgate",
            "vault",
            "restore",
            "--config",
            str(kept.running.config),
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
        env=CLEAN,
    )


@pytest.mark.parametrize(
    ("kek", "anchor", "code"), [(False, True, "kek_missing"), (True, False, "rolled_back")]
)
def test_a_restore_without_a_part_is_refused(kept: Kept, kek: bool, anchor: bool, code: str) -> None:
    kept.restore_online(kek=kek, anchor=anchor)
    assert code in kept.running.refused()


def test_a_kek_of_another_installation_is_refused(kept: Kept) -> None:
    kept.restore_online(kek=False)
    path = kept.data / "vault" / "kek"
    path.write_text("sealgate-kek-1 " + "A" * 43 + "=\n")
    path.chmod(0o400)
    assert "kek" in kept.running.refused().lower()


def test_backups_made_while_it_is_written_to_are_each_of_one_moment(kept: Kept) -> None:
    kept.restore_offline()
    kept.running.start()
    stop = threading.Event()

    def deposit_on() -> None:
        while not stop.is_set():
            kept.job.deposit()

    writer = threading.Thread(target=deposit_on)
    writer.start()
    try:
        for number in range(3):
            ended = run("backup", kept.running.config, "--to", str(kept.folder / f"busy-{number}"))
            assert ended.returncode == 0, ended.stderr
    finally:
        stop.set()
        writer.join()
        kept.running.stop()
    for number in range(3):
        copy = kept.folder / f"busy-{number}"
        with closing(sqlite3.connect(copy / "databases" / "vault.db")) as database:
            mark = database.execute("SELECT number FROM mark").fetchone()[0]
        last = newest_change(copy / "anchor" / "anchor")
        assert mark in (last, last + 1)


def test_a_target_that_is_not_empty_is_refused(kept: Kept) -> None:
    ended = run("backup", kept.running.config, "--to", str(kept.online))
    assert ended.returncode == 78
    assert "not empty" in ended.stderr
