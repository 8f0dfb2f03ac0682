"""An erasure is final once the KEK versions are destroyed that a backup from before could be opened with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealgate.messages.erasing import Erase, Erased, ErasureKind, ErasureRow
from sealgate.vault.faults import StartError
from sealgate.vault.receipts import key_of, verify
from tests.vault.deployment import canary_key, ticket_order
from tests.vault.keks import Kept, Ring
from tests.vault.still import StillVault

KINDS = list(ErasureKind)


def order(kept: Kept, kind: ErasureKind) -> Erase:
    at, credential, _ = kept.keys[0]
    subjects = dict(zip(KINDS, (credential, at.application, at.organization), strict=True))
    return Erase(kind=kind, subject=subjects[kind], organization=at.organization)


def erase(ring: Ring, kept: Kept, kind: ErasureKind) -> str:
    """Erase the first key, and let its sealing keys end; gives the receipt's id."""
    erased = ring.vault.ask(order(kept, kind))
    assert isinstance(erased, Erased)
    ring.vault.foundation.database._driver.execute("DELETE FROM tickets")
    for _piece in ring.vault.epochs.pieces():
        pass
    return erased.erasure.receipt


def rotate_and_destroy(ring: Ring) -> None:
    old = ring.ring.version
    ring.vault.clock.now_s += 60
    ring.rotate()
    ring.destroy(old)


def shown(ring: Ring) -> ErasureRow:
    (found,) = ring.vault.erasures.rows()
    return found


def copied(folder: Path, to: Path) -> Path:
    """A backup of everything in the data folder but KEKs."""
    (to / "data").mkdir(parents=True)
    for path in (folder / "data").iterdir():
        if not path.name.startswith("kek") and path.name != "lock":
            shutil.copy2(path, to / "data" / path.name)
    return to


def with_keks_of(backup: Path, folder: Path) -> Path:
    """The backup, with every KEK file that is left."""
    restored = backup.with_name(f"{backup.name}-restored")
    shutil.rmtree(restored, ignore_errors=True)
    shutil.copytree(backup, restored)
    (restored / "data").chmod(0o700)
    for path in (folder / "data").glob("kek*"):
        shutil.copy2(path, restored / "data" / path.name)
    return restored


@pytest.mark.parametrize("kind", KINDS)
def test_no_backup_brings_a_key_back_once_its_kek_is_destroyed(tmp_path: Path, kind: ErasureKind) -> None:
    folder = tmp_path / "v"
    with Ring(folder) as ring:
        kept = Kept(ring.vault)
        at, credential, key = kept.keys[0]
        ring.vault.foundation.database.forget()
        before = copied(folder, tmp_path / "before")
        receipt = erase(ring, kept, kind)
        after = copied(folder, tmp_path / "after")
        with StillVault(with_keks_of(before, folder)) as control:
            assert control.opens(at, credential) == key, "the control: until then the same backup opens"
        old_file = (folder / "data" / "kek").read_bytes()
        rotate_and_destroy(ring)
        assert shown(ring).final_at is not None
        assert not (folder / "data" / "kek").exists()
        assert not any(old_file in path.read_bytes() for path in (folder / "data").iterdir())
    for backup in (before, after):
        with pytest.raises(StartError) as refused:
            StillVault(with_keks_of(backup, folder))
        assert refused.value.code == "wrong_kek"
    with StillVault(folder) as again:
        assert again.erasures.rows()[0].receipt == receipt
        assert all(again.opens(*each[:2]) == each[2] for each in kept.keys[1:])


def test_a_stolen_old_envelope_is_no_use_with_the_sealing_keys_of_today(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        at, _, _ = kept.keys[0]
        neighbour, neighbours_key = at, canary_key()
        beside = ring.vault.deposit(ticket_order(neighbour), neighbours_key)
        rows = list(ring.vault.foundation.database._driver.execute("SELECT key_id FROM keyring"))
        erase(ring, kept, ErasureKind.CREDENTIAL)
        organization = {"organization": at.organization}
        now = ring.vault.foundation.database._driver.execute(
            "SELECT key_id FROM keyring WHERE organization = :organization", organization
        )
        assert {key_id for (key_id,) in now} & {key_id for (key_id,) in rows} == set()
        assert ring.vault.opens(neighbour, beside) == neighbours_key


def test_a_receipt_says_step_by_step_what_it_waits_for(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        first = ring.ring.version
        ring.vault.ask(order(kept, ErasureKind.CREDENTIAL))
        assert shown(ring).waits_for == ("sealing-keys", first)
        erase(ring, kept, ErasureKind.CREDENTIAL)
        assert shown(ring).waits_for == (first,)
        rotate_and_destroy(ring)
        assert shown(ring).waits_for == ()


def test_a_receipt_that_is_asked_for_later_says_since_when_it_is_final(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        old = ring.ring.version
        erase(ring, kept, ErasureKind.ORGANIZATION)
        rotate_and_destroy(ring)
        again = ring.vault.ask(order(kept, ErasureKind.ORGANIZATION))
        assert isinstance(again, Erased)
        receipt = verify(again.signed, key_of(ring.vault.erasures.public_key()))
        assert [(each.version, each.state) for each in receipt.kek_versions] == [(old, "destroyed")]
        assert receipt.final_at is not None
        assert receipt.final_at <= receipt.signed_at


def test_a_kek_that_was_made_while_the_sealing_keys_still_lived_must_go_as_well(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        ring.vault.ask(order(kept, ErasureKind.CREDENTIAL))
        rotate_and_destroy(ring)
        second = ring.ring.version
        erase(ring, kept, ErasureKind.CREDENTIAL)
        assert shown(ring).waits_for == (second,)
        rotate_and_destroy(ring)
        assert shown(ring).final_at is not None


def test_a_kek_that_was_destroyed_before_is_none_of_a_receipts_business(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        rotate_and_destroy(ring)
        erase(ring, kept, ErasureKind.ORGANIZATION)
        assert shown(ring).waits_for == (ring.ring.version,)


def test_a_kek_whose_destruction_lies_ahead_still_counts(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        old = ring.ring.version
        erase(ring, kept, ErasureKind.ORGANIZATION)
        rotate_and_destroy(ring)
        ahead = ring.vault.clock.now_s + 7 * 86_400
        ring.keks.mark(old, "destroyed", ahead)
        assert shown(ring).waits_for == (old,)
        ring.vault.clock.now_s = ahead
        assert shown(ring).final_at == ahead


def test_what_is_final_is_warned_of_no_more(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        erase(ring, kept, ErasureKind.ORGANIZATION)
        rotate_and_destroy(ring)
        ring.vault.clock.now_s += 40 * 86_400
        ring.vault.erasures._warn()
        assert "erasure_due" not in ring.vault.log.getvalue()
