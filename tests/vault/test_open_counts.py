"""Opens by credential, proxy and minute: counted, written, kept for their days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.messages.auditing import AskOpens, OpensHour, OpensPage
from sealgate.messages.client import Client
from sealgate.messages.erasing import Erase, Erased, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.vault.faults import StorageError
from sealgate.vault.open_counts import AT_ONCE, NAMES_LIMIT, CountPages, HourRecord, OpenCounts, minutes_of
from tests.vault.audits import edit, operator
from tests.vault.deployment import Addresses, Clock, Deployment, canary_key, owner
from tests.vault.still import StillVault

HOUR = 500_000
NOW_S = HOUR * 3600.0


def counted(vault: StillVault, credential: str = "") -> list[HourRecord]:
    pages = CountPages(vault.foundation.database, vault.foundation.seal)
    return pages.page(credential, 0, 0)[0]


def counts_of(vault: StillVault, days: float = 30) -> OpenCounts:
    return OpenCounts(vault.foundation.database, vault.foundation.seal, days)


async def hours(client: Client, **asked: Any) -> tuple[OpensHour, ...]:
    answer = await client.ask(AskOpens(**asked))
    assert isinstance(answer, OpensPage)
    return answer.items


async def test_each_open_and_each_refusal_is_counted_in_its_minute(
    vault: Deployment, at: Addresses, clock: Clock
) -> None:
    clock.now_s = NOW_S + 61
    credential = await vault.sealed_key(at, canary_key())
    for _ in range(3):
        await vault.open(at, credential)
    clock.now_s += 120
    await vault.open(at, credential)
    with pytest.raises(RefusedError):
        await vault.open(Addresses(at.organization), credential)
    with pytest.raises(RefusedError):
        await vault.open(at, new_id("cred"))
    with pytest.raises(RefusedError):
        await vault.open(at, "audit")
    async with operator(vault.config) as client:
        found = {each.credential: each for each in await hours(client)}
        (only,) = await hours(client, credential=credential)
        assert await hours(client, since=clock.now_s + 3600) == ()
        with pytest.raises(RefusedError, match="malformed"):
            await client.ask(AskOpens(credential="x"))
    assert found[credential] == only
    assert (only.began_at, only.proxy.startswith("prx_")) == (NOW_S, True)
    assert (only.opened[:4], sum(only.opened)) == ((0, 3, 0, 1), 4)
    assert (only.refused[3], sum(only.refused)) == (1, 1)
    assert sum(found[""].refused) == 2
    assert set(found) == {credential, ""}


def test_what_is_written_twice_in_an_hour_is_summed(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault)
        for _ in range(2):
            counts.note("cred_a", 1, "prx", NOW_S)
            counts.note("cred_a", 1, "prx", NOW_S + 59 * 60, refused=True)
            counts.flush(NOW_S)
        (record,) = counted(vault)
        assert minutes_of(record).opened[0] == 2
        assert minutes_of(record).refused[59] == 2


def test_a_full_disk_loses_no_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault)
        counts.note("cred_a", 1, "prx", NOW_S)
        with monkeypatch.context() as patch:
            patch.setattr("sealgate.vault.database.Database.transaction", _fails)
            with pytest.raises(StorageError):
                counts.flush(NOW_S)
        counts.note("cred_a", 1, "prx", NOW_S)
        counts.flush(NOW_S)
        assert minutes_of(counted(vault)[0]).opened[0] == 2


def test_counts_that_are_too_old_are_removed(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault, days=2)
        counts.note("cred_a", 1, "prx", NOW_S)
        counts.flush(NOW_S)
        counts.flush(NOW_S + 47 * 3600)
        assert len(counted(vault)) == 1
        counts.flush(NOW_S + 50 * 3600)
        assert counted(vault) == []


def test_names_that_a_proxy_makes_up_are_bounded_and_counted_together(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault)
        for number in range(NAMES_LIMIT + 50):
            counts.note("", 1, f"prx{number}", NOW_S)
        counts.note("", 1, "prx0", NOW_S)
        counts.note("", 1, "later", NOW_S + 3600)
        counts.flush(NOW_S)
        found = {record.proxy: sum(minutes_of(record).opened) for record in counted(vault)}
        assert (len(found), found["others"], found["prx0"], found["later"]) == (NAMES_LIMIT + 2, 50, 2, 1)


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealgate.vault.open_counts.WAITING_LIMIT", 10)
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault)
        for number in range(30):
            counts.note(f"cred_{number}", 1, "prx", NOW_S)
        counts.flush(NOW_S)
        found = {record.credential: sum(minutes_of(record).opened) for record in counted(vault)}
        assert (len(found), found[""]) == (11, 20)


def test_many_rows_are_written_and_read_in_pieces(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault)
        for number in range(700):
            counts.note(f"cred_{number:04}", 1, "prx", NOW_S)
        assert len(list(counts.pieces(NOW_S))) == 700 / AT_ONCE + 1
        pages = CountPages(vault.foundation.database, vault.foundation.seal)
        first, following = pages.page("", 0, 0)
        assert (len(first), following) == (300, 300)
        second, following = pages.page("", 0, following)
        third, end = pages.page("", 0, following)
        assert (len(second), len(third), end) == (300, 100, 0)


def test_what_is_erased_while_counts_are_written_is_not_written(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault)
        for number in range(501):
            counts.note(f"cred_{number:04}", 1, "prx", NOW_S)
        pieces = counts.pieces(NOW_S)
        next(pieces)
        counts.drop({"cred_0500"})
        list(pieces)
        assert len(counted(vault, "cred_0499")) == 1
        assert counted(vault, "cred_0500") == []


def test_an_edited_row_is_an_alarm_and_is_counted_anew(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        counts = counts_of(vault)
        counts.note("cred_a", 1, "prx", NOW_S)
        counts.flush(NOW_S)
        edit(vault.config.data_dir / "vault.db", "UPDATE opens_by_hour SET minutes = x'00'")
        assert counted(vault) == []
        assert "alarm_row table=opens_by_hour" in vault.log.getvalue()
        counts.note("cred_a", 1, "prx", NOW_S)
        counts.flush(NOW_S)
        assert minutes_of(counted(vault)[0]).opened[0] == 1


async def test_what_is_erased_has_no_counts_any_more(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    await vault.open(at, credential)
    async with operator(vault.config) as client:
        assert len(await hours(client, credential=credential)) == 1
        await vault.open(at, credential)
        await vault.ask(Erase(kind=ErasureKind.CREDENTIAL, subject=credential, **owner(at)), Erased)
        assert await hours(client, credential=credential) == ()


def _fails(*_args: object) -> Any:
    raise StorageError("OperationalError")


def test_of_opens_what_is_dropped_or_comes_meanwhile_is_written_neither_twice_nor_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.opens.AT_ONCE", 2)
    with StillVault(tmp_path) as vault:
        opens = vault.stores.opens
        for name in "abcde":
            opens.note(name, NOW_S)
        writing = opens.pieces()
        next(writing)
        opens.note("a", NOW_S + 1)
        opens.note("c", NOW_S + 1)
        for name in "cde":
            opens.drop(name)
        assert len(list(writing)) == 2
        assert [opens.of(name).count for name in "abcde"] == [2, 1, 0, 0, 0]
        opens.flush()
        assert opens.of("a").count == 2
