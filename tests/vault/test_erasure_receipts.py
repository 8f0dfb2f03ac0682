"""Orders to erase and receipts: who may ask, what is answered, what is refused."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase, Erased, ErasureKind, Receipts
from sealgate.messages.frames import RefusedError
from sealgate.vault import erasures
from sealgate.vault.faults import AlarmError
from sealgate.vault.receipts import key_of, verify
from tests.vault.erased_house import KINDS, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with house.vault:
        yield house


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
