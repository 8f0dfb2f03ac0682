"""Which start this is: files that belong together, files that do not, and starts that broke off."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.log import LineLog, NullLog
from sealgate.vault.anchor import Anchor, Entry, Standing
from sealgate.vault.database import Database
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError, StorageError
from sealgate.vault.foundation import Foundation, lay_foundation
from sealgate.vault.witness import ERASED

INSTANCE = "inst_" + "a" * 20
LOG = NullLog(EVENTS)
CREDENTIAL = "cred_" + "c" * 20


def lay(folder: Path) -> Foundation:
    return lay_foundation(folder, INSTANCE, LOG)


def change(foundation: Foundation, version: int) -> None:
    with foundation.witness.change(CREDENTIAL, version, "active"):
        pass


def refused(folder: Path, instance: str = INSTANCE) -> str:
    with pytest.raises(StartError, match="hint: ") as error:
        lay_foundation(folder, instance, LOG)
    return error.value.code


def test_a_vault_of_another_instance_is_refused(tmp_path: Path) -> None:
    lay(tmp_path).close()
    assert refused(tmp_path, "inst_" + "b" * 20) == "other_instance"


def test_a_second_vault_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = lay(tmp_path)
    assert refused(tmp_path) == "folder_in_use"
    first.close()
    lay(tmp_path).close()


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o770])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    assert refused(tmp_path) == "folder_unsafe"
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("name", ["vault.db", "anchor"])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, name: str) -> None:
    lay(tmp_path).close()
    (tmp_path / name).chmod(0o640)
    assert refused(tmp_path) == "file_unsafe"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    lay(tmp_path).close()
    (tmp_path / "vault.db").write_bytes(b"this is not SQLite" * 100)
    assert refused(tmp_path) == "database_unreadable"


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    lay(tmp_path).close()
    with sqlite3.connect(tmp_path / "vault.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    assert refused(tmp_path) == "schema_newer"


def stop_before_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "__init__", _power_cut)


def stop_before_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealgate.vault.foundation.make_root", _power_cut)


def stop_before_the_anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Anchor, "append", _power_cut)


def _power_cut(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("stop", [stop_before_the_database, stop_before_the_root, stop_before_the_anchor])
def test_a_first_start_that_broke_off_is_completed_by_the_next(
    tmp_path: Path, stop: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop(tmp_path, patch)
        with pytest.raises(KeyboardInterrupt):
            lay(tmp_path)
    foundation = lay(tmp_path)
    change(foundation, 1)
    foundation.close()
    lay(tmp_path).close()


def test_a_power_cut_between_database_and_anchor_is_made_good(tmp_path: Path) -> None:
    foundation = lay(tmp_path)
    change(foundation, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Anchor, "append", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            change(foundation, 2)
    foundation.close()
    again = lay(tmp_path)
    assert again.witness.standing(CREDENTIAL) == Standing(2, "active")
    again.close()


def test_a_line_that_was_half_written_is_written_again(tmp_path: Path) -> None:
    foundation = lay(tmp_path)
    change(foundation, 1)
    foundation.close()
    whole = (tmp_path / "anchor").read_bytes()
    (tmp_path / "anchor").write_bytes(whole[:-20])
    again = lay(tmp_path)
    assert again.witness.standing(CREDENTIAL) == Standing(1, "active")
    again.close()
    assert len((tmp_path / "anchor").read_bytes()) == len(whole)


MANY = {f"cred_{letter * 20}": number for number, letter in enumerate("cdefg", 1)}


@pytest.mark.parametrize("lines", range(len(MANY) + 1))
def test_of_changes_in_one_transaction_the_anchor_gets_those_that_it_does_not_have(
    tmp_path: Path, lines: int
) -> None:
    foundation = lay(tmp_path)
    before = (tmp_path / "anchor").stat().st_size
    with foundation.witness.changes(MANY, ERASED):
        pass
    foundation.close()
    whole = (tmp_path / "anchor").read_bytes()
    kept = whole[before:].splitlines(keepends=True)[:lines]
    (tmp_path / "anchor").write_bytes(whole[:before] + b"".join(kept))
    again = lay(tmp_path)
    assert {name: again.witness.standing(name) for name in MANY} == {
        name: Standing(version, ERASED) for name, version in MANY.items()
    }
    assert again.witness.tip()[0] == foundation.witness.tip()[0]
    again.close()
    lay(tmp_path).close()


def test_an_anchor_from_before_the_last_two_transactions_is_refused(tmp_path: Path) -> None:
    foundation = lay(tmp_path)
    before = (tmp_path / "anchor").read_bytes()
    with foundation.witness.changes(MANY, ERASED):
        pass
    with foundation.witness.changes({f"cred_{'h' * 20}": 1, f"cred_{'i' * 20}": 1}, ERASED):
        pass
    foundation.close()
    (tmp_path / "anchor").write_bytes(before)
    assert refused(tmp_path) == "rolled_back"


def test_a_vault_db_from_before_several_changes_at_once_is_refused(tmp_path: Path) -> None:
    foundation = lay(tmp_path)
    foundation.database.forget()
    before = (tmp_path / "vault.db").read_bytes()
    with foundation.witness.changes(MANY, ERASED):
        pass
    foundation.close()
    (tmp_path / "vault.db").write_bytes(before)
    assert refused(tmp_path) == "rolled_back"


def test_several_changes_that_the_anchor_does_not_have_yet_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foundation = lay(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("sealgate.vault.anchor.Anchor.append", _disk_full)
        with foundation.witness.changes(MANY, ERASED):
            pass
    assert foundation.witness.is_behind
    assert set(foundation.witness.standings("cred_")) == set(MANY)
    assert all(map(foundation.witness.is_erased, MANY))
    with pytest.raises(ValueError, match="is erased"), foundation.witness.changes({CREDENTIAL: 9}, "active"):
        pass
    assert not foundation.witness.is_behind
    foundation.close()
    lay(tmp_path).close()


def test_while_the_anchor_cannot_be_written_one_change_counts_and_no_second_is_accepted(
    tmp_path: Path,
) -> None:
    log = io.StringIO()
    foundation = lay_foundation(tmp_path, INSTANCE, LineLog("vault", EVENTS, log))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sealgate.vault.anchor._write_or_undo", _disk_full)
        change(foundation, 1)
        assert foundation.witness.standing(CREDENTIAL) == Standing(1, "active")
        with pytest.raises(OSError, match="anchor"):
            change(foundation, 2)
    assert "error vault witness_behind number=2" in log.getvalue()
    change(foundation, 2)
    foundation.close()
    lay(tmp_path).close()


def _disk_full(*_args: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_change_that_fails_leaves_neither_a_mark_nor_a_line(tmp_path: Path) -> None:
    foundation = lay(tmp_path)
    before = (tmp_path / "anchor").read_bytes()
    with pytest.raises(ZeroDivisionError), foundation.witness.change(CREDENTIAL, 1, "active"):
        raise ZeroDivisionError
    assert foundation.witness.standing(CREDENTIAL) is None
    assert (tmp_path / "anchor").read_bytes() == before
    foundation.close()
    lay(tmp_path).close()


def fill_the_disk(foundation: Foundation) -> None:
    with foundation.witness.change(CREDENTIAL, 1, "active") as connection:
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("INSERT INTO opens SELECT hex(zeroblob(9999)), 1, 1, zeroblob(999999)")


def test_a_full_disk_rolls_the_whole_transaction_back(tmp_path: Path) -> None:
    foundation = lay(tmp_path)
    with pytest.raises(StorageError):
        fill_the_disk(foundation)
    foundation.close()
    again = lay(tmp_path)
    assert again.witness.standing(CREDENTIAL) is None
    again.close()


def test_the_anchor_tells_the_newest_standing_of_each_subject(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "anchor", b"k" * 32)
    for number, (subject, version) in enumerate([("a", 1), ("b", 1), ("a", 2)]):
        anchor.append(Entry(number, subject, version, "active"))
    read = Anchor(tmp_path / "anchor", b"k" * 32)
    assert read.standings == {"a": Standing(2, "active"), "b": Standing(1, "active")}


def test_an_anchor_under_another_key_is_refused(tmp_path: Path) -> None:
    Anchor(tmp_path / "anchor", b"k" * 32).append(Entry(0, "a", 1, "active"))
    with pytest.raises(StartError, match="altered"):
        Anchor(tmp_path / "anchor", b"x" * 32)
