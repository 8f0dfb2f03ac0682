"""A provider that says the key within a 200, in whatever dress: it never reaches a client or a log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from sealgate.messages.feed import Outcome
from tests.proxy.provider import DONE, FAULTS, STREAM, Call, Provider, chunk, event, head, whole
from tests.proxy.world import KEY, World, prompt

K = KEY.encode()
SSE = "text/event-stream"
LAST = b"0\r\n\r\n"
Answer = Callable[[Provider, Call, asyncio.StreamWriter], Awaitable[bool]]


def says(*parts: bytes) -> Answer:
    """An answer in as many writes."""

    async def answer(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)  # so that the proxy reads them one by one
        return False

    return answer


def streamed(*events: bytes, more: str = "x-more: 1") -> Answer:
    return says(head(200, SSE, more) + chunk(events[0]), *map(chunk, events[1:]), chunk(DONE) + LAST)


STREAMED = {
    "an event named error": streamed(b'event: error\ndata: {"code":"invalid_api_key","m":"%b"}\n\n' % K),
    "a type of error": streamed(b'data: {"type":"error","message":"bad key %b"}\n\n' % K),
    "an escaped name": streamed(b'data: {"choices":5,"err\\u006fr":{"message":"%b"}}\n\n' % K),
    "a name twice": streamed(b'data: {"error":{"message":"%b"},"error":null}\n\n' % K),
    "a list of errors": streamed(b'data: {"errors":[{"message":"%b"}]}\n\n' % K),
    "a message alone": streamed(b'data: {"message":"%b"}\n\n' % K),
    "plain text": streamed(b"data: Unauthorized: key %b is invalid\n\n" % K),
    "nested deeply": streamed(b'data: {"a":%b"%b"%b}\n\n' % (b"[" * 100_000, K, b"]" * 100_000)),
    "a comment": streamed(b": key %b\n\n" % K),
    "a comment within an event": streamed(b": key %b\n%b" % (K, event("Short"))),
    "another field": streamed(b"id: %b\n%b" % (K, event("Short"))),
    "the text itself": streamed(event("Short"), event("The key is " + KEY)),
    "an event of tomorrow": streamed(b'event: x\ndata: {"payload":{"note":"%b"}}\n\n' % K),
    "two reads": says(
        head(200, SSE) + chunk(event("a") + b": " + K[:9]), chunk(K[9:] + b"\n\n" + DONE) + LAST
    ),
    "two chunks": says(
        head(200, SSE) + chunk(event("a") + b": " + K[:9]) + chunk(K[9:] + b"\n\n" + DONE) + LAST
    ),
    "compressed": streamed(b"\x1f\x8b" + K, more="content-encoding: gzip"),
    "a status line": says(b"HTTP/1.1 200 %b\r\nx-key: %b\r\ncontent-type: text/plain\r\n\r\n" % (K, K)),
}
WHOLE = {
    "a message": b'{"message":"Incorrect API key %b","status":401}' % K,
    "errors": b'{"errors":[{"message":"%b"}]}' % K,
    "a message beside choices": b'{"choices":[],"error":{"message":"%b"}}' % K,
    "choices that are no list": b'{"choices":{"message":"%b"}}' % K,
    "a string": b'"key %b"' % K,
    "no json": b"Oops key %b" % K,
    "the text itself": b'{"choices":[{"message":{"content":"%b"}}]}' % K,
    "another field": b'{"choices":[],"note":"%b"}' % K,
}


async def raw_answer(world: World, request: bytes) -> bytes:
    browser = await world.browser()
    browser.send(request)
    async with asyncio.timeout(5):
        return await browser.closed()


@pytest.mark.parametrize("case", STREAMED)
@pytest.mark.parametrize("target", ["/v1/chat/completions", "/assistant/v1/actions/shorten"])
async def test_a_key_within_a_stream_goes_no_further(
    world: World, monkeypatch: pytest.MonkeyPatch, case: str, target: str
) -> None:
    monkeypatch.setitem(FAULTS, "gpt-test", STREAMED[case])
    body = prompt(stream=True) if target.startswith("/v1/") else {"text": "A text."}
    raw = await raw_answer(world, world.request(body, target=target, connection="close"))
    assert K not in raw
    assert KEY not in world.log.getvalue()
    assert (await world.record()).outcome in (Outcome.UPSTREAM_REFUSED, Outcome.UPSTREAM_FAILED)


@pytest.mark.parametrize("case", WHOLE)
async def test_a_key_within_a_whole_answer_goes_no_further(
    world: World, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setitem(FAULTS, "gpt-test", says(whole(200, "application/json", WHOLE[case])))
    answer = await world.chat()
    assert answer.status == 502
    assert K not in answer.body
    assert KEY not in world.log.getvalue()


@pytest.mark.parametrize("target", ["/v1/responses", "/v1/embeddings", "/v1/moderations"])
async def test_the_other_endpoints_pass_no_key_either(
    world: World, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setitem(
        FAULTS, "gpt-test", says(whole(200, "application/json", b'{"detail":"bad key %b"}' % K))
    )
    answer = await world.chat({"model": "gpt-test", "input": "a"}, target=target)
    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert K not in answer.body


async def test_a_key_that_is_seen_is_a_loud_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULTS, "gpt-test", STREAMED["the text itself"])
    answer = await world.chat(prompt(stream=True))
    assert b'"code":"provider_error"' in answer.body
    assert "key_echoed" in world.log.getvalue()


@pytest.mark.parametrize("content_type", ["application/jsonx", "application/json-patch+json", "text/html"])
async def test_an_answer_of_another_type_does_not_pass(
    world: World, monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    monkeypatch.setitem(FAULTS, "gpt-test", says(whole(200, content_type, b'{"choices":[]}')))
    assert (await world.chat()).error["code"] == "provider_failed"


async def test_a_body_of_another_type_is_refused(world: World) -> None:
    assert (await world.chat(content_type="application/jsonx")).error["code"] == "content_type"


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_a_body_that_cannot_be_read_does_not_pass(
    world: World, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    answer = whole(200, "application/json", b'{"choices":[]}', f"content-encoding: {encoding}")
    monkeypatch.setitem(FAULTS, "gpt-test", says(answer))
    assert (await world.chat()).error["code"] == "provider_failed"


async def test_comments_are_left_out_and_events_of_tomorrow_flow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = b'event: x.y\ndata: {"type":"x.y","payload":[1]}\n\n'
    said = b": ping\n\n" + unknown + b": within\n" + STREAM
    monkeypatch.setitem(FAULTS, "gpt-test", streamed(said))
    answer = await world.chat(prompt(stream=True, stream_options={"include_usage": True}))
    assert answer.body.startswith(unknown + STREAM)


ODD = {
    "choices of null": b'data: {"choices":null}\n\n',
    "usage without choices": b'data: {"choices":null,"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n',
    "content in parts": b'data: {"choices":[{"delta":{"content":[{"text":"x"}]}}]}\n\n',
    "half a character": b'data: {"choices":[{"delta":{"content":"\\ud800"}}]}\n\n',
    "a numbered reason": b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":5}]}\n\n',
}


@pytest.mark.parametrize("case", ODD)
async def test_an_unfamiliar_event_costs_an_action_no_more_than_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setitem(FAULTS, "gpt-test", streamed(event("Sho") + ODD[case] + event("rt")))
    answer = await world.action({"text": "A text."})
    events = [each for each in answer.body.split(b"\n\n") if each]
    assert [each.partition(b"\n")[0] for each in events] == [b"event: delta", b"event: done"]
    text = msgspec.json.decode(events[0].partition(b"data: ")[2])["text"]
    assert text == "Short"
