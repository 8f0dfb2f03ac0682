"""The commands of who runs the vault, against a running one, a stopped one and none."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner, Result

from sealgate.envelope import encode_text
from sealgate.messages.checking import RowsChecked
from sealgate.messages.operating import (
    EnvelopeInspected,
    KekReport,
    KekVersion,
    PairInspected,
    VaultInspected,
)
from sealgate.scripts import checking_commands, inspection_words, ring_words
from sealgate.scripts.operating import told
from sealgate.scripts.operating_commands import app
from sealgate.settings import load
from tests.quick_folders import quick_folder
from tests.vault.deployment import HOST, Addresses, Clock, Deployment, canary_key, running, write_assets
from tests.vault.test_sealing_epochs_running import words_of

INSTANCE = "inst_" + "a" * 20


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sgo") as name:
        yield Path(name)


@pytest.fixture
def settings(folder: Path) -> Path:
    path = folder / "sealgate.toml"
    path.write_text(f'data_dir = "{folder}"\ninstance = "{INSTANCE}"\n[proxy]\nid = "prx_{"b" * 20}"\n')
    return path


@asynccontextmanager
async def vault_of(settings: Path, instance: str = INSTANCE) -> AsyncIterator[Deployment]:
    there = load(settings, {}).vault_config()
    config = structs.replace(there, port=0, instance=instance, public_url=f"http://{HOST}")
    assets = settings.parent / "assets"
    write_assets(assets)
    async with running(config, Clock(), io.StringIO(), assets) as deployment:
        yield deployment


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


async def said(*words: str) -> Result:
    """A command, in a thread: the vault lives in this loop."""
    return await asyncio.to_thread(run, *words)


async def test_status_shows_the_ring_of_a_running_vault(settings: Path) -> None:
    async with vault_of(settings):
        result = await said("kek", "status", "--config", str(settings))
    assert result.exit_code == 0, result.output
    assert "current" in result.output
    assert "stopped" not in result.output


async def test_rotate_waits_until_every_row_is_wrapped_anew(settings: Path) -> None:
    async with vault_of(settings) as vault:
        at, key = Addresses(), canary_key()
        credential = await vault.sealed_key(at, key)
        result = await said("kek", "rotate", "--config", str(settings), "--json")
        assert (await vault.open(at, credential))[1] == key
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert [each["state"] for each in found["items"]] == ["live", "current"]
    assert (found["left"], found["rewrapping"]) == (0, False)


async def test_rotate_need_not_wait(settings: Path) -> None:
    async with vault_of(settings):
        result = await said("kek", "rotate", "--config", str(settings), "--no-wait")
    assert result.exit_code == 0, result.output


async def test_migrating_to_where_it_is_changes_nothing(settings: Path) -> None:
    async with vault_of(settings):
        result = await said("kek", "migrate", "--to", "file", "--config", str(settings), "--json")
    assert [each["state"] for each in json.loads(result.output)["items"]] == ["current"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("kek", "migrate", "--to", "paper"), "kek_provider_unknown"),
        (("kek", "destroy", "file-0123456789abcdef"), "kek_unknown"),
        (("vault", "inspect", "AAAA"), "no_envelope"),
    ],
    ids=["migrate", "destroy", "inspect"],
)
async def test_a_refusal_is_one_line_with_its_code_and_hint(
    settings: Path, words: tuple[str, ...], told: str
) -> None:
    async with vault_of(settings):
        result = await said(*words, "--config", str(settings))
    assert result.exit_code == 1
    assert told in result.output
    assert "hint: " in result.output
    assert "Traceback" not in result.output


async def test_a_vault_of_another_instance_is_told(settings: Path) -> None:
    async with vault_of(settings, "inst_" + "c" * 20):
        result = await said("kek", "status", "--config", str(settings))
    assert "other_instance" in result.output
    assert result.exit_code == 1


async def test_status_and_inspect_work_while_the_vault_is_stopped_and_say_so(settings: Path) -> None:
    async with vault_of(settings) as vault:
        at = Addresses()
        credential = await vault.sealed_key(at, canary_key())
        driver = vault.vault._foundation.database._driver
        ((raw,),) = driver.execute("SELECT envelope FROM versions")
    for words in (("kek", "status"), ("vault", "inspect"), ("vault", "inspect", encode_text(raw))):
        result = await said(*words, "--config", str(settings))
        assert result.exit_code == 0, result.output
        assert "stopped" in result.output
    assert credential in result.output
    assert at.origin in result.output
    for words in (("kek", "status"), ("vault", "inspect")):
        assert json.loads((await said(*words, "--config", str(settings), "--json")).output)
    refused = await said("vault", "inspect", "AAAA", "--config", str(settings))
    assert "no_envelope" in refused.output


async def test_inspect_shows_the_words_of_the_newest_sealing_keys_as_depositors_see_them(
    settings: Path,
) -> None:
    async with vault_of(settings) as vault:
        at = Addresses()
        issued = await vault.ticket(at)
        before = await said("vault", "inspect", "--config", str(settings))
        assert await words_of(vault, issued.ticket) in before.output
        rotating = ("vault", "rotate-sealing-keys", "--organization", at.organization)
        assert (await said(*rotating, "--config", str(settings))).exit_code == 0
        after = await said("vault", "inspect", "--config", str(settings))
        newer = await words_of(vault, (await vault.ticket(at)).ticket)
        assert newer not in before.output
        assert after.output.count(" words ") == 1
        assert newer in after.output
        with vault.vault._foundation.database.transaction() as connection:
            connection.execute("UPDATE keyring SET public_key = zeroblob(32) WHERE suite = 1")
        edited = await said("vault", "inspect", "--config", str(settings))
        assert " words " not in edited.output


async def test_an_envelope_may_come_from_a_file(settings: Path, tmp_path: Path) -> None:
    async with vault_of(settings) as vault:
        await vault.sealed_key(Addresses(), canary_key())
        ((raw,),) = vault.vault._foundation.database._driver.execute("SELECT envelope FROM versions")
        (tmp_path / "envelope").write_text(encode_text(raw) + "\n")
        named = ("vault", "inspect", "--config", str(settings), "--file")
        result = await said(*named, str(tmp_path / "envelope"))
        assert "sealed to vault key" in result.output
        for bad in (tmp_path / "nowhere", tmp_path):
            refused = await said(*named, str(bad))
            assert refused.exit_code == 65


async def test_changes_need_a_running_vault(settings: Path) -> None:
    async with vault_of(settings):
        pass
    result = await said("kek", "rotate", "--config", str(settings))
    assert result.exit_code == 69
    assert "hint: " in result.output


def test_a_stopped_vault_that_was_never_started_is_told(settings: Path, folder: Path) -> None:
    (folder / "vault").mkdir(mode=0o700)
    result = run("kek", "status", "--config", str(settings))
    assert result.exit_code == 78
    assert "hint: " in result.output
    assert not list((folder / "vault").iterdir()), "looking made files"


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    result = run("kek", "status", "--config", str(tmp_path / "none.toml"))
    assert result.exit_code == 78
    assert "hint: " in result.output


def version(**values: object) -> KekVersion:
    plain = {
        "version": "file-0123456789abcdef",
        "provider": "file",
        "state": "current",
        "details": {"label": "x"},
        "made_at": 1.0,
        "destroyed_at": None,
        "rows": 1,
        "health": "ok",
    }
    return KekVersion(**(plain | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (KekReport(items=(version(),), rewrapping=True, left=3), "3 rows are left"),
        (KekReport(items=(version(),), rewrapping=False, left=1), "look for alarms"),
        (KekReport(items=(version(),), rewrapping=True, left=1, fault="StorageError"), "StorageError"),
        (
            KekReport(items=(version(rows=0, destroyed_at=9.0),), rewrapping=False, left=0),
            "destroyed 1970-01-01",
        ),
    ],
    ids=["under way", "stuck", "at fault", "destroyed"],
)
def test_how_far_a_change_has_come_is_said(report: KekReport, words: str) -> None:
    assert words in "\n".join(ring_words.lines(report))


def test_a_ring_is_well_when_what_is_needed_can_be_used() -> None:
    gone = version(state="destroyed", rows=0, health="gone")
    assert ring_words.is_well(KekReport(items=(gone, version()), rewrapping=False, left=0))
    away = version(state="live", health="timeout")
    assert not ring_words.is_well(KekReport(items=(away, version()), rewrapping=False, left=1))


def test_an_inspection_that_is_cut_short_says_how_much_is_missing() -> None:
    pair = PairInspected("aa", "org_x", 1, 1, "bb", 0.0, "file-1", 0, verifies=False)
    found = VaultInspected(
        instance=INSTANCE, kek="file-1", rows={"keyring": 201}, pairs=(pair,), more_pairs=1, envelope=None
    )
    text = "\n".join(inspection_words.lines(found))
    assert "1 more" in text
    assert "DOES NOT VERIFY" in text
    sound = structs.replace(found, pairs=(structs.replace(pair, verifies=True),))
    assert " words " not in "\n".join(inspection_words.lines(sound)), "more of its keys may be missing"
    assert " words " in "\n".join(inspection_words.lines(structs.replace(sound, more_pairs=0)))
    stuck = structs.replace(found, stuck=("all",))
    assert "deposits of all need" in "\n".join(inspection_words.lines(stuck))
    foreign = EnvelopeInspected(1, 1, "X", 578, "aa", None, "", 0, "", "")
    assert "does not have" in "\n".join(inspection_words.lines(structs.replace(found, envelope=foreign)))


async def test_check_waits_for_a_round_of_a_running_vault_and_fails_where_a_row_is_damaged(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.checking.BETWEEN_S", 0.0)
    async with vault_of(settings) as vault:
        at = Addresses()
        await vault.sealed_key(at, canary_key())
        early = await said("vault", "check", "--last", "--config", str(settings))
        sound = await said("vault", "check", "--config", str(settings))
        with vault.vault._foundation.database.transaction() as connection:
            connection.execute("UPDATE peppers SET mac = zeroblob(32)")
        damaged = await said("vault", "check", "--config", str(settings))
        last = await said("vault", "check", "--last", "--json", "--config", str(settings))
    assert (early.exit_code, "No round is whole" in early.output) == (0, True)
    assert (sound.exit_code, "DAMAGED" in sound.output) == (0, False), sound.output
    assert damaged.exit_code == 1
    assert f"damaged: {at.organization} in peppers" in damaged.output
    assert (last.exit_code, json.loads(last.output)["round"]) == (1, 2)


async def test_check_works_while_the_vault_is_stopped_and_says_so(settings: Path) -> None:
    async with vault_of(settings) as vault:
        await vault.sealed_key(Addresses(), canary_key())
    told = await said("vault", "check", "--config", str(settings))
    assert (told.exit_code, "The vault is stopped" in told.output) == (0, True), told.output
    found = json.loads((await said("vault", "check", "--json", "--config", str(settings))).output)
    assert {"table": "credentials", "rows": 1, "damaged": 0} in found["tables"]


def test_a_round_that_is_under_way_when_check_is_asked_does_not_count(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [
        RowsChecked(round=number, ended_at=0.0, tables=(), damaged=(), under_way=rows)
        for number, rows in ((0, 7), (1, 0), (1, 3), (2, 0))
    ]
    monkeypatch.setattr(checking_commands, "ask_vault", lambda *_args: answers.pop(0))
    monkeypatch.setattr(checking_commands, "_POLL_S", 0.0)
    assert run("vault", "check", "--json", "--config", str(settings)).exit_code == 0
    assert answers == []


async def test_restore_explains_changes_nothing_and_accepts_what_it_is_told_to(
    settings: Path, folder: Path
) -> None:
    at = Addresses()
    async with vault_of(settings) as vault:
        kept, revoked = [await vault.sealed_key(at, canary_key()) for _ in range(2)]
    data = folder / "vault"
    old = (data / "vault.db").read_bytes()
    async with vault_of(settings) as vault:
        await vault.revoke(at, revoked)
        await vault.sealed_key(at, canary_key())
    together = await said("vault", "restore", "--config", str(settings))
    assert (together.exit_code, "They belong together" in together.output) == (0, True), together.output
    (data / "vault.db").write_bytes(old)
    explained = await said("vault", "restore", "--config", str(settings))
    assert explained.exit_code == 2, explained.output
    assert f"  {revoked}  vault.db: active" in explained.output
    assert "1 made since, and lost" in explained.output
    epoch = json.loads((await said("vault", "restore", "--json", "--config", str(settings))).output)["epoch"]
    assert f"--accept-epoch {epoch} " in explained.output
    wrong = await said("vault", "restore", "--accept-epoch", str(epoch + 1), "--config", str(settings))
    assert wrong.exit_code == 78
    done = await said("vault", "restore", "--accept-epoch", str(epoch), "--config", str(settings))
    assert (done.exit_code, "is accepted" in done.output) == (0, True), done.output
    async with vault_of(settings) as vault:
        await vault.open(at, kept)


ANYBODY = """
import os, sys
from typer.testing import CliRunner
from sealgate.scripts.operating_commands import app
CliRunner().invoke(app, ["kek", "status", "--help"])  # what it loads may be root's to read
if os.geteuid() == 0:
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
done = CliRunner().invoke(app, sys.argv[1:])
print(done.exit_code, type(done.exception).__name__, done.output, end="")
"""


@pytest.mark.parametrize(
    "words", [("kek", "status"), ("vault", "restore"), ("vault", "receipts")], ids=" ".join
)
def test_who_may_not_look_is_told_as_whom_to_run_it(words: tuple[str, ...]) -> None:
    with quick_folder("sgo") as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "sealgate.toml"
        path.write_text(f'data_dir = "{folder}"\ninstance = "{INSTANCE}"\n[proxy]\nid = "prx_{"b" * 20}"\n')
        for part in ("run", "vault"):
            (folder / part).mkdir(mode=0o000)
        argv = [sys.executable, "-c", ANYBODY, *words, "--config", str(path)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("78 SystemExit sealgate: "), done.stdout
    assert "hint: run this as root or the vault's user\n" in done.stdout


def test_a_disk_that_takes_no_more_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), told():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "(No space left on device). hint: is the disk full?" in capsys.readouterr().err
