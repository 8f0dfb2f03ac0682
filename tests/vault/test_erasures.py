"""Erasure: everything of a credential, an application or an organization is destroyed, and stays so."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase, Erased, ErasureKind, Receipts
from sealgate.messages.frames import RefusedError
from sealgate.messages.operating import AskReceiptKey, ReceiptKeyShown
from sealgate.messages.tickets import AskPseudonym, Credentials, ListCredentials
from sealgate.vault import erasures
from sealgate.vault.administrators import ENROLLED_WHOLE
from sealgate.vault.anchor import Entry
from sealgate.vault.faults import AlarmError, StorageError
from sealgate.vault.receipts import key_of, verify
from sealgate.vault.tickets import TicketRefusedError
from sealgate.vault.witness import ERASED
from tests.vault.deployment import Addresses, Deployment, canary_key, owner, ticket_order, vault_config
from tests.vault.still import StillVault
from tests.vault.test_operator import connected

KINDS = list(ErasureKind)
TABLES = ("credentials", "versions", "opens", "tickets", "keyring", "peppers")


class House:
    """A vault with an application that is to go, and a neighbour of the same organization that stays."""

    def __init__(self, folder: Path) -> None:
        self.vault = StillVault(folder)
        self.at = Addresses(new_id("org"), new_id("app"))
        self.key = canary_key()
        self.credential = self.vault.deposit(ticket_order(self.at), self.key)
        self.beside = Addresses(self.at.organization, new_id("app"))
        self.beside_key = canary_key()
        self.beside_credential = self.vault.deposit(ticket_order(self.beside), self.beside_key)
        self.other = Addresses(new_id("org"), new_id("app"))
        self.other_key = canary_key()
        self.other_credential = self.vault.deposit(ticket_order(self.other), self.other_key)

    def subject(self, kind: ErasureKind) -> str:
        return {
            ErasureKind.CREDENTIAL: self.credential,
            ErasureKind.APPLICATION: self.at.application,
            ErasureKind.ORGANIZATION: self.at.organization,
        }[kind]

    def order(self, kind: ErasureKind) -> Erase:
        application = self.at.application if kind is ErasureKind.CREDENTIAL else ""
        return Erase(
            kind=kind, subject=self.subject(kind), organization=self.at.organization, application=application
        )

    def erase(self, kind: ErasureKind) -> Erased:
        answer = self.vault.ask(self.order(kind))
        assert isinstance(answer, Erased)
        return answer

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return list(self.vault.foundation.database._driver.execute(f"SELECT * FROM {table}"))

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        with closing(sqlite3.connect(self.vault.config.data_dir / "vault.db")) as hand, hand:
            hand.execute(statement, values)

    def put_back(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ",".join("?" * len(rows[0]))
        for row in rows:
            self.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with house.vault:
        yield house


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_erased_opens_no_more_and_the_rest_does(house: House, kind: ErasureKind) -> None:
    house.erase(kind)
    with pytest.raises(RefusedError, match="no_credential"):
        house.vault.opens(house.at, house.credential)
    if kind is not ErasureKind.ORGANIZATION:
        assert house.vault.opens(house.beside, house.beside_credential) == house.beside_key
    assert house.vault.opens(house.other, house.other_credential) == house.other_key


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_holds_a_byte_of_what_was_erased(tmp_path: Path, kind: ErasureKind) -> None:
    house = House(tmp_path)
    with house.vault:
        house.vault.ready(ticket_order(house.at, house.credential, stage=True), canary_key())
        house.vault.opens(house.at, house.credential)
        house.vault.stores.opens.flush()
        (version,) = [row for row in house.rows("versions") if row[0] == house.credential]
        _, _, _, _, envelope, fingerprint, *_ = version
        needles = [envelope, envelope[18:50], envelope[-32:], fingerprint.encode()]
        if kind is ErasureKind.ORGANIZATION:
            pairs = [row for row in house.rows("keyring") if row[1] == house.at.organization]
            needles += [row[5] for row in pairs] + [row[6] for row in pairs]
            needles += [row[1] for row in house.rows("peppers") if row[0] == house.at.organization]
        assert all(_found(tmp_path, needle) for needle in needles), "the control: they were there"
        house.erase(kind)
        assert [needle for needle in needles if _found(tmp_path, needle)] == []
    assert [needle for needle in needles if _found(tmp_path, needle)] == []


def _found(folder: Path, needle: bytes) -> bool:
    return any(needle in path.read_bytes() for path in (folder / "data").glob("vault.db*"))


def test_the_names_and_the_last_four_characters_go_too(tmp_path: Path) -> None:
    at = Addresses(new_id("org"), new_id("app"))
    with StillVault(tmp_path) as vault:
        vault.deposit(ticket_order(at), canary_key()[:-4] + b"%~^|")
        needles = (b"Larkspur Press", b"Newsletter", b"%~^|")
        assert all(_found(tmp_path, needle) for needle in needles)
        vault.erasures.answer(Erase(kind=ErasureKind.ORGANIZATION, subject=at.organization))
        assert [needle for needle in needles if _found(tmp_path, needle)] == []


def test_a_planted_row_named_like_something_else_goes_and_ends_nothing_else(house: House) -> None:
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


@pytest.mark.parametrize("kind", KINDS)
def test_rows_put_back_from_before_an_erasure_never_open(house: House, kind: ErasureKind) -> None:
    before = {table: house.rows(table) for table in TABLES}
    house.erase(kind)
    for table, rows in before.items():
        if rows:
            house.put_back(table, rows)
    with pytest.raises((RefusedError, AlarmError)):
        house.vault.opens(house.at, house.credential)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_deposited_under_an_erased_id(house: House, kind: ErasureKind) -> None:
    replacing = kind is ErasureKind.CREDENTIAL
    order = ticket_order(house.at, house.credential if replacing else None)
    ready = house.vault.ready(order, canary_key())
    tickets = house.rows("tickets")
    house.erase(kind)
    with pytest.raises(TicketRefusedError):
        ready()
    house.put_back("tickets", tickets)
    with pytest.raises(TicketRefusedError):
        ready()
    with pytest.raises(RefusedError, match="unknown_credential" if replacing else "erased"):
        house.vault.ask(order)


@pytest.mark.parametrize("kind", KINDS)
def test_a_receipt_says_what_was_erased_and_is_signed_by_the_vault(house: House, kind: ErasureKind) -> None:
    envelopes = {row[0]: hashlib.sha256(row[4]).hexdigest() for row in house.rows("versions")}
    erased = house.erase(kind)
    receipt = verify(erased.signed, key_of(house.vault.erasures.public_key()))
    assert (receipt.kind, receipt.subject) == (kind.value, house.subject(kind))
    assert receipt.instance == house.vault.config.instance
    expected = {house.credential} | ({house.beside_credential} if kind is ErasureKind.ORGANIZATION else set())
    assert {each.credential: each.sha256 for each in receipt.envelopes} == {
        name: envelopes[name] for name in expected
    }
    assert (receipt.credentials, receipt.versions) == (len(expected), len(expected))
    assert [each.version for each in receipt.kek_versions] == [house.vault.foundation.kek.version]
    assert receipt.final_at is None
    assert receipt.final_by == "2027-02-14T08:00:00Z"  # the clock's 15 January, and 30 days


@pytest.mark.parametrize("kind", KINDS)
def test_erasing_again_gives_the_same_receipt(house: House, kind: ErasureKind) -> None:
    first = house.erase(kind)
    assert house.erase(kind).erasure.receipt == first.erasure.receipt


def test_a_credential_that_went_with_its_application_has_that_receipt(house: House) -> None:
    whole = house.erase(ErasureKind.APPLICATION)
    assert house.erase(ErasureKind.CREDENTIAL).erasure.receipt == whole.erasure.receipt


def test_a_revoked_credential_is_erased_with_its_mask(house: House) -> None:
    house.vault.stores.credentials.revoke(
        house.at.organization, house.at.application, house.credential, house.vault.clock()
    )
    receipt = verify(house.erase(ErasureKind.CREDENTIAL).signed, key_of(house.vault.erasures.public_key()))
    assert [each.sha256 for each in receipt.envelopes] == [""]
    assert house.credential not in {row[0] for row in house.rows("versions")}


def test_a_credential_that_is_awaited_is_erased_too(house: House) -> None:
    ready = house.vault.ready(ticket_order(house.beside), canary_key())
    listed = house.vault.ask(ListCredentials(**owner(house.beside)))
    assert isinstance(listed, Credentials)
    awaited = next(each.credential for each in listed.items if each.state == "awaited")
    erased = house.vault.ask(
        Erase(kind=ErasureKind.CREDENTIAL, subject=awaited, organization=house.at.organization)
    )
    assert isinstance(erased, Erased)
    assert (erased.erasure.credentials, erased.erasure.versions) == (1, 0)
    with pytest.raises(TicketRefusedError):
        ready()


def test_an_application_that_the_vault_never_had_is_closed_for_the_console(house: House) -> None:
    at = Addresses(house.at.organization, new_id("app"))
    order = Erase(kind=ErasureKind.APPLICATION, subject=at.application, organization=at.organization)
    house.vault.ask(order)
    with pytest.raises(RefusedError, match="erased"):
        house.vault.ask(ticket_order(at))


def test_an_organization_without_a_trace_is_closed_for_its_console(house: House) -> None:
    organization = new_id("org")
    order = Erase(kind=ErasureKind.ORGANIZATION, subject=organization, organization=organization)
    house.vault.ask(order)
    with pytest.raises(RefusedError, match="erased"):
        house.vault.ask(ticket_order(Addresses(organization, new_id("app"))))


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_may_leave_out_whose_it_is(house: House, kind: ErasureKind) -> None:
    erased = house.vault.erasures.answer(Erase(kind=kind, subject=house.subject(kind)))
    assert isinstance(erased, Erased)
    assert erased.erasure.organization == house.at.organization


@pytest.mark.parametrize("kind", KINDS)
def test_an_operators_slip_of_an_id_erases_nothing(house: House, kind: ErasureKind) -> None:
    unknown = new_id({"credential": "cred", "application": "app", "organization": "org"}[kind.value])  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match=f"unknown_{kind.value}"):
        house.vault.erasures.answer(Erase(kind=kind, subject=unknown))


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_elses_is_erased(house: House, kind: ErasureKind) -> None:
    order = Erase(
        kind=kind, subject=house.subject(kind), organization=house.other.organization, application=""
    )
    with pytest.raises(RefusedError, match=f"unknown_{kind.value}"):
        house.vault.ask(order)
    assert house.vault.opens(house.at, house.credential) == house.key
    house.erase(kind)
    with pytest.raises(RefusedError, match=f"unknown_{kind.value}"):
        house.vault.ask(order)


@pytest.mark.parametrize(
    "order",
    [
        Erase(kind=ErasureKind.CREDENTIAL, subject="cred_x", organization="org_" + "a" * 20),
        Erase(kind=ErasureKind.APPLICATION, subject="org_" + "a" * 20, organization="org_" + "a" * 20),
        Erase(kind=ErasureKind.ORGANIZATION, subject="org_" + "a" * 20, organization="org"),
        Erase(kind=ErasureKind.ORGANIZATION, subject="org_" + "a" * 20),
        Erase(
            kind=ErasureKind.CREDENTIAL,
            subject="cred_" + "a" * 20,
            organization="org_" + "a" * 20,
            application="x",
        ),
        AskReceipt(receipt="rcpt_", organization="org_" + "a" * 20),
        AskReceipts(organization="everybody"),
    ],
    ids=["subject", "other kind's id", "organization", "no organization", "application", "receipt", "list"],
)
def test_malformed_orders_of_the_console_are_refused(house: House, order: Erase | AskReceipt) -> None:
    with pytest.raises(RefusedError, match="malformed"):
        house.vault.ask(order)


def test_a_receipt_is_given_to_its_organization_alone(house: House) -> None:
    receipt = house.erase(ErasureKind.CREDENTIAL).erasure.receipt
    mine = AskReceipt(receipt=receipt, organization=house.at.organization)
    assert isinstance(house.vault.ask(mine), Erased)
    for foreign in (
        AskReceipt(receipt=receipt, organization=house.other.organization),
        AskReceipt(receipt=new_id("rcpt"), organization=house.at.organization),
    ):
        with pytest.raises(RefusedError, match="unknown_receipt"):
            house.vault.ask(foreign)


def test_receipts_are_listed_newest_first_each_for_its_organization(house: House) -> None:
    house.erase(ErasureKind.CREDENTIAL)
    house.erase(ErasureKind.ORGANIZATION)
    house.vault.erasures.answer(Erase(kind=ErasureKind.CREDENTIAL, subject=house.other_credential))
    mine = house.vault.ask(AskReceipts(organization=house.at.organization))
    assert isinstance(mine, Receipts)
    assert [each.kind for each in mine.items] == ["organization", "credential"]
    assert len(house.vault.erasures.rows()) == 3


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


def test_an_open_that_was_counted_before_leaves_no_row_after(house: House) -> None:
    house.vault.opens(house.at, house.credential)
    house.erase(ErasureKind.CREDENTIAL)
    house.vault.stores.opens.flush()
    assert house.rows("opens") == []


def test_after_its_pepper_is_destroyed_nobody_is_known_again(house: House) -> None:
    ask = AskPseudonym(**owner(house.at), subject="u-1")
    house.vault.ask(ask)
    peppers = house.rows("peppers")
    house.erase(ErasureKind.ORGANIZATION)
    with pytest.raises(RefusedError, match="unknown_organization"):
        house.vault.ask(ask)
    house.put_back("peppers", peppers)
    with pytest.raises(RefusedError, match="unknown_organization"):
        house.vault.ask(ask)


def test_an_erased_application_has_no_pseudonyms_any_more(house: House) -> None:
    house.erase(ErasureKind.APPLICATION)
    with pytest.raises(RefusedError, match="unknown_organization"):
        house.vault.ask(AskPseudonym(**owner(house.at), subject="u-1"))


def test_a_listing_of_what_was_erased_is_empty_and_raises_no_alarm(house: House) -> None:
    house.erase(ErasureKind.ORGANIZATION)
    listed = house.vault.ask(ListCredentials(**owner(house.at)))
    assert isinstance(listed, Credentials)
    assert (listed.items, listed.sealing_words) == ((), "")
    assert "alarm" not in house.vault.log.getvalue()


def test_erasing_ends_the_sealing_keys_that_old_envelopes_were_sealed_to(house: House) -> None:
    (key_id,) = {row[3] for row in house.rows("versions") if row[0] == house.credential}
    waits = house.erase(ErasureKind.CREDENTIAL).erasure.waits_for
    assert waits[0] == "sealing-keys"
    house.execute("DELETE FROM tickets")
    for _piece in house.vault.epochs.pieces():
        pass
    assert key_id not in {row[0] for row in house.rows("keyring")}
    (now,) = house.vault.erasures.rows()
    assert now.waits_for == (house.vault.foundation.kek.version,)
    assert house.vault.opens(house.beside, house.beside_credential) == house.beside_key


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


def test_a_full_disk_leaves_it_shut_and_the_next_try_erases_it(house: House) -> None:
    def full(*_words: object) -> Any:
        raise StorageError("SQLITE_FULL")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sealgate.vault.database.Database.transaction", full)
        with pytest.raises(RefusedError, match="vault_unavailable"):
            house.erase(ErasureKind.CREDENTIAL)
    with pytest.raises(RefusedError, match="credential_revoked"):
        house.vault.opens(house.at, house.credential)
    assert house.erase(ErasureKind.CREDENTIAL).signed


def test_while_a_backup_is_being_taken_it_is_not_called_erased(house: House) -> None:
    house.execute("PRAGMA busy_timeout = 0")
    path = house.vault.config.data_dir / "vault.db"
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM versions").fetchall()
        erased = house.erase(ErasureKind.CREDENTIAL)
        assert (erased.erasure.erased_at, erased.signed) == (None, "")
        assert "rows" in erased.erasure.waits_for
        with pytest.raises(RefusedError, match="no_credential"):
            house.vault.opens(house.at, house.credential)
    for _piece in house.vault.erasures.pieces():
        pass
    assert house.erase(ErasureKind.CREDENTIAL).signed


def test_a_broken_database_is_no_emptied_log(house: House) -> None:
    database = house.vault.foundation.database
    closed = sqlite3.connect(":memory:")
    closed.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_driver", closed)
        with pytest.raises(StorageError):
            database.forget_surely()


def test_what_is_not_erased_at_once_is_refused_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "AT_ONCE", 0)
    erased = house.erase(ErasureKind.APPLICATION)
    assert erased.erasure.waits_for[0] == "rows"
    with pytest.raises(RefusedError, match="credential_revoked"):
        house.vault.opens(house.at, house.credential)
    for _piece in house.vault.erasures.pieces():
        pass
    assert house.erase(ErasureKind.APPLICATION).signed


@pytest.mark.parametrize(("in_one_step", "transactions"), [(1, 5), (2, 3), (20, 2)])
def test_many_credentials_go_in_one_transaction_and_each_stays_closed(
    house: House, monkeypatch: pytest.MonkeyPatch, in_one_step: int, transactions: int
) -> None:
    monkeypatch.setattr(erasures, "IN_ONE_STEP", in_one_step)
    more = [house.vault.deposit(ticket_order(house.at), canary_key()) for _ in range(3)]
    witness = house.vault.foundation.witness
    ends: list[tuple[Entry, ...]] = []
    append = witness._anchor.append

    def noted(*entries: Entry) -> None:
        if entries[0].state == ERASED:
            ends.append(entries)
        append(*entries)

    monkeypatch.setattr(witness._anchor, "append", noted)
    signed = house.erase(ErasureKind.APPLICATION).signed
    receipt = verify(signed, key_of(house.vault.erasures.public_key()))
    assert {each.credential for each in receipt.envelopes} == {house.credential, *more}
    assert all(witness.is_erased(name) for name in (house.credential, *more))
    assert [len(ends), sum(map(len, ends))] == [transactions, 5]  # four credentials, and the application


PLACES = {
    "before the first change": "sealgate.vault.erasure_records.ErasureRecords.add",
    "in a step": "sealgate.vault.erasure_records.ErasureRecords.note",
    "between database and anchor": "sealgate.vault.anchor.Anchor.append",
    "after the first change": "sealgate.vault.erasures.Erasures._work",
    "before the last change": "sealgate.vault.erasures.Erasures._finish",
    "before the log is emptied": "sealgate.vault.database.Database.forget_surely",
    "before it is noted": "sealgate.vault.erasure_records.ErasureRecords.put",
    "before it is signed": "sealgate.vault.receipt_key.ReceiptKey.sign",
}


def _power_cut(*_words: object, **_options: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_power_cut_in_any_step_is_finished_by_the_next_start(
    tmp_path: Path, kind: ErasureKind, place: str
) -> None:
    house = House(tmp_path)
    with house.vault, pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, _power_cut)
        with pytest.raises(KeyboardInterrupt):
            house.erase(kind)
    with StillVault(tmp_path) as again:
        again.erasures.resume()
        for _piece in again.erasures.pieces():
            pass
        begun = [each for each in again.erasures.rows() if each.erased_at is not None]
        if not begun:  # it was cut before anything was written: nothing happened at all
            assert again.opens(house.at, house.credential) == house.key
        again.ask(house.order(kind))
        with pytest.raises(RefusedError, match="no_credential"):
            again.opens(house.at, house.credential)
        assert len(again.erasures.rows()) == 1
        assert again.opens(house.other, house.other_credential) == house.other_key


async def test_the_pass_goes_on_after_a_fault_and_warns_of_what_is_due(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "AGAIN_AFTER_S", 0.0)
    monkeypatch.setattr(erasures, "IDLE_S", 0.0)
    monkeypatch.setattr(erasures, "AT_ONCE", 0)
    house.erase(ErasureKind.APPLICATION)
    house.vault.clock.now_s += 25 * 86_400
    whole: Callable[..., None] = house.vault.foundation.database.forget_surely
    fails = iter([True, True])

    def forget() -> None:
        if next(fails, False):
            raise StorageError("busy")
        whole()

    monkeypatch.setattr(house.vault.foundation.database, "forget_surely", forget)
    task = asyncio.create_task(house.vault.erasures.run())
    async with asyncio.timeout(10):
        while "erasure_due" not in house.vault.log.getvalue():
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    text = house.vault.log.getvalue()
    assert text.count("erasure_paused error=StorageError") == 2
    assert text.count("erasure_due") == 1
    assert "days=5" in text or "days=4" in text


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


@pytest.mark.parametrize("kind", KINDS)
async def test_an_erasure_of_which_no_record_is_left_is_noticed_and_stops_no_other(
    house: House, kind: ErasureKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "AT_ONCE", 0)
    house.erase(kind)
    house.execute("DELETE FROM erasures")
    with pytest.raises(AlarmError):
        house.vault.erasures.rows()
    another = house.vault.ask(
        Erase(
            kind=ErasureKind.ORGANIZATION,
            subject=house.other.organization,
            organization=house.other.organization,
        )
    )
    assert isinstance(another, Erased)
    house.vault.log.truncate(0)
    task = asyncio.create_task(house.vault.erasures.run())
    async with asyncio.timeout(10):
        while f" erased receipt={another.erasure.receipt}" not in house.vault.log.getvalue():
            await asyncio.sleep(0)
    task.cancel()
    assert f"alarm_row table=erasures subject={house.subject(kind)}" in house.vault.log.getvalue()


def test_a_promise_without_a_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="erasure_final_days"):
        vault_config(tmp_path, erasure_final_days=0)


async def test_an_operator_erases_over_the_socket_and_proxies_hear_of_it(vault: Deployment) -> None:
    at = Addresses()
    credential = await vault.sealed_key(at, canary_key())
    await vault.notice()
    async with connected(vault.config) as client:
        erased = await client.ask(Erase(kind=ErasureKind.CREDENTIAL, subject=credential))
        shown = await client.ask(AskReceiptKey())
    assert isinstance(erased, Erased)
    assert isinstance(shown, ReceiptKeyShown)
    assert verify(erased.signed, key_of(shown.public_key)).subject == credential
    notice = await vault.notice()
    assert (notice.credential, notice.event) == (credential, "revoked")


def test_the_anchor_lets_nothing_that_is_erased_stand_again(house: House) -> None:
    house.erase(ErasureKind.CREDENTIAL)
    witness = house.vault.foundation.witness
    with pytest.raises(ValueError, match="is erased"), witness.change(house.credential, 99, "active"):
        pass
