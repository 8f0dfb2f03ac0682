"""With the vault or the console down, the proxy serves what it may and says who can fix the rest."""

from __future__ import annotations

import asyncio
import stat

import pytest

from sealgate.messages.feed import Outcome
from sealgate.messages.frames import Refusal
from sealgate.proxy.journal import JournalError
from tests.proxy.world import FakeVault, World, until


async def test_with_the_vault_down_and_nothing_held_an_administrator_is_named(stopped: World) -> None:
    await stopped.vault.server.close()
    await stopped.start_proxy()
    await until(lambda: stopped.running.console.connected)
    answer = await stopped.chat()
    assert (answer.status, answer.error["code"], answer.error["who"]) == (
        503,
        "vault_unavailable",
        "administrator",
    )
    assert answer.headers["x-should-retry"] == "false"
    ready = await stopped.admin("/readyz")
    assert (ready.status, ready.json()["connected"]) == (200, {"vault": False, "console": True})


async def test_a_request_of_the_first_moments_waits_for_the_vault(stopped: World) -> None:
    await stopped.vault.server.close()
    await stopped.start_proxy()
    asked = asyncio.ensure_future(stopped.chat())
    await until(lambda: len(stopped.running.parts.running) == 1)
    assert not stopped.running.vault.connected
    await stopped.vault.server.start()
    assert (await asked).status == 200


async def test_with_the_vault_down_an_open_key_serves_until_its_lease_ends(stopped: World) -> None:
    stopped.vault.lease_s = 0.6
    await stopped.start_proxy(credential_cache_s=0.1)
    await stopped.connected()
    assert (await stopped.chat()).status == 200
    await stopped.vault.server.close()
    await until(lambda: not stopped.running.vault.connected)
    assert (await stopped.chat()).status == 200
    await until(lambda: len(stopped.running.parts.keys) == 0)
    assert (await stopped.chat()).error["code"] == "vault_unavailable"


async def test_a_key_is_wiped_when_its_time_is_over(stopped: World) -> None:
    await stopped.start_proxy(credential_cache_s=0.1)
    await stopped.connected()
    await stopped.chat()
    await until(lambda: len(stopped.running.parts.keys) == 0, 1.0)


async def test_a_cache_of_zero_opens_the_key_for_every_request(stopped: World) -> None:
    await stopped.start_proxy(credential_cache_s=0)
    await stopped.connected()
    for _ in range(3):
        assert (await stopped.chat()).status == 200
    assert len(stopped.vault.opens) == 3


async def test_many_first_requests_open_the_key_once(world: World) -> None:
    world.vault.hold = asyncio.Event()
    asking = [asyncio.ensure_future(world.chat()) for _ in range(10)]
    await until(lambda: len(world.vault.opens) == 1 and len(world.running.parts.running) == 10)
    world.vault.hold.set()
    assert {answer.status for answer in await asyncio.gather(*asking)} == {200}
    assert len(world.vault.opens) == 1


async def test_a_key_that_changes_while_it_is_being_opened_is_opened_again(world: World) -> None:
    world.vault.hold = asyncio.Event()
    asking = asyncio.ensure_future(world.chat())
    await until(lambda: len(world.vault.opens) == 1)
    world.vault.revoke(world.credential)
    world.vault.hold.set()
    assert (await asking).error["code"] in {"revoked", "credential_revoked"}
    assert not world.provider.calls


async def test_when_the_vault_comes_back_what_was_revoked_meanwhile_is_cut(world: World) -> None:
    browser = await world.stream()
    await world.vault.server.close()
    await until(lambda: not world.running.vault.connected)
    again = FakeVault(world.runtime)
    await again.server.start()
    try:
        assert b'"code":"revoked"' in await browser.answer_body()
        assert again.renews == [world.credential]
        assert (await world.chat()).error["code"] == "credential_revoked"
    finally:
        await again.server.close()


REFUSALS = {
    "no_credential": (403, "credential_missing"),
    "credential_revoked": (403, "credential_revoked"),
    "credential_damaged": (503, "credential_damaged"),
    "malformed": (503, "vault_unavailable"),
    "open_quota": (503, "open_quota"),
}


@pytest.mark.parametrize("code", REFUSALS)
async def test_each_refusal_of_the_vault_has_its_own_error(world: World, code: str) -> None:
    world.vault.refusal = Refusal(code=code, message="canary words of the vault")
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == REFUSALS[code]
    assert answer.error["who"] == "administrator"
    assert b"canary" not in answer.body


