"""What the doctor says of a ring of KEKs, and what a backup says to keep apart."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.doctor.findings import Case, State
from sealgate.doctor.keks import kek
from sealgate.settings import Settings, parse
from sealgate.up.backup import apart, back_up
from sealgate.vault.kek import KekDescription
from sealgate.vault.kek_folder import add_description
from tests.vault.keks import Everything, Kept, Ring
from tests.vault.test_kek_rotation import PowerCut, cut_after


def installed(tmp_path: Path, live: Callable[[Ring], object], **kek_settings: str) -> Settings:
    """An installation whose vault has lived through something, and is stopped."""
    with Ring(tmp_path, approvals=Everything()) as ring:
        Kept(ring.vault)
        live(ring)
    (tmp_path / "data").rename(tmp_path / "vault")
    return parse({"data_dir": str(tmp_path), "kek": kek_settings}, "test")


def found(settings: Settings, state: State) -> str:
    return "\n".join(each.message for each in kek(Case(settings, 0.0, False)) if each.state is state)


def rotated(ring: Ring) -> None:
    ring.rotate()


def rotated_and_destroyed(ring: Ring) -> None:
    old = ring.ring.version
    ring.rotate()
    ring.do(lambda changes: changes.destroy(old))


def half_rotated(ring: Ring) -> None:
    with cut_after(2, committed=True), pytest.raises(PowerCut):
        ring.rotate()


@pytest.mark.parametrize("life", [rotated, rotated_and_destroyed], ids=lambda life: life.__name__)
def test_a_ring_that_is_whole_has_no_problem(tmp_path: Path, life: Callable[[Ring], None]) -> None:
    settings = installed(tmp_path, life)
    assert not found(settings, State.PROBLEM)
    assert not found(settings, State.WARNING)
    assert "is current and wraps" in found(settings, State.OK)


def test_a_rotation_that_is_not_finished_is_a_warning(tmp_path: Path) -> None:
    assert "still wraps" in found(installed(tmp_path, half_rotated), State.WARNING)


@pytest.mark.parametrize("life", [rotated, half_rotated], ids=lambda life: life.__name__)
def test_the_current_keks_file_is_missed(tmp_path: Path, life: Callable[[Ring], None]) -> None:
    settings = installed(tmp_path, life)
    (new,) = (tmp_path / "vault").glob("kek.*")
    new.unlink()
    assert new.name.removeprefix("kek.") in found(settings, State.PROBLEM)


def test_the_file_of_a_kek_that_still_wraps_something_is_missed(tmp_path: Path) -> None:
    settings = installed(tmp_path, half_rotated)
    (tmp_path / "vault" / "kek").unlink()
    assert "is missing" in found(settings, State.PROBLEM)


def test_a_kek_file_of_each_version_is_looked_at(tmp_path: Path) -> None:
    settings = installed(tmp_path, rotated)
    (new,) = (tmp_path / "vault").glob("kek.*")
    new.chmod(0o444)
    assert "mode 0444" in found(settings, State.PROBLEM)
    new.chmod(0o600)
    new.write_bytes(b"nothing")
    assert "holds no KEK" in found(settings, State.PROBLEM)


@pytest.mark.parametrize(
    ("mode", "state", "told"),
    [
        (None, State.PROBLEM, "kek.pkcs11_pin_file"),
        (0o440, State.PROBLEM, "mode 0440"),
        (0o400, State.OK, "pin"),
    ],
    ids=["missing", "loose", "as it should be"],
)
def test_the_file_of_a_keepers_secret_is_looked_at(
    tmp_path: Path, mode: int | None, state: State, told: str
) -> None:
    pin = tmp_path / "pin"
    if mode is not None:
        pin.write_text(secrets.token_hex(4))
        pin.chmod(mode)

    def with_a_token(ring: Ring) -> None:
        entry = add_description(tmp_path / "data", KekDescription("pkcs11", {"token": "t", "label": "l"}))
        ring.keks.add_current(entry, 1.0)

    settings = installed(tmp_path, with_a_token, pkcs11_pin_file=str(pin))
    assert told in found(settings, state)


def test_an_installation_that_never_started_has_no_kek_yet(tmp_path: Path) -> None:
    settings = parse({"data_dir": str(tmp_path)}, "test")
    assert "no KEK yet" in found(settings, State.SKIPPED)


def test_a_backup_takes_notes_along_and_says_which_keys_go_elsewhere(tmp_path: Path) -> None:
    def both(ring: Ring) -> None:
        add_description(tmp_path / "data", KekDescription("pkcs11", {"token": "t", "label": "l"}))
        ring.rotate()

    settings = installed(tmp_path, both)
    told = "\n".join(apart(settings))
    keys = [path for path in (tmp_path / "vault").glob("kek*") if "pkcs11" not in path.name]
    assert len(keys) == 2
    assert all(str(path) in told for path in keys)
    assert "pkcs11-" in told
    (tmp_path / "console").mkdir()
    sqlite3.connect(tmp_path / "console" / "console.db").close()
    copies = {path.name for path in back_up(settings, tmp_path / "none.toml", tmp_path / "copy")}
    assert len([name for name in copies if name.startswith("kek.pkcs11-")]) == 1
    assert not [name for name in copies if name == "kek" or name.startswith("kek.file-")]


def test_where_every_key_is_elsewhere_no_file_is_to_be_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    add_description(tmp_path / "vault", KekDescription("aws-kms", {"key": "arn"}))
    (told,) = apart(parse({"data_dir": str(tmp_path)}, "test"))
    assert "its keeper has the key" in told
