"""The restore ceremony, row by row: passkeys, versions that were altered, files that it must not believe."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.vault.anchor_summary import Standing
from sealgate.vault.fates import Fate
from sealgate.vault.faults import AlarmError, StartError
from sealgate.vault.keks import DESTROYED, destroyed_name
from sealgate.vault.passkeys import Registered
from tests.vault.restored_folder import AT, KEY, Folder, deposit, fate_of
from tests.vault.still import StillVault
from tests.vault.test_upgrade import first_release


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def enrolled(vault: StillVault, name: str, passkeys: int) -> str:
    """An administrator of the whole vault with so many passkeys; gives the id."""
    people = vault.stores.administrators
    administrator = people.invite(None, name, "", 1.0, approved=True)[0].administrator
    for _ in range(passkeys):
        before = people.find(administrator)
        assert before is not None
        people.enrol(before, Registered(secrets.token_bytes(32), secrets.token_bytes(64), 0), (), 1.0)
    return administrator


def edit(folder: Folder, statement: str) -> None:
    with closing(sqlite3.connect(folder.data / "vault.db")) as connection, connection:
        connection.execute(statement)


def code_of(folder: Folder) -> str:
    """Why the ceremony refuses even to explain."""
    with pytest.raises(StartError) as error:
        folder.compare()
    return error.value.code


def test_an_administrator_who_is_kept_keeps_every_passkey(folder: Folder) -> None:
    with folder.vault() as vault:
        name = enrolled(vault, "Ada", passkeys=2)
        before = vault.stores.administrators.find(name)
        assert before is not None
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault)
    folder.restore()
    folder.accept()
    with folder.vault() as vault:
        after = vault.stores.administrators.find(name)
        assert after is not None
        assert [each.passkey for each in after.passkeys] == [each.passkey for each in before.passkeys]
        assert [each.public_key for each in after.passkeys] == [each.public_key for each in before.passkeys]


EDITS = {
    "edited": "UPDATE passkeys SET counter = 7",
    "removed": "DELETE FROM passkeys",
}


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS)
def test_an_administrator_whose_passkeys_were_altered_is_named_as_damaged_and_counts_no_more(
    folder: Folder, statement: str
) -> None:
    with folder.vault() as vault:
        name = enrolled(vault, "Ada", passkeys=1)
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault)
    folder.restore()
    edit(folder, statement)
    assert ("administrators", name) in {(each.table, each.subject) for each in folder.compare().damaged}
    folder.accept(leave_damaged=True)
    with folder.vault() as vault, pytest.raises(AlarmError):
        vault.stores.administrators.find(name)


def test_a_credential_one_of_whose_versions_was_edited_is_named_as_damaged_and_stays_refused(
    folder: Folder,
) -> None:
    with folder.vault() as vault:
        edited, sound = deposit(vault), deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault)
    folder.restore()
    edit(folder, f"UPDATE versions SET last_four = 'evil' WHERE credential = '{edited}'")
    found = folder.compare()
    assert ("credentials", edited) in {(each.table, each.subject) for each in found.damaged}
    assert [each.subject for each in found.of(Fate.KEPT) if each.subject == sound] == [sound]
    folder.accept(leave_damaged=True)
    with folder.vault() as vault:
        with pytest.raises(AlarmError):
            vault.stores.credentials.find(edited)
        assert vault.opens(AT, sound) == KEY


def test_a_kek_that_was_destroyed_before_is_known_as_destroyed_after_the_ceremony(folder: Folder) -> None:
    gone = destroyed_name("an-earlier-one")
    with folder.vault() as vault:
        kept = deposit(vault)
        with vault.foundation.witness.change(gone, 1, DESTROYED):
            pass
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault)
    folder.restore()
    assert fate_of(folder.compare(), gone) is Fate.ERASED
    folder.accept()
    with folder.vault() as vault:
        standing = vault.foundation.witness.standing(gone)
        assert isinstance(standing, Standing)
        assert standing.state == DESTROYED
        assert vault.opens(AT, kept) == KEY


def test_an_anchor_that_others_may_write_is_not_read_by_the_ceremony(folder: Folder) -> None:
    with folder.vault() as vault:
        deposit(vault)
    (folder.data / "anchor").chmod(0o666)
    assert code_of(folder) == "file_unsafe"


def test_a_new_anchor_with_a_line_that_is_not_ours_is_no_ceremony_that_broke_off(folder: Folder) -> None:
    with folder.vault() as vault:
        kept = deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        deposit(vault)
    folder.restore()
    planted = folder.data / "anchor.restored"
    planted.touch(mode=0o600)
    planted.write_text("nothing of this is ours\n")
    assert not folder.compare().unfinished
    folder.accept()
    with folder.vault() as vault:
        assert vault.opens(AT, kept) == KEY


def test_a_vault_db_of_an_older_release_is_accepted_by_that_release(folder: Folder) -> None:
    with first_release(), folder.vault():
        pass
    with pytest.raises(StartError, match="older release") as error:
        folder.compare()
    assert error.value.code == "schema_older"
    assert "the release that made it" in error.value.hint


def test_a_vault_db_that_declares_what_is_not_ours_is_not_explained(folder: Folder) -> None:
    with folder.vault() as vault:
        deposit(vault)
    edit(folder, "CREATE TABLE planted (word TEXT)")
    assert code_of(folder) == "schema_altered"
