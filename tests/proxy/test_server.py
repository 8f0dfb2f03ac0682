"""The happy path, end to end over real sockets."""

from __future__ import annotations

import json

from sealgate.messages.feed import Outcome
from tests.proxy.provider import DONE, STREAM, USAGE_EVENT, WHOLE
from tests.proxy.world import KEY, World, prompt


async def test_a_whole_answer_comes_back_as_the_provider_wrote_it(world: World) -> None:
    answer = await world.chat()
    assert answer.status == 200, answer.body
    assert answer.json() == WHOLE
    assert answer.headers["content-type"] == "application/json"


async def test_a_stream_is_byte_exact_for_a_client_that_asked_for_usage(world: World) -> None:
    answer = await world.chat(prompt(stream=True, stream_options={"include_usage": True}))
    assert answer.body == STREAM


async def test_only_the_closing_usage_chunk_is_withheld_from_a_client_that_did_not_ask(world: World) -> None:
    answer = await world.chat(prompt(stream=True))
    assert answer.body == STREAM.replace(USAGE_EVENT, b"")
    assert answer.body.endswith(DONE)


async def test_the_key_goes_up_and_the_session_does_not(world: World) -> None:
    await world.chat()
    (call,) = world.provider.calls
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.body["store"] is False
    assert call.body["safety_identifier"]


async def test_an_action_streams_our_own_events(world: World) -> None:
    answer = await world.action({"text": "A long text.", "parameters": {"amount": "by-half"}})
    events = [line for line in answer.body.decode().split("\n\n") if line]
    assert [event.split("\n")[0] for event in events] == ["event: delta", "event: done"]
    assert json.loads(events[0].split("data: ")[1]) == {"text": "Short and clear."}
    assert json.loads(events[1].split("data: ")[1])["outcome"] == "completed"


async def test_usage_reaches_the_console_once_with_its_outcome(world: World) -> None:
    await world.chat()
    record = await world.record()
    assert record.outcome is Outcome.COMPLETED
    assert (record.input_tokens, record.output_tokens, record.cached_tokens) == (11, 4, 3)
    assert not record.estimated
