"""The restore ceremony: explained, it changes nothing; accepted, what ended stays ended, killed anywhere."""

from __future__ import annotations

import io
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.erasing import Erase, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import Revoke
from sealgate.vault.anchor_summary import Standing
from sealgate.vault.audit_rows import AuditRows
from sealgate.vault.events import EVENTS
from sealgate.vault.fates import Fate, decide
from sealgate.vault.faults import AlarmError, StartError, StorageError
from sealgate.vault.keks import DESTROYED, destroyed_name
from sealgate.vault.restoring import JUMP, Comparison, opened
from tests.vault.audits import rows
from tests.vault.deployment import Addresses, Clock, canary_key, owner, ticket_order, vault_config
from tests.vault.still import StillVault

AT = Addresses(new_id("org"), new_id("app"))
KEY, OTHER_KEY = canary_key(), canary_key()


class Folder:
    """A vault's files, a backup of them, and what happened since."""

    def __init__(self, path: Path) -> None:
        self.path, self.data, self.kept = path, path / "data", path / "kept"
        self.log = io.StringIO()

    def back_up(self) -> None:
        shutil.copytree(self.data, self.kept)

    def restore(self, *names: str) -> None:
        for name in names or ("vault.db",):
            shutil.copy2(self.kept / name, self.data / name)
        for name in ("vault.db-wal", "vault.db-shm"):
            (self.data / name).unlink(missing_ok=True)

    def vault(self) -> StillVault:
        return StillVault(self.path)

    def compare(self) -> Comparison:
        with opened(vault_config(self.path), clock=Clock(), log=LineLog("vault", EVENTS, self.log)) as found:
            return found.compare()

    def accept(self, epoch: int | None = None, **options: Any) -> Comparison:
        wanted = self.compare().epoch if epoch is None else epoch
        with opened(vault_config(self.path), clock=Clock(), log=LineLog("vault", EVENTS, self.log)) as found:
            return found.accept(wanted, **options)

    def content(self) -> dict[str, bytes]:
        names = sorted(each.name for each in self.data.iterdir() if not each.name.endswith(("-wal", "-shm")))
        return {name: (self.data / name).read_bytes() for name in names}

    def refusal(self) -> str:
        with pytest.raises(StartError) as error, self.vault():
            pass
        return error.value.code


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def deposit(vault: StillVault, key: bytes = KEY, at: Addresses = AT, credential: str | None = None) -> str:
    return vault.deposit(ticket_order(at, credential), key)


def revoke(vault: StillVault, credential: str, at: Addresses = AT) -> None:
    vault.ask(Revoke(**owner(at), credential=credential))


def erase(vault: StillVault, kind: ErasureKind, subject: str, at: Addresses = AT) -> None:
    vault.ask(Erase(kind=kind, subject=subject, organization=at.organization))


def fate_of(comparison: Comparison, subject: str) -> Fate:
    (found,) = (each.fate for each in comparison.decided if each.subject == subject)
    return found


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


def refused(vault: StillVault, credential: str, at: Addresses = AT) -> str:
    with pytest.raises(RefusedError) as error:
        vault.opens(at, credential)
    return error.value.refusal.code


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


@pytest.mark.parametrize("kind", ErasureKind)
def test_what_was_erased_since_is_destroyed_again_with_a_receipt(folder: Folder, kind: ErasureKind) -> None:
    with folder.vault() as vault:
        credential = deposit(vault)
        others = Addresses()
        kept = deposit(vault, OTHER_KEY, others)
    folder.back_up()
    subject = {
        ErasureKind.CREDENTIAL: credential,
        ErasureKind.APPLICATION: AT.application,
        ErasureKind.ORGANIZATION: AT.organization,
    }[kind]
    with folder.vault() as vault:
        erase(vault, kind, subject)
    folder.restore()
    assert fate_of(folder.compare(), credential) is Fate.ERASED
    folder.accept()
    with folder.vault() as vault:
        vault.erasures.resume()
        assert refused(vault, credential) == "no_credential"
        for _piece in vault.erasures.pieces():
            pass
        (row,) = vault.erasures.rows(AT.organization)
        assert (row.subject, row.erased_at is not None) == (subject, True)
        held = vault.foundation.database._driver.execute(
            "SELECT count(*) FROM versions WHERE credential = ?", (credential,)
        )
        assert held.fetchone() == (0,)
        assert vault.opens(others, kept) == OTHER_KEY
        if kind is not ErasureKind.CREDENTIAL:
            with pytest.raises(RefusedError, match="erased"):
                deposit(vault)