async def test_an_application_that_was_not_activated_says_so(world: World) -> None:
    world.publish(credential=None)
    assert (await world.chat()).error["code"] == "credential_missing"


async def test_an_application_that_is_switched_off_says_so(world: World) -> None:
    world.publish(active=False)
    assert (await world.chat()).error["code"] == "application_inactive"


async def test_with_the_console_down_known_applications_are_served(world: World) -> None:
    assert (await world.chat()).status == 200
    await world.console.server.close()
    await until(lambda: not world.running.console.connected)
    assert (await world.chat()).status == 200


async def test_with_the_console_down_a_restart_serves_the_snapshot(world: World) -> None:
    assert (await world.chat()).status == 200
    await world.stop_proxy()
    await world.console.server.close()
    await world.start_proxy()
    await until(lambda: world.running.vault.connected)
    assert (await world.chat()).status == 200


async def test_the_snapshot_is_the_users_alone_and_holds_no_key(world: World) -> None:
    await world.chat()
    await world.stop_proxy()
    path = world.config.data_dir / "applications.snapshot"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"canary" not in path.read_bytes()


async def test_a_snapshot_that_is_too_old_is_not_served(world: World) -> None:
    await world.chat()
    await world.stop_proxy()
    await world.console.server.close()
    await world.start_proxy(snapshot_age_s=0.001)
    answer = await world.chat()
    assert (answer.status, answer.error["code"], answer.error["who"]) == (
        503,
        "configuration_unavailable",
        "administrator",
    )


@pytest.mark.parametrize("damage", [b"", b"\x00" * 50, b"not msgpack"])
async def test_a_damaged_snapshot_is_ignored(world: World, damage: bytes) -> None:
    await world.chat()
    await world.stop_proxy()
    (world.config.data_dir / "applications.snapshot").write_bytes(damage)
    await world.start_proxy()
    await world.connected()
    assert (await world.chat()).status == 200
    assert "snapshot_refused" in world.log.getvalue()


async def test_an_unknown_application_costs_the_console_one_question(world: World) -> None:
    token = world.token(application="app_" + "a" * 20)
    for _ in range(5):
        assert (await world.chat(token=token)).status == 401
    assert world.console.asked.count("app_" + "a" * 20) == 1


async def test_usage_waits_for_the_console_and_is_then_counted_once(world: World) -> None:
    assert (await world.chat()).status == 200
    await world.record()
    world.console.count_nothing = True
    for _ in range(3):
        assert (await world.chat()).status == 200
    await until(lambda: world.console.batches >= 2)
    await world.stop_proxy()
    world.console.count_nothing = False
    await world.start_proxy()
    await until(lambda: len(world.console.usage) == 4)
    assert len({record.request for record in world.records()}) == 4


async def test_a_full_journal_refuses_and_recovers(stopped: World) -> None:
    stopped.console.count_nothing = True
    await stopped.start_proxy(journal_segment_bytes=16_384, journal_limit_bytes=3 * 16_384)
    await stopped.connected()
    answers = [await stopped.chat() for _ in range(150)]
    assert answers[0].status == 200
    assert (answers[-1].status, answers[-1].error["code"]) == (503, "journal_unavailable")
    assert (await stopped.admin("/readyz")).status == 503
    served = sum(answer.status == 200 for answer in answers)
    stopped.console.count_nothing = False
    await until(lambda: len(stopped.console.usage) == served, 10)
    await until(stopped.running.parts.journal.epoch.ready)
    assert (await stopped.chat()).status == 200
    assert set(stopped.console.outcomes()) == {Outcome.COMPLETED}


async def test_two_proxies_never_share_a_data_folder(world: World) -> None:
    with pytest.raises(JournalError, match="hint: give each proxy its own"):
        await world.start_proxy()


async def test_draining_lets_what_runs_end_and_takes_nothing_new(world: World) -> None:
    browser = await world.stream()
    stopping = asyncio.ensure_future(world.running.stop())
    await until(lambda: world.running.parts.draining)
    world.provider.gate.set()
    assert b"[DONE]" in await browser.answer_body()
    await stopping
    with pytest.raises(OSError, match=r"refused|Connect"):
        await world.chat()
    world.proxy = None
    assert world.console.outcomes() == [Outcome.COMPLETED]


async def test_what_outlasts_the_drain_is_cut_and_counted(world: World) -> None:
    browser = await world.stream()
    await world.stop_proxy()
    assert b'"code":"stopped"' in await browser.answer_body()
    record = await world.record()
    assert (record.outcome, record.estimated) == (Outcome.CANCELLED, True)
