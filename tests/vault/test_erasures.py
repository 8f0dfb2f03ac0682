"""Erasure: everything of a credential, an application or an organization is destroyed, and stays so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.messages.erasing import Erase, Erased, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.messages.operating import AskReceiptKey, ReceiptKeyShown
from sealgate.messages.tickets import AskPseudonym, Credentials, ListCredentials
from sealgate.vault.faults import AlarmError
from sealgate.vault.receipts import key_of, verify
from sealgate.vault.tickets import TicketRefusedError
from tests.vault.deployment import Addresses, Deployment, canary_key, owner, ticket_order, vault_config
from tests.vault.erased_house import KINDS, House
from tests.vault.still import StillVault
from tests.vault.test_operator import connected

TABLES = ("credentials", "versions", "opens", "tickets", "keyring", "peppers")


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
