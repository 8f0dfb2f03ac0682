"""Erasures that a full disk, a backup or a power cut stands in the way of: shut at once, finished later."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sealgate.messages.erasing import ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.vault import erasures
from sealgate.vault.anchor import Entry
from sealgate.vault.faults import StorageError
from sealgate.vault.receipts import key_of, verify
from sealgate.vault.witness import ERASED
from tests.vault.deployment import canary_key, ticket_order
from tests.vault.erased_house import KINDS, House
from tests.vault.still import StillVault


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with house.vault:
        yield house


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
