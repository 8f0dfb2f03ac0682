"""The Responses API over the proxy: what goes up, what comes down, how it breaks, what is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.messages.feed import Outcome
from sealgate.proxy.metering import Verdict
from sealgate.proxy.responses_api import ResponsesMeter
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


def event(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_the_meter_counts_every_kind_of_delta_and_ignores_what_is_no_text() -> None:
    meter = ResponsesMeter(input_bytes=40)
    for kind in ("output_text", "refusal", "function_call_arguments", "reasoning_summary_text"):
        assert meter.event(event(type=f"response.{kind}.delta", delta="word")) is Verdict.RELAY
    for odd in ({"a": 1}, None, 5, [1]):
        assert meter.event(event(type="response.odd.delta", delta=odd)) is Verdict.RELAY
    usage = meter.usage()
    assert (usage.input_tokens, usage.output_tokens, usage.estimated, usage.saw_end) == (10, 4, True, False)


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": -1, "output_tokens": 2},
        {"input_tokens": 1.5, "output_tokens": 2},
        {"input_tokens": 2**63, "output_tokens": 2},
        {"input_tokens": "7", "output_tokens": 2},
        {"output_tokens": 2},
        [],
        "free",
    ],
    ids=["negative", "fraction", "too large", "string", "half", "list", "word"],
)
def test_a_usage_that_makes_no_sense_leaves_the_estimate_and_the_answer(usage: object) -> None:
    meter = ResponsesMeter(input_bytes=40)
    end = event(type="response.completed", response=response(usage=usage))
    assert meter.event(end) is Verdict.RELAY
    assert (meter.saw_end, meter.usage().estimated, meter.usage().input_tokens) == (True, True, 10)


@pytest.mark.parametrize(
    "data",
    [
        event(type="error", message="x"),
        event(type="response.failed", response=response("failed")),
        event(type="response.in_progress", response=response(error={"code": "x"})),
        event(error={"message": "x"}),
        b'{"error": {"message": "half',
    ],
    ids=["error", "failed", "an error in a response", "chat's error", "unreadable"],
)
def test_whatever_speaks_of_an_error_is_not_relayed(data: bytes) -> None:
    assert ResponsesMeter(input_bytes=0).event(data) is Verdict.ERROR


@pytest.mark.parametrize(
    "data",
    [event(type="response.of.tomorrow", payload=[1]), event(type="response.queued"), event()],
    ids=["an unknown event", "an event of the API", "no type"],
)
def test_what_is_not_known_flows(data: bytes) -> None:
    meter = ResponsesMeter(input_bytes=0)
    assert meter.event(data) is Verdict.RELAY
    assert not meter.saw_end


@given(st.binary(max_size=200))
def test_no_bytes_make_the_meter_raise(data: bytes) -> None:
    meter = ResponsesMeter(input_bytes=1)
    meter.event(data)
    meter.body(data)
    assert meter.usage().estimated


def test_why_a_response_ended_is_told_in_known_words() -> None:
    reasons = {"max_output_tokens": "length", "content_filter": "content_filter", "acme": "other"}
    for reason, told in reasons.items():
        meter = ResponsesMeter(input_bytes=0)
        meter.body(json.dumps(response("incomplete", incomplete_details={"reason": reason})).encode())
        assert meter.usage().finish_reason == told


def test_tool_calls_of_any_shape_leave_the_answer_whole() -> None:
    items = [{"type": "tool_search_call", "arguments": {"a": 1}}, {"type": "message", "content": None}]
    meter = ResponsesMeter(input_bytes=0)
    assert meter.body(json.dumps(response(output=items, usage=None)).encode()) is Verdict.RELAY
    assert meter.saw_end
    assert meter.usage().output_tokens > 0
