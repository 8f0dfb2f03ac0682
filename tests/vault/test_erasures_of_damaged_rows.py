"""Erasure where somebody wrote into vault.db: all of it goes, nobody else's key does, and it is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.messages.erasing import AskReceipts, Erase, Erased, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import Revoke
from sealgate.vault.administrators import ENROLLED_WHOLE
from sealgate.vault.faults import AlarmError
from tests.vault.deployment import canary_key, owner, ticket_order
from tests.vault.erased_house import House
from tests.vault.rewriting import rewrite


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with house.vault:
        yield house


@pytest.mark.parametrize("in_one_step", [1, 20])
def test_a_planted_row_named_like_something_else_goes_and_ends_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch, in_one_step: int
) -> None:
    monkeypatch.setattr("sealgate.vault.erasures.IN_ONE_STEP", in_one_step)
    administrator = new_id("adm")
    witness = house.vault.foundation.witness
    with witness.change(administrator, 1, ENROLLED_WHOLE):
        pass
    for name in (administrator, house.other.organization, "keks"):
        (row,) = (each for each in house.rows("credentials") if each[0] == house.credential)
        house.put_back("credentials", [(name, *row[1:])])
    before = {name: witness.standing(name) for name in (house.other.organization, "keks")}
    house.erase(ErasureKind.APPLICATION)
    assert witness.stands(administrator, 1, ENROLLED_WHOLE)
    assert {name: witness.standing(name) for name in before} == before
    assert {row[0] for row in house.rows("credentials")} == {house.beside_credential, house.other_credential}


@pytest.mark.parametrize("removed", [False, True], ids=["edited", "removed"])
def test_a_damaged_credential_is_erased_all_the_same(house: House, removed: bool) -> None:
    if removed:
        house.execute("DELETE FROM credentials WHERE credential = ?", (house.credential,))
        house.execute("DELETE FROM versions WHERE credential = ?", (house.credential,))
        house.execute("DELETE FROM tickets WHERE credential = ?", (house.credential,))
    else:
        changed = ("org_" + "x" * 20, house.credential)
        house.execute("UPDATE credentials SET organization = ? WHERE credential = ?", changed)
        house.execute("UPDATE tickets SET organization = ? WHERE credential = ?", changed)
    erased = house.erase(ErasureKind.CREDENTIAL)
    assert erased.erasure.organization == house.at.organization
    assert house.credential not in {row[0] for row in house.rows("credentials")}


WIDE = [ErasureKind.APPLICATION, ErasureKind.ORGANIZATION]


@pytest.mark.parametrize("kind", WIDE)
def test_a_row_written_under_what_is_erased_keeps_its_key(house: House, kind: ErasureKind) -> None:
    house.vault.audit.flush()
    (before,) = [row for row in house.rows("credentials") if row[0] == house.other_credential]
    moved = (house.at.organization, house.at.application, house.other_credential)
    house.execute("UPDATE credentials SET organization = ?, application = ? WHERE credential = ?", moved)
    house.erase(kind)
    assert "erasure_spared receipt=rcpt_" in house.vault.log.getvalue()
    assert f"alarm_row table=credentials subject={house.other_credential}" in house.vault.log.getvalue()
    house.put_back("credentials", [before])
    assert house.vault.opens(house.other, house.other_credential) == house.other_key


@pytest.mark.parametrize("kind", WIDE)
def test_a_row_moved_away_from_what_is_erased_goes_all_the_same(house: House, kind: ErasureKind) -> None:
    house.vault.audit.flush()
    moved = (house.other.organization, house.other.application, house.credential)
    house.execute("UPDATE credentials SET organization = ?, application = ? WHERE credential = ?", moved)
    house.execute("DELETE FROM tickets")
    house.erase(kind)
    assert house.credential not in {
        row[0] for table in ("credentials", "versions") for row in house.rows(table)
    }
    assert house.vault.foundation.witness.is_erased(house.credential)
    assert house.vault.opens(house.other, house.other_credential) == house.other_key


def test_an_edited_row_of_which_no_deposit_is_told_goes_with_what_it_names(house: House) -> None:
    house.execute("UPDATE credentials SET provider = 'x' WHERE credential = ?", (house.credential,))
    house.erase(ErasureKind.APPLICATION)  # the audit, which knows its deposit, is not written yet
    assert house.credential not in {row[0] for row in house.rows("credentials")}


def test_an_operator_erases_a_credential_whose_rows_are_gone(house: House) -> None:
    for table in ("credentials", "versions", "tickets"):
        house.execute(f"DELETE FROM {table} WHERE credential = ?", (house.credential,))
    erased = house.vault.erasures.answer(Erase(kind=ErasureKind.CREDENTIAL, subject=house.credential))
    assert isinstance(erased, Erased)
    assert erased.erasure.organization == ""


def test_a_restored_credential_is_destroyed_again_with_its_application(house: House) -> None:
    before = {table: house.rows(table) for table in ("credentials", "versions")}
    house.erase(ErasureKind.CREDENTIAL)
    for table, rows in before.items():
        house.put_back(table, [row for row in rows if row[0] == house.credential])
    house.erase(ErasureKind.APPLICATION)
    assert house.credential not in {row[0] for row in house.rows("credentials")}


def test_what_was_erased_and_put_back_goes_again_when_somebody_revokes_it(house: House) -> None:
    before = {table: house.rows(table) for table in ("credentials", "versions")}
    house.erase(ErasureKind.CREDENTIAL)
    for table, rows in before.items():
        house.put_back(table, [row for row in rows if row[0] == house.credential])
    house.vault.ask(Revoke(**owner(house.at), credential=house.credential))
    assert house.credential not in {row[0] for table in before for row in house.rows(table)}
    assert house.vault.foundation.witness.is_erased(house.credential)


@pytest.mark.parametrize("kind", WIDE)
def test_what_was_erased_is_erased_once_more_where_its_record_was_removed(
    house: House, kind: ErasureKind
) -> None:
    house.erase(kind)
    house.execute("DELETE FROM erasures")
    again = house.erase(kind)
    assert again.erasure.erased_at is not None
    assert again.signed
    assert house.vault.foundation.witness.is_erased(house.subject(kind))


NOTHING_OF_OURS = {
    "a text for an envelope": "UPDATE versions SET envelope = 'x'",
    "no sealing key": "UPDATE versions SET key_id = NULL",
    "a text for a version": "UPDATE versions SET version = 'x'",
}


@pytest.mark.parametrize("statement", NOTHING_OF_OURS.values(), ids=NOTHING_OF_OURS)
def test_an_erasure_ends_whatever_somebody_wrote_into_a_versions_row(house: House, statement: str) -> None:
    rewrite(
        house.vault.config.data_dir / "vault.db",
        lambda hand: hand.execute(f"{statement} WHERE credential = ?", (house.credential,)),
    )
    erased = house.erase(ErasureKind.APPLICATION)
    assert erased.erasure.erased_at is not None
    assert house.credential not in {row[0] for row in house.rows("versions")}
    assert "erasure_paused" not in house.vault.log.getvalue()


UNTOLD = {
    "edited": lambda house: house.execute("UPDATE versions SET key_id = zeroblob(16)"),
    "removed": lambda house: [house.execute(f"DELETE FROM {each}") for each in ("credentials", "versions")],
    "edited and revoked": lambda house: (
        house.execute("UPDATE versions SET key_id = zeroblob(16)"),
        house.vault.ask(Revoke(**owner(house.at), credential=house.credential)),
    ),
    "revoked with a version of another epoch": lambda house: (
        house.vault.epochs.rotate(house.at.organization),
        house.vault.deposit(ticket_order(house.at, house.credential, stage=True), canary_key()),
        house.vault.ask(Revoke(**owner(house.at), credential=house.credential)),
        house.execute("DELETE FROM tickets"),
        list(house.vault.epochs.pieces()),  # what the mask names is gone
    ),
}


@pytest.mark.parametrize("hide", UNTOLD.values(), ids=UNTOLD)
@pytest.mark.parametrize("told", ["by the console", "by the audit", "by nobody"])
def test_where_no_row_says_what_a_key_was_sealed_to_a_receipt_waits_for_every_pair_of_then(
    house: House, hide: Callable[[House], object], told: str
) -> None:
    if told == "by the audit":
        house.vault.audit.flush()
    hide(house)
    then = {row[0] for row in house.rows("keyring") if row[1] == house.at.organization}
    order = house.order(ErasureKind.CREDENTIAL)
    order = order if told == "by the console" else Erase(kind=order.kind, subject=order.subject)
    erased = house.vault.erasures.answer(order)
    assert isinstance(erased, Erased)
    assert "sealing-keys" in erased.erasure.waits_for
    for table in ("tickets", "versions"):  # of the others, whose rows this attack may have damaged too
        house.execute(f"DELETE FROM {table}")
    house.vault.clock.now_s += 60
    for organization in {house.at.organization, house.other.organization}:
        house.vault.epochs.rotate(organization)
    for _piece in house.vault.epochs.pieces():
        pass
    (row,) = house.vault.erasures.rows()
    assert "sealing-keys" not in row.waits_for
    assert not then & {each[0] for each in house.rows("keyring")}


def test_a_damaged_keyring_keeps_a_receipt_waiting_and_stops_nothing(house: House) -> None:
    house.execute("UPDATE keyring SET made_at = 1 WHERE organization = ?", (house.at.organization,))
    erased = house.erase(ErasureKind.CREDENTIAL)
    assert "sealing-keys" in erased.erasure.waits_for
    assert erased.signed


def test_a_damaged_row_of_an_erasure_stops_no_sealing_key_from_ending(house: House) -> None:
    house.erase(ErasureKind.CREDENTIAL)
    house.execute("UPDATE erasures SET began_at = 1")
    house.execute("DELETE FROM tickets")
    for _piece in house.vault.epochs.pieces():
        pass
    assert "sealing_keys_destroyed" in house.vault.log.getvalue()
    with pytest.raises(RefusedError, match="credential_damaged"):
        house.vault.ask(AskReceipts(organization=house.at.organization))


def test_a_row_of_what_was_destroyed_that_is_taken_away_is_noticed(house: House) -> None:
    house.erase(ErasureKind.CREDENTIAL)
    house.execute("DELETE FROM erased_versions")
    with pytest.raises(AlarmError):
        house.vault.erasures.rows()


def test_an_administrator_who_was_removed_is_no_erasure_without_its_record(house: House) -> None:
    people, now_s = house.vault.stores.administrators, house.vault.clock()
    record, _token = people.invite(None, "Ada", house.at.organization, now_s, approved=False)
    people.remove(record.administrator)
    assert house.vault.erasures.rows() == ()
    assert "alarm" not in house.vault.log.getvalue()
