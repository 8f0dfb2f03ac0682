"""Rows that somebody altered, removed or put back: each part of the vault refuses them by itself.

Counterparts: tests/hostile attacks every column of every table at once. In here each test alters one thing
and asks the part that reads it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct, structs

from sealgate.ids import new_id
from sealgate.log import NullLog
from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import Renew
from sealgate.messages.tickets import (
    AskPseudonym,
    CredentialState,
    Revoke,
)
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import AlarmError
from sealgate.vault.rowseal import RowSeal, SealedTable
from sealgate.vault.schema import OPENS
from sealgate.vault.tickets import TicketRefusedError
from tests.vault.altered_house import AT, House
from tests.vault.deployment import EVIL_ORIGIN, Addresses, canary_key, owner, ticket_order
from tests.vault.still import StillVault, _peer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with house.vault:
        yield house


def check_damaged(asked: Callable[[], object]) -> None:
    with pytest.raises(RefusedError, match="credential_damaged"):
        asked()


def test_a_credential_of_before_a_switch_is_no_credential(house: House) -> None:
    before = house.rows("credentials")
    house.stage_and_switch()
    house.put_back("credentials", before)
    check_damaged(house.opens)


ANOTHER_PROCESS = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as hand:
    assert hand.execute(sys.argv[2]).rowcount == 1
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credentials SET origin = 'https://evil.example'",
        "UPDATE versions SET envelope = zeroblob(length(envelope))",
        "DELETE FROM credentials",
        "DELETE FROM versions",
    ],
)
def test_a_row_that_another_process_edits_between_two_opens_is_refused_at_the_second(
    house: House, statement: str
) -> None:
    assert house.opens() == house.key
    subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, house.database, statement], check=True)
    check_damaged(house.opens)


def test_a_credential_is_read_again_only_after_somebody_wrote(house: House) -> None:
    read: list[str] = []
    house.vault.foundation.database._driver.set_trace_callback(read.append)
    house.opens()
    house.opens()
    assert sum("FROM credentials" in each for each in read) == 1
    house.edit("DELETE FROM tickets")
    house.opens()
    house.opens()
    assert sum("FROM credentials" in each for each in read) == 2
    house.stage_and_switch()
    assert house.opens() != house.key
    house.vault.ask(Revoke(**owner(AT), credential=house.credential))
    with pytest.raises(RefusedError, match="credential_revoked"):
        house.opens()


def test_a_version_that_is_missing_makes_the_credential_damaged(house: House) -> None:
    house.stage_and_switch()
    house.edit("DELETE FROM versions WHERE version = 1")
    check_damaged(house.opens)


def test_a_version_of_another_revision_makes_the_credential_damaged(house: House) -> None:
    before = house.rows("versions")
    house.stage_and_switch()
    now = [row for row in house.rows("versions") if row[1] == 2]
    house.put_back("versions", before + now)
    check_damaged(house.opens)


def test_a_credential_that_is_missing_is_missed(house: House) -> None:
    house.edit("DELETE FROM credentials")
    check_damaged(house.opens)


def test_an_envelope_that_does_not_open_is_an_alarm_although_its_row_is_sound(house: House) -> None:
    other = canary_key()
    another = house.vault.deposit(ticket_order(AT), other)
    rows = house.vault.stores.credentials._version_rows
    (theirs,) = [rows.read(row) for row in house.rows("versions") if row[0] == another]
    (ours,) = [rows.read(row) for row in house.rows("versions") if row[0] == house.credential]
    forged = rows.row(structs.replace(ours, envelope=theirs.envelope))
    house.edit(
        "UPDATE versions SET envelope = ?, mac = ? WHERE credential = ?",
        forged["envelope"],
        forged["mac"],
        house.credential,
    )
    check_damaged(house.opens)


def test_a_damaged_credential_is_listed_without_words_and_can_be_revoked(house: House) -> None:
    house.edit("UPDATE versions SET last_four = 'evil'")
    (shown,) = house.list().items
    assert (shown.state, shown.last_four, shown.origin) == (CredentialState.DAMAGED, "", "")
    house.vault.ask(Revoke(**owner(AT), credential=house.credential))
    assert house.list().items == ()
    assert house.rows("versions") == []


def test_a_row_under_an_id_that_was_never_seen_is_not_listed_and_cannot_be_revoked(house: House) -> None:
    planted = new_id("cred")
    (row,) = house.rows("credentials")
    house.edit(f"INSERT INTO credentials VALUES ({','.join('?' * len(row))})", planted, *row[1:])
    assert [each.credential for each in house.list().items] == [house.credential]
    with pytest.raises(RefusedError, match="unknown_credential"):
        house.vault.ask(Revoke(**owner(AT), credential=planted))


def test_an_altered_count_of_opens_counts_as_none(house: House) -> None:
    house.opens()
    house.vault.stores.opens.flush()
    house.edit("UPDATE opens SET count = 7")
    (shown,) = house.list().items
    assert not shown.last_opened_at
    assert "alarm_row table=opens" in house.vault.log.getvalue()


def test_a_pepper_that_is_missing_is_an_alarm_and_no_new_pepper(house: House) -> None:
    house.edit("DELETE FROM peppers")
    check_damaged(lambda: house.vault.ask(AskPseudonym(**owner(AT), subject="somebody")))
    assert house.rows("peppers") == []


def test_an_altered_ticket_is_worth_nothing_and_hinders_no_other(house: House) -> None:
    altered = house.vault.issue(ticket_order(AT)).ticket
    house.edit("UPDATE tickets SET origin = ? WHERE used_at IS NULL", EVIL_ORIGIN)
    sound = house.vault.issue(ticket_order(AT))
    with pytest.raises(TicketRefusedError) as refused:
        house.vault.deposits.plan(altered, house.vault.clock.now_s)
    assert refused.value.code == "damaged"
    assert sound.credential in {each.credential for each in house.list().items}


def test_of_two_uses_of_one_ticket_at_once_the_second_changes_nothing(house: House) -> None:
    tickets, database = house.vault.stores.tickets, house.vault.foundation.database
    ticket = house.vault.issue(ticket_order(AT)).ticket
    record = tickets.look(ticket, house.vault.clock.now_s)
    with database.transaction() as connection:
        tickets.use(connection, record, 1.0)
    with pytest.raises(TicketRefusedError) as refused, database.transaction() as connection:
        tickets.use(connection, record, 2.0)
    assert refused.value.code == "used"
    assert [row[-2] for row in house.rows("tickets") if row[0] == record.ticket_hash] == [1.0]


def test_a_ticket_for_altered_sealing_keys_shows_none(house: House) -> None:
    ticket = house.vault.issue(ticket_order(AT)).ticket
    house.edit("UPDATE keyring SET public_key = zeroblob(32)")
    with pytest.raises(TicketRefusedError) as refused:
        house.vault.deposits.plan(ticket, house.vault.clock.now_s)
    assert refused.value.code == "damaged"


def test_a_ticket_for_a_destination_that_is_no_more_is_worth_nothing(tmp_path: Path) -> None:
    at = Addresses(AT.organization, AT.application, origin=EVIL_ORIGIN)
    with StillVault(tmp_path) as vault:
        ticket = vault.issue(ticket_order(at)).ticket
    with StillVault(tmp_path, destinations=()) as again, pytest.raises(TicketRefusedError) as refused:
        again.deposits.plan(ticket, again.clock.now_s)
    assert refused.value.code == "destination_gone"


def test_a_lease_for_a_credential_that_is_none_is_not_renewed(house: House) -> None:
    with pytest.raises(RefusedError, match="no_credential"):
        house.vault._opener.handle(_peer(), Renew(credential=new_id("cred"), version=1))


def test_an_altered_keyring_keeps_its_old_epochs_and_the_pass_goes_on(house: House) -> None:
    at = Addresses(new_id("org"), new_id("app"))
    other = house.vault.deposit(ticket_order(at), canary_key())
    for organization in (AT.organization, at.organization):
        house.vault.epochs.rotate(organization)
    house.edit("UPDATE keyring SET epoch = 7 WHERE organization = ? AND epoch = 2", AT.organization)
    for _step in house.vault.epochs.pieces():
        pass
    held = [(row[1], row[2]) for row in house.rows("keyring")]
    assert (AT.organization, 1) in held
    assert (at.organization, 1) not in held
    assert house.vault.opens(at, other)


def test_a_standing_only_grows_and_what_is_erased_stands_no_more(house: House) -> None:
    witness = house.vault.foundation.witness
    standing = witness.standing(house.credential)
    assert standing is not None
    with pytest.raises(ValueError, match="only grows"), witness.change(house.credential, 1, "active"):
        pass
    with witness.change(house.credential, standing.version + 1, "erased"):
        pass
    with (
        pytest.raises(ValueError, match="is erased"),
        witness.change(house.credential, standing.version + 2, "active"),
    ):
        pass


class _OtherRecord(Struct, frozen=True):
    credential: str


def test_a_record_that_does_not_mirror_its_table_is_a_fault_of_ours() -> None:
    seal = RowSeal(bytes(32), NullLog(EVENTS))
    with pytest.raises(TypeError, match="does not mirror"):
        SealedTable(OPENS, _OtherRecord, seal)
    assert repr(seal) == "<RowSeal>"


def test_an_alarm_names_no_subject_that_could_be_anything(house: House) -> None:
    house.edit("UPDATE credentials SET credential = 'x\ny'")
    house.list()
    assert "alarm_row table=credentials subject=unnamed" in house.vault.log.getvalue()
    with pytest.raises(AlarmError, match="unnamed"):
        raise house.vault.foundation.seal.alarm("credentials", b"\xff")


def test_a_pepper_that_does_not_unwrap_is_an_alarm_although_its_row_is_sound(house: House) -> None:
    rows = house.vault.stores.peppers._rows
    (row,) = house.rows("peppers")
    record = rows.read(row)
    forged = rows.row(structs.replace(record, ciphertext=bytes(len(record.ciphertext))))
    house.edit("UPDATE peppers SET ciphertext = ?, mac = ?", forged["ciphertext"], forged["mac"])
    check_damaged(lambda: house.vault.ask(AskPseudonym(**owner(AT), subject="somebody")))
    assert "alarm_row table=peppers" in house.vault.log.getvalue()


def test_a_credential_that_nobody_awaits_cannot_be_called_off(house: House) -> None:
    with pytest.raises(RefusedError, match="unknown_credential"):
        house.vault.ask(Revoke(**owner(AT), credential=new_id("cred")))


def test_a_credential_of_another_application_cannot_be_revoked_by_knowing_its_id(house: House) -> None:
    with pytest.raises(RefusedError, match="unknown_credential"):
        house.vault.ask(Revoke(**owner(Addresses()), credential=house.credential))
    assert house.opens() == house.key
