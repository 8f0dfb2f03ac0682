"""The provider fails at each byte of its answer: the client has all or is told, and it is counted once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from sealgate.messages.feed import Outcome
from sealgate.policy.document import ENDPOINTS, Limits
from tests.proxy.provider import STREAM, WHOLE, chunk, head, whole
from tests.proxy.provider_endpoints import RESPONSES_STREAM, whole_answer
from tests.proxy.provider_media import PICTURES_USAGE
from tests.proxy.provider_media import stream as events_of
from tests.proxy.scripted import Stage
from tests.proxy.world import KEY, World, prompt, until

MANY = Limits(requests_per_minute=100_000, concurrent_streams=100, retries=0)
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
EVENTS = head(200, "text/event-stream")


def chunked(data: bytes, size: int = 61) -> bytes:
    """Framed in chunks that end within events."""
    cut = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(map(chunk, cut)) + b"0\r\n\r\n"


def whole_body(target: str) -> bytes:
    return json.dumps(whole_answer(target, "gpt-test", WHOLE)).encode()


ANSWERS: dict[str, tuple[str, bool, bytes]] = {
    "chat stream": (CHAT, True, EVENTS + chunked(STREAM)),
    "chat body": (CHAT, False, whole(200, "application/json", whole_body(CHAT))),
    "chat body in chunks": (CHAT, False, head(200, "application/json") + chunked(whole_body(CHAT))),
    "responses stream": (RESPONSES, True, EVENTS + chunked(RESPONSES_STREAM, 173)),
    "responses body": (RESPONSES, False, whole(200, "application/json", whole_body(RESPONSES))),
}


def asked(target: str, stream: bool) -> dict[str, Any]:
    if target == CHAT:
        return prompt(stream=True) if stream else prompt()
    return {"model": "gpt-test", "input": "Hello", **({"stream": True} if stream else {})}


async def stage_of(world: World, target: str) -> Stage:
    world.publish(MANY)
    stage = Stage(world, target)
    await stage.ready(asked(target, stream=False))
    return stage


def error_of(body: bytes, *, stream: bool) -> dict[str, Any]:
    """The error that an answer ends with."""
    if not stream or body.startswith(b"{"):
        return dict(json.loads(body)["error"])
    last = body.rstrip(b"\n").rpartition(b"\n\n")[2]
    data = json.loads(last.rpartition(b"data: ")[2])
    return dict(data.get("error") or data)


@pytest.mark.parametrize("politely", [True, False], ids=["closed", "reset"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_breaks_off_at_any_byte_is_whole_or_an_error_and_counted_once(
    world: World, name: str, politely: bool
) -> None:
    target, stream, raw = ANSWERS[name]
    stage = await stage_of(world, target)
    full = b""
    outcomes: Counter[Outcome] = Counter()
    for position in range(len(raw), -1, -1):
        exchange, client, upstream, wire = stage.begin(asked(target, stream))
        if position:
            upstream.data_received(raw[:position])
        if not wire.closing:
            if politely:
                upstream.eof_received()
            upstream.connection_lost(None if politely else ConnectionResetError())
        full = full or client.body
        assert exchange.outcome is not None
        outcomes[exchange.outcome] += 1
        assert len(client.endings) == 1, "it ended once"
        assert KEY.encode() not in client.body
        if exchange.outcome is Outcome.COMPLETED:
            assert (client.status, client.body) == (200, full)
            continue
        error = error_of(client.body, stream=stream)
        assert (error["code"], error["who"]) in (("provider_truncated", "time"), ("provider_failed", "time"))
        if client.endings == ["finish"]:
            before = b"".join(client.streamed[:-1])
            assert full.startswith(before), "whole events, as they came"
            assert exchange.outcome is Outcome.TRUNCATED
        else:
            assert client.status == 502
        stage.parts.journal.maintain()
    assert outcomes[Outcome.COMPLETED] >= 1
    assert outcomes[Outcome.TRUNCATED] + outcomes[Outcome.UPSTREAM_FAILED] > len(raw) // 2
    assert not stage.parts.running
    await all_counted(world, sum(outcomes.values()) + 1)
    assert Counter(each.outcome for each in world.records()) == outcomes + Counter([Outcome.COMPLETED])
    for record in world.records():
        assert record.estimated is (record.outcome is not Outcome.COMPLETED) or record.output_tokens == 4


@pytest.mark.parametrize("wrong", [b"\0", b"}", b"\r\n"], ids=["nul", "brace", "line end"])
@pytest.mark.parametrize("name", ["chat stream", "chat body", "responses stream"])
async def test_an_answer_with_a_wrong_byte_anywhere_ends_once_and_is_counted_once(
    world: World, name: str, wrong: bytes
) -> None:
    target, stream, raw = ANSWERS[name]
    stage = await stage_of(world, target)
    for position in range(len(raw)):
        exchange, client, upstream, wire = stage.begin(asked(target, stream))
        upstream.data_received(raw[:position] + wrong + raw[position + 1 :])
        if not wire.closing:
            upstream.connection_lost(None)
        assert exchange.outcome is not None
        assert len(client.endings) == 1
        stage.parts.journal.maintain()
    assert not stage.parts.running
    await all_counted(world, len(raw) + 1)


async def test_byte_by_byte_is_the_same_answer(world: World) -> None:
    for target, stream, raw in ANSWERS.values():
        stage = await stage_of(world, target)
        bodies = set()
        for size in (1, 7, len(raw)):
            exchange, client, upstream, _wire = stage.begin(asked(target, stream))
            for start in range(0, len(raw), size):
                upstream.data_received(raw[start : start + size])
            assert exchange.outcome is Outcome.COMPLETED
            bodies.add(client.body)
        assert len(bodies) == 1


SMALL_SOUND = bytes(range(256))
PICTURES = events_of(
    {"type": "image_generation.partial_image", "b64_json": "iVBORw0KGgo="},
    {"type": "image_generation.completed", "b64_json": "iVBORw0KGgo=", "usage": PICTURES_USAGE},
)
ACTION: dict[str, Any] = {"text": "Please shorten this.", "parameters": {}}
# What is asked, and the provider's answer; a target whose answer cannot say within itself that it broke off.
OTHERS: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "embeddings": (
        "/v1/embeddings",
        {"model": "gpt-test", "input": "Hello"},
        whole(200, "application/json", whole_body("/v1/embeddings")),
    ),
    "pictures": (
        "/v1/images/generations",
        {"model": "gpt-test", "prompt": "a lark", "stream": True},
        EVENTS + chunked(PICTURES),
    ),
    "speech": (
        "/v1/audio/speech",
        {"model": "gpt-test", "input": "Hello", "voice": "alloy"},
        head(200, "audio/mpeg") + chunked(SMALL_SOUND),
    ),
    "speech with a length": (
        "/v1/audio/speech",
        {"model": "gpt-test", "input": "Hello", "voice": "alloy"},
        whole(200, "audio/mpeg", SMALL_SOUND),
    ),
    "an action": ("/assistant/v1/actions/shorten", ACTION, EVENTS + chunked(STREAM)),
}


@pytest.mark.parametrize("politely", [True, False], ids=["closed", "reset"])
@pytest.mark.parametrize("name", OTHERS)
async def test_whatever_else_breaks_off_at_any_byte_is_never_taken_for_all(
    world: World, name: str, politely: bool
) -> None:
    target, body, raw = OTHERS[name]
    world.publish(MANY, rules={"endpoints": ENDPOINTS})
    stage = Stage(world, target)
    await stage.ready(body)
    full, outcomes = b"", Counter[Outcome]()
    for position in range(len(raw), -1, -1):
        exchange, client, upstream, wire = stage.begin(body)
        if position:
            upstream.data_received(raw[:position])
        if not wire.closing:
            if politely:
                upstream.eof_received()
            upstream.connection_lost(None if politely else ConnectionResetError())
        full = full or client.body
        assert exchange.outcome is not None
        outcomes[exchange.outcome] += 1
        assert len(client.endings) == 1, "it ended once"
        if exchange.outcome is Outcome.COMPLETED:
            assert (client.status, client.body) == (200, full)
        elif client.endings == ["cut"]:
            assert target == "/v1/audio/speech", "only sound has no words for it"
            assert full.startswith(client.body)
        else:
            assert b"provider_truncated" in client.body or b"provider_failed" in client.body
        stage.parts.journal.maintain()
    assert outcomes[Outcome.COMPLETED] >= 1
    assert outcomes[Outcome.TRUNCATED] + outcomes[Outcome.UPSTREAM_FAILED] > len(raw) // 2
    assert not stage.parts.running
    await all_counted(world, sum(outcomes.values()) + 1)


async def all_counted(world: World, count: int) -> None:
    await until(lambda: len(world.console.usage) >= count, 20.0)
    assert len({each.request for each in world.records()}) == len(world.records()) == count
