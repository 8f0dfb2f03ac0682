"""Clients that are slow, many, or rude: each is bounded, and none disturbs another."""

from __future__ import annotations

import asyncio

import pytest

from sealgate.policy.document import ENDPOINTS
from tests.proxy.form_writing import TYPE, form
from tests.proxy.world import World, prompt, until


async def test_a_head_that_does_not_end_is_given_up(stopped: World) -> None:
    await stopped.start_proxy(head_s=0.1)
    browser = await stopped.browser()
    browser.send(b"POST /v1/chat/completions HTTP/1.1\r\n")
    answer = await browser.answer()
    assert (answer.status, answer.error["code"]) == (408, "slow_request")
    assert await browser.closed() == b""


async def test_a_body_that_does_not_end_is_given_up(stopped: World) -> None:
    await stopped.start_proxy(body_s=0.1)
    await stopped.connected()
    browser = await stopped.browser()
    browser.send(stopped.request()[:-10])
    answer = await browser.answer()
    assert (answer.status, answer.error["code"]) == (408, "slow_request")
    assert not stopped.running.parts.running


async def test_a_long_body_may_take_longer_and_not_for_ever(stopped: World) -> None:
    """A tenth of a second, and half a second more for its 32 KB."""
    stopped.publish(rules={"endpoints": ENDPOINTS})
    await stopped.start_proxy(body_s=0.1)
    await stopped.connected()
    raw = stopped.request(
        form([("model", "gpt-test"), ("file", ("a.wav", "audio/wav", bytes(32_768)))]),
        target="/v1/audio/transcriptions",
        content_type=TYPE,
    )
    patient, stuck = await stopped.browser(), await stopped.browser()
    stuck.send(raw[:-1])
    for start in range(0, len(raw), len(raw) // 10):
        patient.send(raw[start : start + len(raw) // 10])
        await asyncio.sleep(0.03)
    assert (await patient.answer()).status == 200
    assert (await stuck.answer()).error["code"] == "slow_request"


async def test_dripping_bytes_do_not_buy_time(stopped: World) -> None:
    await stopped.start_proxy(head_s=0.2)
    browser = await stopped.browser()
    answering = asyncio.ensure_future(browser.answer())
    for byte in b"POST /v1/chat/completions HTTP/1.1\r\nx: " + b"y" * 200:
        if answering.done():
            break
        browser.send(bytes([byte]))
        await asyncio.wait({answering}, timeout=0.02)
    assert (await answering).status == 408


async def test_an_idle_connection_is_closed(stopped: World) -> None:
    await stopped.start_proxy(keep_alive_s=0.1)
    browser = await stopped.browser()
    assert await browser.closed() == b""


async def test_a_connection_serves_request_after_request(world: World) -> None:
    browser = await world.browser()
    for stream in (False, True, False):
        browser.send(world.request(prompt(stream=stream)))
        assert (await browser.answer()).status == 200
    browser.send(world.request(prompt("gpt-secret")))
    assert (await browser.answer()).status == 403
    browser.send(world.request())
    assert (await browser.answer()).status == 200


async def test_beyond_the_cap_a_client_is_told_and_others_go_on(stopped: World) -> None:
    await stopped.start_proxy(connection_limit=2)
    await stopped.connected()
    first = await stopped.browser()
    await stopped.browser()
    await until(lambda: len(stopped.running.listener.connections) == 2)
    refused = await (await stopped.browser()).answer()
    assert (refused.status, refused.error["code"]) == (503, "too_busy")
    first.send(stopped.request())
    assert (await first.answer()).status == 200


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_once_it_is_admitted(
    world: World,
) -> None:
    browser = await world.browser()
    raw = world.request(expect="100-continue")
    head, body = raw[: raw.index(b"\r\n\r\n") + 4], raw[raw.index(b"\r\n\r\n") + 4 :]
    browser.send(head)
    assert await browser.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    browser.send(body)
    assert (await browser.answer()).status == 200


async def test_a_client_that_may_not_is_told_so_before_its_body(world: World) -> None:
    browser = await world.browser()
    raw = world.request(token="x", expect="100-continue")
    browser.send(raw[: raw.index(b"\r\n\r\n") + 4])
    assert (await browser.answer()).status == 401


async def test_a_second_request_before_the_first_answer_ends_the_connection(world: World) -> None:
    browser = await world.browser()
    browser.send(world.request(prompt("hang")))
    await world.provider.started.wait()
    browser.send(world.request())
    answer = await browser.answer()
    assert (answer.status, answer.error["code"]) == (400, "pipelined")
    assert answer.headers["connection"] == "close"
    assert await browser.closed() == b""
    await until(lambda: world.provider.calls[0].ended_by == "client_left")
    assert len(world.provider.calls) == 1


async def test_a_second_request_within_a_stream_ends_both(world: World) -> None:
    browser = await world.stream()
    browser.send(world.request())
    await browser.closed()
    await until(lambda: world.provider.calls[0].ended_by == "client_left")


@pytest.mark.parametrize("stream", [False, True])
async def test_an_http_1_0_client_gets_an_answer_that_the_close_delimits(world: World, stream: bool) -> None:
    browser = await world.browser()
    browser.send(world.request(prompt(stream=stream)).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    raw = await browser.closed()
    assert raw.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in raw
    assert b"Short" in raw


async def test_an_upgrade_to_h2c_is_ignored_and_the_body_is_read(world: World) -> None:
    answer = await world.chat(connection="Upgrade, HTTP2-Settings", upgrade="h2c", http2_settings="AAMAAABk")
    assert answer.status == 200
    assert world.provider.calls[0].body["messages"]


async def test_a_body_of_an_unknown_application_waits_until_we_know_whose_it_is(world: World) -> None:
    world.running.parts.applications._known.clear()
    browser = await world.browser()
    raw = world.request(prompt(user="x" * 500_000))
    for start in range(0, len(raw), 50_000):
        browser.send(raw[start : start + 50_000])
    assert (await browser.answer()).status == 200
