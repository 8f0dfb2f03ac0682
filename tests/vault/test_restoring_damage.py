"""The restore ceremony with anchors and rows that are damaged, and killed in any step."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sealgate.messages.erasing import ErasureKind
from sealgate.vault.fates import Fate
from sealgate.vault.faults import AlarmError, StartError
from tests.vault.deployment import ticket_order
from tests.vault.keks import Ring
from tests.vault.restored_folder import (
    AT,
    KEY,
    OTHER_KEY,
    Folder,
    deposit,
    erase,
    fate_of,
    older,
    refused,
    revoke,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_without_an_anchor_to_believe_everything_comes_back_as_in_vault_db(
    folder: Folder, damage: str
) -> None:
    with folder.vault() as vault:
        credential, revoked = deposit(vault), deposit(vault)
        revoke(vault, revoked)
    anchor = folder.data / "anchor"
    if damage == "missing":
        anchor.unlink()
    else:
        anchor.write_bytes(b"nothing of this is ours\n")
    assert folder.refusal() == {"missing": "rolled_back", "damaged": "anchor_damaged"}[damage]
    found = folder.compare()
    assert (found.anchor, found.witnessed, found.is_needed) == (damage, None, True)
    folder.accept()
    with folder.vault() as vault:
        assert vault.opens(AT, credential) == KEY
        assert refused(vault, revoked) == "credential_revoked"


def test_lines_of_a_damaged_anchor_that_are_genuine_still_count(folder: Folder) -> None:
    with folder.vault() as vault:
        credential, revoked = deposit(vault), deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=credential)
        revoke(vault, revoked)
    folder.restore()
    anchor = folder.data / "anchor"
    lines = anchor.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace(" 1 ", " 2 ", 1)
    anchor.write_text("".join(lines))
    found = folder.compare()
    assert found.anchor == "damaged"
    assert fate_of(found, revoked) is Fate.REVOKED
    folder.accept()
    with folder.vault() as vault:
        assert refused(vault, revoked) == "credential_revoked"


def _edit(folder: Folder, statement: str) -> None:
    connection = sqlite3.connect(folder.data / "vault.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


EDITS = {
    "edited": "UPDATE credentials SET origin = 'https://evil.example'",
    "old version": "DELETE FROM versions WHERE rowid = (SELECT min(rowid) FROM versions)",
}


RINGS = {
    "the current one's row edited": "UPDATE keks SET made_at = made_at + 1 WHERE state = 'current'",
    "the current one's row removed": "DELETE FROM keks WHERE state = 'current'",
    "every row removed": "DELETE FROM keks",
    "an old row of the first one put back": "UPDATE keks SET state = {0}, mac = {1} WHERE state = 'live'",
}


@pytest.mark.parametrize("statement", RINGS.values(), ids=RINGS)
def test_a_vault_whose_table_of_keks_is_damaged_starts_after_the_ceremony_with_one_current(
    tmp_path: Path, statement: str
) -> None:
    with Ring(tmp_path) as ring:
        credential = ring.vault.deposit(ticket_order(AT), KEY)
        ((state, mac),) = ring.vault.foundation.database.rows("SELECT state, mac FROM keks")
        first = ring.ring.version
        ring.rotate()
        now = ring.ring.version
    assert isinstance(mac, bytes)
    folder = Folder(tmp_path)
    _edit(folder, statement.format(f"'{state!s}'", f"x'{mac.hex()}'"))
    assert folder.refusal() == "keks_damaged"
    folder.accept(leave_damaged=True)
    with Ring(tmp_path) as ring:
        assert ring.ring.version == now
        assert {each.version: each.state for each in ring.report().items} == {first: "live", now: "current"}
        assert ring.vault.opens(AT, credential) == KEY
        ring.rotate()
        assert ring.ring.version not in {first, now}


def test_a_kek_of_after_the_backup_lives_on_and_a_receipt_waits_for_its_end_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with Ring(tmp_path) as ring:
        credential = ring.vault.deposit(ticket_order(AT), KEY)
        first = ring.ring.version
    folder.back_up()
    with Ring(tmp_path) as ring:
        ring.rotate()  # what is backed up now is wrapped by another one
        then = ring.ring.version
    folder.restore()
    folder.accept()
    with Ring(tmp_path) as ring:
        assert {each.version: each.state for each in ring.report().items} == {first: "current", then: "live"}
        erase(ring.vault, ErasureKind.CREDENTIAL, credential)
        (erasure,) = ring.vault.erasures.rows()
        assert {first, then} <= set(erasure.waits_for)


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS)
def test_a_vault_db_with_damaged_rows_is_accepted_only_if_they_stay_refused(
    folder: Folder, statement: str
) -> None:
    kept, revoked = older(folder)
    _edit(folder, statement)
    before = folder.content()
    assert folder.compare().damaged
    with pytest.raises(StartError, match="--leave-damaged") as error:
        folder.accept()
    assert error.value.code == "rows_damaged"
    assert folder.content() == before
    folder.accept(leave_damaged=True)
    with folder.vault() as vault:
        codes = {refused(vault, each) for each in (kept, revoked) if each == kept or "edit" in statement}
        assert codes <= {"credential_damaged", "credential_revoked"}
        with pytest.raises(AlarmError):
            vault.stores.credentials.find(kept)


def _power_cut(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


CUTS: dict[str, str] = {
    "while rows are written": "sealgate.vault.restored_rows.Rows._put_keks",
    "before the new anchor": "sealgate.vault.restoring.write_durably",
    "before the commit": "sealgate.vault.restoring.Restoring._write_anchor",
    "after the commit": "sealgate.vault.database.Database.forget",
    "before the old anchor is kept": "os.link",
    "before the new one is in its place": "pathlib.Path.replace",
    "before the folder is on the disk": "sealgate.vault.restoring.sync_folder",
}


@pytest.mark.parametrize("place", CUTS.values(), ids=CUTS)
def test_killed_in_any_step_the_same_command_finishes_it(folder: Folder, place: str) -> None:
    kept, revoked = older(folder)
    epoch = folder.compare().epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, _power_cut)
        with pytest.raises(KeyboardInterrupt):
            folder.accept(epoch)
    folder.accept(epoch)
    folder.accept(epoch)  # once more does no harm
    assert len(list(folder.data.glob("anchor.before-*"))) == 1
    with folder.vault() as vault:
        assert vault.opens(AT, kept) == KEY
        assert refused(vault, revoked) == "credential_revoked"


def test_a_ceremony_that_broke_off_is_explained_and_not_finished_for_another_change(folder: Folder) -> None:
    older(folder)
    epoch = folder.compare().epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.link", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            folder.accept(epoch)
    assert folder.compare().unfinished
    assert folder.refusal() == "rolled_back"
    with pytest.raises(StartError, match=f"at change {epoch}, not at"):
        folder.accept(epoch + 1)


def test_a_new_anchor_that_was_half_written_or_altered_counts_for_nothing(folder: Folder) -> None:
    kept, _ = older(folder)
    epoch = folder.compare().epoch
    (folder.data / "anchor.restored").write_text("half of it")
    (folder.data / "anchor.restored").chmod(0o600)
    assert not folder.compare().unfinished
    folder.accept(epoch)
    with folder.vault() as vault:
        assert vault.opens(AT, kept) == KEY
