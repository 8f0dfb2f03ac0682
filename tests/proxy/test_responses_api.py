"""The Responses API over the proxy: what goes up, what comes down, how it breaks, what is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sealgate.messages.feed import Outcome
from tests.proxy.provider_endpoints import RESPONSES_STREAM, RESPONSES_STREAMS, response
from tests.proxy.world import Answer, World, until

TARGET = "/v1/responses"
SECRETS = (b"acme-corp", b"sk-canary")


def asked(model: str = "gpt-test", **more: Any) -> dict[str, Any]:
    return {"model": model, "input": "Please shorten this canary text.", **more}


async def respond(world: World, model: str = "gpt-test", **more: Any) -> Answer:
    return await world.chat(asked(model, **more), target=TARGET)


async def test_a_whole_response_comes_as_it_is_and_is_counted(world: World) -> None:
    answer = await respond(world)
    assert (answer.status, answer.json()) == (200, response())
    record = await world.record()
    assert (record.endpoint, record.outcome, record.model) == ("responses", Outcome.COMPLETED, "gpt-test")
    counted = (record.input_tokens, record.output_tokens, record.cached_tokens, record.estimated)
    assert counted == (13, 5, 2, False)


async def test_a_stream_comes_byte_for_byte_and_is_counted(world: World) -> None:
    answer = await respond(world, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.body, answer.complete) == (RESPONSES_STREAM, True)
    record = await world.record()
    assert (record.endpoint, record.outcome, record.estimated) == ("responses", Outcome.COMPLETED, False)
    assert (record.input_tokens, record.output_tokens) == (13, 5)


async def test_nothing_is_stored_at_the_provider_and_the_user_has_a_pseudonym(world: World) -> None:
    await respond(world, user="jane@example.org", safety_identifier="jane", store=True, metadata={"a": "b"})
    call = world.provider.calls[0]
    assert call.target == TARGET
    assert call.body["store"] is False
    assert len(call.body["safety_identifier"]) > 16
    assert "jane" not in json.dumps(call.body)
    assert "metadata" not in call.body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("background", True),
        ("prompt", {"id": "pmpt_1"}),
        ("tools", [{"type": "file_search", "vector_store_ids": ["vs_1"]}]),
        ("input", [{"type": "item_reference", "id": "msg_1"}]),
        ("input", [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]),
    ],
    ids=["response", "conversation", "background", "prompt", "vector store", "item", "file"],
)
async def test_a_reference_to_anything_stored_is_refused_by_its_name(
    world: World, field: str, value: Any
) -> None:
    answer = await respond(world, **{field: value})
    assert answer.status == 400
    assert answer.error["param"].startswith(field)
    assert not world.provider.calls
    assert not world.running.parts.running


async def test_an_incomplete_stream_is_a_whole_answer(world: World) -> None:
    answer = await respond(world, "resp-incomplete", stream=True)
    assert answer.body == RESPONSES_STREAMS["resp-incomplete"]
    assert (await world.record()).outcome is Outcome.COMPLETED


async def test_an_incomplete_response_is_a_whole_answer(world: World) -> None:
    answer = await respond(world, "resp-incomplete")
    assert answer.json()["status"] == "incomplete"
    assert (await world.record()).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("model", ["resp-failed", "resp-error-event"])
async def test_a_failure_within_a_stream_is_an_error_in_our_words(world: World, model: str) -> None:
    answer = await respond(world, model, stream=True)
    # All of it came in one read, so nothing had gone down: the error is the answer itself.
    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert not any(secret in answer.body for secret in SECRETS)
    record = await world.record()
    assert record.outcome is Outcome.UPSTREAM_REFUSED
    assert record.output_tokens > 0


async def test_a_failed_response_is_an_error_in_our_words(world: World) -> None:
    answer = await respond(world, "resp-failed")
    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert not any(secret in answer.body for secret in SECRETS)
    assert (await world.record()).output_tokens == 5, "the provider said what it took"


async def test_a_stream_without_its_end_ends_with_an_error_event_for_sdks_and_readers(world: World) -> None:
    answer = await respond(world, "resp-truncated", stream=True)
    *_, last = answer.body.decode().strip().split("\n\n")
    name, data = last.split("\n")
    told = json.loads(data.removeprefix("data: "))
    assert name == "event: error"
    assert (told["type"], told["code"], told["sequence_number"]) == ("error", "provider_truncated", 3)
    assert told["error"]["who"] == "time"
    record = await world.record()
    assert (record.outcome, record.estimated) == (Outcome.TRUNCATED, True)
    assert record.output_tokens >= 2


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_where_the_provider_is_silent_the_use_is_estimated(world: World, stream: bool) -> None:
    answer = await respond(world, "resp-silent", stream=stream)
    assert answer.status == 200
    record = await world.record()
    assert (record.outcome, record.estimated) == (Outcome.COMPLETED, True)
    assert record.input_tokens == 8  # 32 bytes
    assert record.output_tokens >= 4


async def test_a_client_that_leaves_ends_the_call_and_is_counted(world: World) -> None:
    browser = await world.browser()
    browser.send(world.request(asked("resp-wait", stream=True), target=TARGET))
    assert (await browser.head())[0] == 200
    assert b"response.created" in await browser.chunk()
    browser.close()
    await until(lambda: world.provider.calls[0].ended_by == "client_left")
    record = await world.record()
    assert (record.outcome, record.estimated, record.endpoint) == (Outcome.CANCELLED, True, "responses")
    assert record.output_tokens >= 2


async def test_a_revoked_key_cuts_the_stream_with_the_reason(world: World) -> None:
    browser = await world.browser()
    browser.send(world.request(asked("resp-wait", stream=True), target=TARGET))
    await browser.head()
    assert b"response.created" in await browser.chunk()
    world.vault.revoke(world.credential)
    rest = await browser.answer_body()
    assert b'"type":"error"' in rest
    assert b'"code":"revoked"' in rest
    assert (await world.record()).outcome is Outcome.REVOKED


async def test_the_output_is_held_to_the_applications_limit(world: World) -> None:
    await respond(world, max_output_tokens=900_000)
    assert world.provider.calls[0].body["max_output_tokens"] == 1_024


async def test_without_the_permission_nothing_goes_up(world: World) -> None:
    token = world.token(permissions=("api:chat.completions", "action:*"))
    answer = await world.chat(asked(), target=TARGET, token=token)
    assert (answer.status, answer.error["code"]) == (403, "permission_missing")
    assert "api:responses" in answer.error["message"]
    assert not world.provider.calls


async def test_an_application_that_does_not_offer_the_endpoint_says_which_it_offers(world: World) -> None:
    world.publish(rules={"endpoints": ("chat.completions",)})
    answer = await respond(world)
    assert (answer.status, answer.error["code"]) == (403, "endpoint_not_allowed")
    assert "chat.completions" in answer.error["hint"]
    assert (await world.chat()).status == 200


async def test_a_long_prompt_comes_back_within_one_event(world: World) -> None:
    """The first and last events hold the response with its instructions: far more than an event of chat."""
    echoed = response(instructions="x" * 3_000_000)
    event = (
        b"event: response.completed\ndata: %b\n\n"
        % json.dumps({"type": "response.completed", "sequence_number": 1, "response": echoed}).encode()
    )
    RESPONSES_STREAMS["gpt-test"] = event
    try:
        answer = await respond(world, stream=True)
    finally:
        del RESPONSES_STREAMS["gpt-test"]
    assert answer.body == event
