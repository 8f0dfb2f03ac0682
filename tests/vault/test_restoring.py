"""The restore ceremony: explained, it changes nothing; accepted, the vault goes on beyond either history."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealgate.messages.erasing import ErasureKind
from sealgate.vault.anchor_summary import Standing
from sealgate.vault.audit_rows import AuditRows
from sealgate.vault.fates import Fate, decide
from sealgate.vault.faults import StartError, StorageError
from sealgate.vault.restoring import JUMP
from tests.vault.audits import rows
from tests.vault.deployment import Addresses
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


def test_explaining_changes_nothing_and_says_what_would_become_of_each(folder: Folder) -> None:
    with folder.vault() as vault:
        kept, back, revoked, erased = (deposit(vault) for _ in range(4))
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=back)
        revoke(vault, revoked)
        erase(vault, ErasureKind.CREDENTIAL, erased)
        lost = deposit(vault)
    folder.restore()
    assert folder.refusal() == "rolled_back"
    before = folder.content()
    found = folder.compare()
    assert folder.content() == before
    assert (found.anchor, found.is_needed, found.damaged) == ("whole", True, ())
    assert found.witnessed is not None
    assert found.witnessed > found.epoch
    fates = [fate_of(found, each) for each in (kept, back, revoked, erased, lost)]
    assert fates == [Fate.KEPT, Fate.BACK, Fate.REVOKED, Fate.ERASED, Fate.LOST]


def test_accepted_the_vault_starts_with_what_the_backup_had_and_nothing_that_ended_since(
    folder: Folder,
) -> None:
    with folder.vault() as vault:
        kept, back, revoked, erased = (deposit(vault) for _ in range(4))
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=back)
        revoke(vault, revoked)
        erase(vault, ErasureKind.CREDENTIAL, erased)
        lost = deposit(vault)
    folder.restore()
    older = (folder.data / "anchor").read_bytes()
    folder.accept()
    assert "warning vault restored accepted=" in folder.log.getvalue()
    assert [path.read_bytes() for path in folder.data.glob("anchor.before-*")] == [older]
    with folder.vault() as vault:
        assert vault.opens(AT, kept) == KEY
        assert vault.opens(AT, back) == KEY
        assert refused(vault, revoked) == "credential_revoked"
        assert refused(vault, erased) == "no_credential"
        assert refused(vault, lost) == "no_credential"
        assert "alarm" not in vault.log.getvalue()


def test_a_ceremony_stands_in_the_audit_once_however_often_it_is_said(folder: Folder) -> None:
    with folder.vault() as vault:
        credential = deposit(vault)
        vault.audit.flush()
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=credential)
        vault.audit.flush()
    folder.restore()
    epoch = folder.compare().epoch
    for _ in range(2):
        folder.accept(epoch)
    (entry,) = [fields for *_, fields in rows(folder.data / "vault.db", "restored")]
    assert entry["accepted"] == epoch
    assert entry["number"] >= JUMP
    with folder.vault() as vault:
        assert vault.opens(AT, credential) == KEY


def test_a_ceremony_whose_entry_finds_no_room_says_so_and_writes_it_when_it_is_said_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("disk full")

    with folder.vault() as vault:
        deposit(vault)
    epoch = folder.compare().epoch
    with monkeypatch.context() as patch:
        patch.setattr(AuditRows, "add", full)
        with pytest.raises(StartError) as unwritten:
            folder.accept(epoch)
    assert unwritten.value.code == "audit_unwritten"
    assert rows(folder.data / "vault.db", "restored") == []
    folder.accept(epoch)
    assert len(rows(folder.data / "vault.db", "restored")) == 1


def test_a_restored_vault_goes_on_far_beyond_either_history(folder: Folder) -> None:
    with folder.vault() as vault:
        credential = deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=credential)
    lost = shutil.copytree(folder.data, folder.path / "lost")
    folder.restore()
    folder.accept()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=credential)
        assert vault.opens(AT, credential) == OTHER_KEY
        standing = vault.foundation.witness.standing(credential)
        assert standing is not None
        assert standing.version > JUMP
    # Neither the lost database nor the backup fits the new anchor.
    for copy in (lost, folder.kept):
        shutil.copy2(copy / "vault.db", folder.data / "vault.db")
        assert folder.refusal() == "rolled_back"


def test_rows_of_the_lost_history_do_not_open_in_the_new_one(folder: Folder) -> None:
    with folder.vault() as vault:
        credential = deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=credential)
    lost = shutil.copytree(folder.data, folder.path / "lost")
    folder.restore()
    folder.accept()
    with folder.vault() as vault:
        connection = vault.foundation.database._driver
        connection.execute("ATTACH ? AS lost", (str(lost / "vault.db"),))
        for table in ("credentials", "versions"):
            connection.execute(f"DELETE FROM main.{table}")
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM lost.{table}")
        assert refused(vault, credential) == "credential_damaged"


def test_an_old_anchor_beside_a_newer_vault_db_is_accepted_and_nothing_goes_back(folder: Folder) -> None:
    with folder.vault() as vault:
        credential = deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, credential=credential)
        newer = deposit(vault)
    folder.restore("anchor")
    found = folder.compare()
    assert {fate_of(found, each) for each in (credential, newer)} == {Fate.KEPT}
    folder.accept()
    with folder.vault() as vault:
        assert vault.opens(AT, credential) == OTHER_KEY
        assert vault.opens(AT, newer) == KEY


def test_a_vault_whose_files_belong_together_needs_no_ceremony(folder: Folder) -> None:
    with folder.vault() as vault:
        deposit(vault)
    before = folder.content()
    assert not folder.compare().is_needed
    assert folder.content() == before


def test_both_files_from_one_backup_can_be_accepted_before_a_proxy_remembers(folder: Folder) -> None:
    with folder.vault() as vault:
        credential = deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        revoke(vault, credential)
    folder.restore("vault.db", "anchor")
    folder.accept()
    with folder.vault() as vault:
        assert vault.opens(AT, credential) == KEY
        assert vault.foundation.witness.tip()[0] > JUMP


def test_another_change_than_vault_db_stands_at_is_not_accepted(folder: Folder) -> None:
    older(folder)
    before = folder.content()
    with pytest.raises(StartError, match="stands at change") as error:
        folder.accept(folder.compare().epoch + 1)
    assert error.value.code == "other_epoch"
    assert folder.content() == before


def test_after_a_restore_the_vault_works_on_and_can_be_restored_again(folder: Folder) -> None:
    kept, _ = older(folder)
    folder.accept()
    with folder.vault() as vault:
        vault.epochs.rotate(AT.organization)
        for _piece in vault.epochs.pieces():
            pass
        assert vault.opens(AT, kept) == KEY
        newer = deposit(vault)
    shutil.rmtree(folder.kept)
    folder.back_up()
    with folder.vault() as vault:
        revoke(vault, newer)
        deposit(vault)
    folder.restore()
    first = folder.compare().epoch
    assert first > JUMP
    folder.accept()
    with folder.vault() as vault:
        assert vault.opens(AT, kept) == KEY
        assert refused(vault, newer) == "credential_revoked"


def test_a_receipt_key_that_was_made_since_is_lost_and_another_is_made(folder: Folder) -> None:
    with folder.vault() as vault:
        deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        lost = vault.erasures.public_key()
    folder.restore()
    folder.accept()
    with folder.vault() as vault:
        assert vault.erasures.public_key() != lost
    shutil.rmtree(folder.kept)
    with folder.vault() as vault:
        kept = vault.erasures.public_key()
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault)
    folder.restore()
    folder.accept()
    with folder.vault() as vault:
        assert vault.erasures.public_key() == kept


def test_an_organization_that_came_after_the_backup_is_enrolled_anew(folder: Folder) -> None:
    with folder.vault() as vault:
        deposit(vault)
    folder.back_up()
    later = Addresses()
    with folder.vault() as vault:
        deposit(vault, OTHER_KEY, later)
    folder.restore()
    assert fate_of(folder.compare(), later.organization) is Fate.LOST
    folder.accept()
    with folder.vault() as vault:
        again = deposit(vault, OTHER_KEY, later)
        assert vault.opens(later, again) == OTHER_KEY


def test_what_a_newer_release_witnesses_is_left_as_it_is() -> None:
    (found,) = decide({}, {"something-new": Standing(7, "word")})
    assert (found.fate, found.state) == (Fate.KEPT, "word")
