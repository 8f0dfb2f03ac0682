"""How an exchange ends when something else than its answer ends it."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from sealgate.messages.feed import Outcome
from sealgate.messages.opening import CredentialEvent
from sealgate.policy.document import Limits
from tests.proxy.world import World, prompt, until

CLOSE_LIMIT_S = 0.05


async def _ended_within(world: World, since_s: float) -> float:
    await until(lambda: world.provider.calls[0].ended_by == "client_left")
    return world.provider.calls[0].ended_s - since_s


async def test_a_client_that_closes_ends_the_call_within_50_ms_and_is_estimated(world: World) -> None:
    browser = await world.stream()
    since_s = time.monotonic()
    browser.close()
    assert await _ended_within(world, since_s) <= CLOSE_LIMIT_S
    record = await world.record()
    assert (record.outcome, record.estimated, record.status) == (Outcome.CANCELLED, True, 200)
    assert record.output_tokens >= 2


async def test_a_client_that_closes_politely_ends_the_call_within_50_ms(world: World) -> None:
    browser = await world.stream()
    since_s = time.monotonic()
    browser.writer.close()  # a FIN with nothing unread: the same first packet as a half-close
    assert await _ended_within(world, since_s) <= CLOSE_LIMIT_S


@pytest.mark.parametrize("politely", [True, False])
async def test_a_client_that_leaves_before_the_first_byte_ends_the_call(world: World, politely: bool) -> None:
    browser = await world.browser()
    browser.send(world.request(prompt("hang", stream=True)))
    await world.provider.started.wait()
    since_s = time.monotonic()
    browser.writer.close() if politely else browser.close()
    assert await _ended_within(world, since_s) <= CLOSE_LIMIT_S
    assert (await world.record()).status == 0


async def test_a_half_closed_client_gets_its_whole_answer(world: World) -> None:
    browser = await world.browser()
    browser.send(world.request(prompt("wait", stream=True)))
    await world.provider.started.wait()
    browser.writer.write_eof()
    await until(lambda: any(each._half_closed for each in world.running.listener.connections))
    world.provider.gate.set()
    answer = await browser.answer()
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert (await world.record()).outcome is Outcome.COMPLETED


async def test_a_revoked_credential_cuts_what_runs_on_it_within_a_second(world: World) -> None:
    browser = await world.stream()
    since_s = time.monotonic()
    world.vault.revoke(world.credential)
    rest = (await browser.answer_body()).decode()
    assert time.monotonic() - since_s < 1.0
    assert '"code":"revoked"' in rest
    assert '"who":"administrator"' in rest
    assert "[DONE]" not in rest
    assert (await world.record()).outcome is Outcome.REVOKED
    again = await world.chat()
    assert (again.status, again.error["code"], again.error["who"]) == (
        403,
        "credential_revoked",
        "administrator",
    )


async def test_a_replaced_credential_lets_what_runs_end_and_is_opened_anew(world: World) -> None:
    browser = await world.stream()
    world.vault.keys[world.credential] = "sk-the-next-key-00000000000"
    world.vault.revoke(world.credential, CredentialEvent.REPLACED)
    await until(lambda: len(world.running.parts.keys) == 0)
    world.provider.gate.set()
    assert b"[DONE]" in (await browser.answer_body())
    await world.chat()
    assert world.provider.calls[-1].headers["authorization"] == "Bearer sk-the-next-key-00000000000"


@pytest.mark.parametrize("change", ["key revoked", "switched off", "deactivated"])
async def test_a_changed_application_cuts_what_no_longer_holds(world: World, change: str) -> None:
    browser = await world.stream()
    changes: dict[str, dict[str, Any]] = {
        "key revoked": {"session_keys": ()},
        "switched off": {"active": False},
        "deactivated": {"credential": None},
    }
    world.publish(**changes[change])
    assert b'"code":"revoked"' in await browser.answer_body()
    assert (await world.record()).outcome is Outcome.REVOKED


async def test_an_application_that_is_removed_cuts_what_runs_for_it(world: World) -> None:
    browser = await world.stream()
    world.console.remove(world.application)
    assert b'"code":"revoked"' in await browser.answer_body()
    assert (await world.record()).outcome is Outcome.REVOKED


async def test_a_session_key_that_is_revoked_opens_nothing_within_a_second(world: World) -> None:
    token = world.token()
    assert (await world.chat(token=token)).status == 200
    world.publish(session_keys=())
    await until(lambda: world.running.parts.applications.ids()[0][1] == 2, 1.0)
    assert (await world.chat(token=token)).error["code"] == "invalid_session"


async def test_an_application_that_is_removed_opens_nothing(world: World) -> None:
    token = world.token()
    assert (await world.chat(token=token)).status == 200
    world.console.remove(world.application)
    await until(lambda: len(world.running.parts.applications) == 0, 1.0)
    assert (await world.chat(token=token)).status == 401


async def test_requests_beyond_the_minutes_allowance_wait_as_long_as_they_are_told(world: World) -> None:
    world.publish(Limits(requests_per_minute=2))
    token = world.token()
    first, second, third = [await world.chat(token=token) for _ in range(3)]
    assert (
        first.headers["x-sealgate-remaining-requests"],
        second.headers["x-sealgate-remaining-requests"],
    ) == ("1", "0")
    assert (third.status, third.error["code"], third.error["who"]) == (429, "rate_limited", "time")
    assert 1 <= int(third.headers["retry-after"]) <= 31
    assert (await world.chat(token=world.token(user="user-2"))).status == 200, "another user has their own"


async def test_answers_beyond_the_concurrent_ones_are_refused_until_one_ends(world: World) -> None:
    world.publish(Limits(requests_per_minute=100, concurrent_streams=2))
    token = world.token()
    one = await world.stream(token=token)
    await world.stream(token=token)
    refused = await world.chat(token=token)
    assert (refused.status, refused.error["code"]) == (429, "too_many_streams")
    one.close()
    await until(lambda: len(world.running.parts.running) == 1)
    assert (await world.chat(token=token)).status == 200


async def test_a_client_that_does_not_read_slows_the_provider_down_and_is_let_go(world: World) -> None:
    world.publish(Limits(requests_per_minute=100, idle_s=0.3))
    browser = await world.browser()
    browser.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    browser.reader._transport.pause_reading()  # type: ignore[attr-defined]
    browser.send(world.request(prompt("flood", stream=True)))
    record = await world.record()
    assert record.outcome is Outcome.CANCELLED
    assert world.provider.calls[0].ended_by == "client_left"


async def test_a_connection_that_died_while_idle_is_replaced_once_and_nobody_notices(world: World) -> None:
    assert (await world.chat()).status == 200
    world.provider.close_on_request = True
    answer = await world.chat()
    assert answer.status == 200
    assert world.provider.connections == 2
    await until(lambda: len(world.console.usage) == 2)
    assert world.console.outcomes() == [Outcome.COMPLETED, Outcome.COMPLETED]


async def test_a_connection_to_the_provider_is_used_again(world: World) -> None:
    for _ in range(3):
        await world.chat()
    assert world.provider.connections == 1


async def test_the_key_is_gone_from_the_request_buffer_after_each_request(world: World) -> None:
    await world.chat(prompt(user="x" * 300_000))
    assert "wiped" in repr(world.running.parts.pool.secret_request)
    assert not any(world.running.parts.pool.secret_request._buffer)
