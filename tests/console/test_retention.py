"""Retention: what is too old is gone from the files, daily and at start; and the page that says so."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from sealgate.console.accounts.models import Invitation, Organization, SignIn
from sealgate.console.accounts.services import INVITATION_LIFETIME_S, LONGEST_SIGN_IN_S
from sealgate.console.audit.checking import check_audit
from sealgate.console.days import DAY_S
from sealgate.console.retention import services
from sealgate.console.retention.services import sweep
from sealgate.console.usage.models import Usage
from sealgate.ids import new_id
from tests.console.running import Browser, Running
from tests.console.serving import serving
from tests.console.test_feed import record
from tests.console.test_usage import used


async def requests(world: Running) -> set[str]:
    async with world.console.database.reading() as tx:
        return set(await tx.scalars(select(Usage.request)))


async def set_days(browser: Browser, days: int) -> None:
    answer = await browser.submit("/retention", {"days": str(days)})
    assert answer.status_code == 303, answer.text


async def test_usage_beyond_the_retention_is_deleted_and_the_rest_stays(world: Running, ada: Browser) -> None:
    app, now = await world.application(ada), world.clock()
    old = record(1, app, started_at=now - 30 * DAY_S - 1)
    kept = record(2, app, started_at=now - 30 * DAY_S + 1)
    await used(world, old, kept)
    await set_days(ada, 30)
    swept = await sweep(world.console.database, now)
    assert (await requests(world), swept.usage) == ({kept.request}, 1)
    page = (await ada.get("/retention")).text
    assert 'value="30"' in page
    assert "2023-11-14T22:13:20Z" in page
    assert "<dd>1</dd>" in page


async def test_nothing_of_what_was_deleted_is_left_in_the_files(world: Running, ada: Browser) -> None:
    app, now = await world.application(ada), world.clock()
    await used(world, record(1, app, started_at=now - 400 * DAY_S, pseudonym="psd-canary-of-a-person"))
    folder = world.console.config.data_dir

    def stored() -> bytes:
        return b"".join(file.read_bytes() for file in folder.iterdir())

    assert b"psd-canary" in stored()
    await sweep(world.console.database, now)
    assert b"psd-canary" not in stored()


@pytest.mark.parametrize(("days", "left"), [(0, 1), (365, 0)], ids=["kept for ever", "the usual year"])
async def test_a_retention_of_zero_keeps_and_a_year_is_usual(
    world: Running, ada: Browser, days: int, left: int
) -> None:
    app, now = await world.application(ada), world.clock()
    await used(world, record(1, app, started_at=now - 3_000 * DAY_S))
    if days != 365:
        await set_days(ada, days)
    await sweep(world.console.database, now)
    assert len(await requests(world)) == left


async def test_each_organization_has_its_own(world: Running, ada: Browser) -> None:
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    ours, theirs, now = await world.application(ada), await world.application(eve), world.clock()
    await set_days(ada, 1)
    one, other = (record(1, app, started_at=now - 2 * DAY_S) for app in (ours, theirs))
    await used(world, one)
    await used(world, other)
    await sweep(world.console.database, now)
    assert await requests(world) == {other.request}


async def test_usage_of_nobody_goes_after_a_year(world: Running) -> None:
    now = world.clock()
    await used(world, record(1, new_id("app"), new_id("org"), started_at=now - 366 * DAY_S))
    await sweep(world.console.database, now)
    assert await requests(world) == set()


async def test_many_rows_go_in_several_transactions(
    world: Running, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ROWS_AT_ONCE", 3)
    app, now = await world.application(ada), world.clock()
    await used(world, *(record(number, app, started_at=now - 400 * DAY_S) for number in range(1, 8)))
    assert (await sweep(world.console.database, now)).usage == 7


async def test_between_two_transactions_of_a_deletion_others_have_their_turn(
    world: Running, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(services, "PAUSE_S", 3_600.0)  # it is never waited for
    app, now = await world.application(ada), world.clock()
    await used(world, *(record(number, app, started_at=now - 400 * DAY_S) for number in range(1, 8)))
    sweeping = asyncio.create_task(sweep(world.console.database, now))
    async with asyncio.timeout(10):
        while len(await requests(world)) == 7:
            await asyncio.sleep(0)
    await used(world, late := record(8, app, started_at=now))
    assert len(await requests(world)) == 4 + 1
    assert late.request in await requests(world)
    assert not sweeping.done()
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


async def test_ended_sign_ins_and_invitations_go_and_the_record_of_changes_stays(
    world: Running, ada: Browser
) -> None:
    await ada.submit("/members/invite", {"role": "member"}, page="/members")
    entries = check_audit(world.console.config).entries
    swept = await sweep(world.console.database, world.clock())
    assert (swept.sign_ins, swept.invitations) == (0, 0)
    world.clock.now_s += max(LONGEST_SIGN_IN_S, INVITATION_LIFETIME_S) + 1
    swept = await sweep(world.console.database, world.clock())
    assert (swept.sign_ins, swept.invitations) == (1, 1)
    async with world.console.database.reading() as tx:
        for table in (SignIn, Invitation):
            assert await tx.scalar(select(func.count()).select_from(table)) == 0
    report = check_audit(world.console.config)
    assert (report.sound, report.entries) == (True, entries)


@pytest.mark.parametrize("days", ["", "-1", "3651", "1.5", "1e2", "٣", "x"])
async def test_days_that_cannot_be_meant_are_refused(world: Running, ada: Browser, days: str) -> None:
    answer = await ada.submit("/retention", {"days": days})
    assert answer.status_code == 422
    assert "whole number from 0 to 3,650" in answer.text
    async with world.console.database.reading() as tx:
        assert set(await tx.scalars(select(Organization.retention_days))) == {365}


async def test_a_change_is_recorded_once_and_has_the_next_turn_taken(world: Running, ada: Browser) -> None:
    await set_days(ada, 90)
    await set_days(ada, 90)
    page = (await ada.get("/audit?what=retention.changed")).text
    assert page.count("<strong>90 days") == 1
    assert world.console.housekeeping._wanted.is_set()


async def test_a_running_console_sweeps_at_start_and_when_asked(world: Running, ada: Browser) -> None:
    app, now = await world.application(ada), world.clock()
    turns = asyncio.create_task(world.console.housekeeping.run())
    async with asyncio.timeout(60):
        while "audit_whole" not in world.lines.getvalue():
            await asyncio.sleep(0.01)
        await used(world, record(1, app, started_at=now - 50 * DAY_S))
        await set_days(ada, 10)
        while "swept usage=1" not in world.lines.getvalue():
            await asyncio.sleep(0.01)
    turns.cancel()
    await asyncio.gather(turns, return_exceptions=True)
    assert await requests(world) == set()


async def test_housekeeping_that_is_ended_in_the_moment_of_a_wish_ends(world: Running) -> None:
    turns = asyncio.create_task(world.console.housekeeping.run())
    async with asyncio.timeout(60):
        while "audit_whole" not in world.lines.getvalue():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)  # from its last line to its wait
    world.console.housekeeping.ask()
    asyncio.get_running_loop().call_soon(turns.cancel)
    done, _ = await asyncio.wait({turns}, timeout=10)
    assert done


async def test_the_process_takes_a_turn_when_it_starts() -> None:
    async with serving() as world:
        async with asyncio.timeout(60):
            while "swept" not in world.lines.getvalue():
                await asyncio.sleep(0.01)
