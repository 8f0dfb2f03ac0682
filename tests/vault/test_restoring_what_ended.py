"""The restore ceremony and what ended since the backup: it is destroyed again, whatever the backup has."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.messages.erasing import ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.vault.anchor_summary import Standing
from sealgate.vault.fates import Fate
from sealgate.vault.faults import StartError
from sealgate.vault.keks import DESTROYED, destroyed_name
from tests.vault.deployment import Addresses
from tests.vault.restored_folder import AT, OTHER_KEY, Folder, deposit, erase, fate_of, refused, revoke


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


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