def test_what_was_erased_before_the_backup_stays_so_with_its_receipt(folder: Folder) -> None:
    with folder.vault() as vault:
        gone, kept = deposit(vault), deposit(vault)
        erase(vault, ErasureKind.CREDENTIAL, gone)
    folder.back_up()
    with folder.vault() as vault:
        revoke(vault, kept)
    folder.restore()
    (folder.data / "anchor").unlink()
    folder.accept()
    with folder.vault() as vault:
        assert refused(vault, gone) == "no_credential"
        assert [each.subject for each in vault.erasures.rows(AT.organization)] == [gone]


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


def older(folder: Folder) -> tuple[str, str]:
    """A backup that is restored: a credential that is kept, and one that was revoked since."""
    with folder.vault() as vault:
        kept, revoked = deposit(vault), deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        revoke(vault, revoked)
        deposit(vault)
    folder.restore()
    return kept, revoked


def test_another_change_than_vault_db_stands_at_is_not_accepted(folder: Folder) -> None:
    older(folder)
    before = folder.content()
    with pytest.raises(StartError, match="stands at change") as error:
        folder.accept(folder.compare().epoch + 1)
    assert error.value.code == "other_epoch"
    assert folder.content() == before


def _edit(folder: Folder, statement: str) -> None:
    connection = sqlite3.connect(folder.data / "vault.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


EDITS = {
    "edited": "UPDATE credentials SET origin = 'https://evil.example'",
    "old version": "DELETE FROM versions WHERE rowid = (SELECT min(rowid) FROM versions)",
}


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


def test_a_kek_that_was_destroyed_since_stays_destroyed_though_its_file_was_kept(folder: Folder) -> None:
    with folder.vault() as vault:
        deposit(vault)
        used = vault.foundation.kek.version
    folder.back_up()
    # As if everything had been wrapped anew and this one destroyed: what the anchor is told of it.
    with folder.vault() as vault, vault.foundation.witness.change(destroyed_name(used), 1, DESTROYED):
        pass
    folder.restore()
    with pytest.raises(StartError, match="was destroyed since") as error:
        folder.compare()
    assert error.value.code == "kek_destroyed"


def test_the_anchor_is_told_of_each_kek_that_is_destroyed(folder: Folder) -> None:
    with folder.vault() as vault:
        base = vault.foundation
        entry = base.kek.entries[base.kek.version]
        base.keks.mark(entry.version, DESTROYED, 1.0)
        assert base.witness.standing(destroyed_name(entry.version)) == Standing(1, DESTROYED)


def test_administrators_stay_as_they_were_unless_they_were_changed_or_removed_since(folder: Folder) -> None:
    with folder.vault() as vault:
        people = vault.stores.administrators
        names = [people.invite(None, name, "", 1.0, approved=True)[0].administrator for name in "abc"]
    folder.back_up()
    with folder.vault() as vault:
        people = vault.stores.administrators
        people.invite(people.find(names[1]), "b", "", 2.0, approved=True)
        people.remove(names[2])
        late = people.invite(None, "d", "", 2.0, approved=True)[0].administrator
    folder.restore()
    found = folder.compare()
    assert [fate_of(found, each) for each in (*names, late)] == [Fate.KEPT, *[Fate.REMOVED] * 3]
    folder.accept()
    with folder.vault() as vault:
        people = vault.stores.administrators
        assert people.find(names[0]) is not None
        assert [people.find(each) for each in (*names[1:], late)] == [None] * 3
        assert [name for name, _ in people.every()] == [names[0]]


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
