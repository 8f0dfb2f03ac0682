"""A quiet stream says that it goes on: between events, and not before the provider has answered."""

from __future__ import annotations

import time

from sealgate.messages.feed import Outcome
from sealgate.proxy.endings import COMMENT, QUIET_S
from tests.proxy.provider import STREAM, chunk, event, head
from tests.proxy.scripted import ScriptedClient, Stage
from tests.proxy.world import World, prompt

STREAMED = head(200, "text/event-stream")
ASKED = prompt(stream=True)


def comments(client: ScriptedClient) -> int:
    return client.streamed.count(COMMENT)


async def stage_of(world: World) -> Stage:
    stage = Stage(world)
    await stage.ready(prompt())
    return stage


async def test_a_comment_comes_between_events_and_the_answer_is_the_same_but_for_it(world: World) -> None:
    stage = await stage_of(world)
    exchange, client, upstream, _wire = stage.begin(ASKED)
    upstream.data_received(STREAMED + chunk(STREAM[:200]))
    exchange.time_passed(exchange.deadline_s)
    upstream.data_received(chunk(STREAM[200:]) + b"0\r\n\r\n")
    assert exchange.outcome is Outcome.COMPLETED
    assert comments(client) == 1
    _exchange, usual, upstream, _wire = stage.begin(ASKED)
    upstream.data_received(STREAMED + chunk(STREAM) + b"0\r\n\r\n")
    assert client.body.replace(COMMENT, b"") == usual.body
    assert client.body.split(COMMENT)[0].endswith(b"\n\n")


async def test_it_may_be_the_first_that_comes_but_never_before_the_provider_answered(world: World) -> None:
    stage = await stage_of(world)
    exchange, client, upstream, _wire = stage.begin(ASKED)
    assert exchange.deadline_s > time.monotonic() + QUIET_S, "no word before its headers: it may yet refuse"
    upstream.data_received(STREAMED)
    assert exchange.deadline_s <= time.monotonic() + QUIET_S
    exchange.time_passed(exchange.deadline_s)
    assert (client.status, client.body) == (200, COMMENT)


async def test_it_does_not_make_the_client_wait_longer_than_it_would(world: World) -> None:
    stage = await stage_of(world)
    exchange, client, upstream, _wire = stage.begin(ASKED)
    upstream.data_received(STREAMED + chunk(event("Short")))
    while exchange.outcome is None:
        exchange.time_passed(exchange.deadline_s)
    assert exchange.outcome is Outcome.UPSTREAM_TIMEOUT
    assert comments(client) == 3, "each quarter of the minute that it may be idle, but the last"
    assert b"provider_timeout" in client.body


async def test_a_client_that_does_not_read_is_sent_none(world: World) -> None:
    stage = await stage_of(world)
    exchange, client, upstream, _wire = stage.begin(ASKED)
    upstream.data_received(STREAMED + chunk(event("Short")))
    exchange.client_paused()
    exchange.time_passed(exchange.deadline_s)
    assert comments(client) == 0
    assert exchange.outcome is Outcome.CANCELLED


async def test_a_whole_answer_gets_none(world: World) -> None:
    stage = await stage_of(world)
    exchange, client, upstream, _wire = stage.begin(prompt())
    upstream.data_received(head(200, "application/json", length=2) + b"{")
    exchange.time_passed(exchange.deadline_s)
    assert exchange.outcome is Outcome.UPSTREAM_TIMEOUT
    assert COMMENT not in client.body
