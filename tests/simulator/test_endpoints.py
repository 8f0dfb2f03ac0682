"""Responses, embeddings, moderations and models through the official SDK, whose types are the judge."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any, cast

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import ResponseStreamEvent, response_stream_event
from pydantic import TypeAdapter

from sealgate.simulator import Simulator
from sealgate.simulator.errors import ApiError
from sealgate.simulator.inputs import read_embeddings, read_moderations
from sealgate.simulator.responses_request import read_responses

from .conftest import KEY, last, trust

ASK = "Explain how tides work."
EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(response_stream_event.ResponseStreamEvent)


async def events_of(sdk: AsyncOpenAI, model: str = "gpt-sim", **more: Any) -> list[ResponseStreamEvent]:
    stream = await sdk.responses.create(model=model, input=ASK, stream=True, **more)
    return [event async for event in stream]


async def test_a_whole_response_has_what_the_sdk_types_require(sdk: AsyncOpenAI) -> None:
    response = await sdk.responses.create(
        model="gpt-sim", input=ASK, instructions="Be brief.", store=False, metadata={"a": "b"}
    )
    assert response.id.startswith("resp_")
    assert (response.status, response.error, response.incomplete_details) == ("completed", None, None)
    assert (response.instructions, response.metadata) == ("Be brief.", {"a": "b"})
    assert "tides" in response.output_text
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    response.model_validate(json.loads(response.to_json()), strict=False)


async def test_the_events_of_a_stream_come_in_the_api_s_order(sdk: AsyncOpenAI) -> None:
    events = await events_of(sdk)
    kinds = [event.type for event in events]
    deltas = kinds.count("response.output_text.delta")
    assert deltas > 3
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_every_event_is_valid_by_the_sdk_s_types_and_named_before_its_data(
    simulator: Simulator,
) -> None:
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        answer = await client.post(
            f"{simulator.base_url}/responses",
            headers={"authorization": f"Bearer {KEY}"},
            json={"model": "gpt-sim", "input": ASK, "stream": True},
        )
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, rest = answer.text.split("\n\n")
    assert rest == ""
    assert "[DONE]" not in answer.text
    for event in events:
        name, data = event.split("\n")
        assert EVENTS.validate_json(data.removeprefix("data: ")).type == name.removeprefix("event: ")


async def test_streamed_and_whole_responses_to_one_input_say_the_same(sdk: AsyncOpenAI) -> None:
    whole = await sdk.responses.create(model="gpt-sim", input=ASK)
    events = await events_of(sdk)
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text
    final = events[-1]
    assert final.type == "response.completed"
    assert final.response.output_text == whole.output_text
    assert final.response.usage == whole.usage


async def test_a_conversation_of_items_is_read_by_its_last_turn(sdk: AsyncOpenAI) -> None:
    response = await sdk.responses.create(
        model="gpt-sim",
        input=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "Explain volcanoes."}]},
            cast(Any, {"role": "assistant", "content": [{"type": "output_text", "text": "They erupt."}]}),
            {"role": "user", "content": ASK},
        ],
    )
    assert "tides" in response.output_text


async def test_a_token_limit_ends_a_response_as_incomplete(sdk: AsyncOpenAI) -> None:
    whole = await sdk.responses.create(model="gpt-sim", input=ASK, max_output_tokens=16)
    assert (whole.status, whole.usage and whole.usage.output_tokens) == ("incomplete", 16)
    assert whole.incomplete_details is not None
    assert whole.incomplete_details.reason == "max_output_tokens"
    assert (await events_of(sdk, max_output_tokens=16))[-1].type == "response.incomplete"


@pytest.mark.parametrize(("model", "tells"), [("gpt-sim", True), ("sim-no-usage", False)])
async def test_usage_stands_in_the_last_event_unless_the_fault_says_otherwise(
    sdk: AsyncOpenAI, model: str, tells: bool
) -> None:
    final = (await events_of(sdk, model))[-1]
    assert final.type == "response.completed"
    assert (final.response.usage is not None) is tells


async def test_a_stream_without_its_end_mark_ends_after_the_item(sdk: AsyncOpenAI) -> None:
    assert (await events_of(sdk, "sim-no-done"))[-1].type == "response.output_item.done"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_reset_fault_cuts_a_response(sdk: AsyncOpenAI, stream: bool) -> None:
    with pytest.raises(openai.APIConnectionError):
        await (events_of(sdk, "sim-reset") if stream else sdk.responses.create(model="sim-reset", input=ASK))


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"model": None}, None, None),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": 3}, "input", "invalid_type"),
        ({"input": []}, "input", "empty_array"),
        ({"input": [{"content": "x"}]}, "input[0].role", "missing_required_parameter"),
        ({"input": [{"role": "boss", "content": "x"}]}, "input[0].role", "invalid_value"),
        (
            {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
            "input[0].content[0].type",
            "invalid_value",
        ),
        ({"max_output_tokens": 1}, "max_output_tokens", "integer_below_min_value"),
        ({"previous_response_id": "resp_x"}, "previous_response_id", "previous_response_not_found"),
        ({"stream_options": {}}, "stream_options", None),
        ({"messages": []}, "messages", "unknown_parameter"),
    ],
)
def test_a_wrong_responses_request_is_refused_with_its_parameter_and_code(
    change: dict[str, object], param: str | None, code: str | None
) -> None:
    with pytest.raises(ApiError) as caught:
        read_responses(json.dumps({"model": "gpt-sim", "input": ASK} | change).encode())
    error = caught.value.body.error
    assert (caught.value.status, error.param, error.code) == (400, param, code)


async def test_texts_that_share_words_have_vectors_that_point_the_same_way(sdk: AsyncOpenAI) -> None:
    answer = await sdk.embeddings.create(
        model="text-embedding-3-small",
        input=["The garden opens in spring.", "In spring the garden opens again.", "Invoices are due."],
    )
    one, same, other = (entry.embedding for entry in answer.data)
    assert [entry.index for entry in answer.data] == [0, 1, 2]
    assert len(one) == 1536
    assert _cosine(one, one) == pytest.approx(1, abs=1e-4)
    assert _cosine(one, same) > 0.7 > _cosine(one, other) + 0.4
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 10


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_numbers_and_base64_say_the_same_vector(simulator: Simulator) -> None:
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        answers = [
            (
                await client.post(
                    f"{simulator.base_url}/embeddings",
                    headers={"authorization": f"Bearer {KEY}"},
                    json={"model": "text-embedding-3-large", "input": "a garden", "encoding_format": form}
                    | {"dimensions": 256},
                )
            ).json()["data"][0]["embedding"]
            for form in ("float", "base64")
        ]
    numbers, encoded = answers
    assert struct.unpack("<256f", base64.b64decode(encoded)) == pytest.approx(numbers, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "count"),
    [("one text", 1), (["one", "two"], 2), ([1, 2, 3], 1), ([[1], [2, 3]], 2)],
    ids=["text", "texts", "tokens", "lists of tokens"],
)
def test_every_form_of_embeddings_input_is_read(value: object, count: int) -> None:
    body = json.dumps({"model": "text-embedding-3-small", "input": value}).encode()
    assert len(read_embeddings(body).inputs) == count


@pytest.mark.parametrize("value", ["", [], [""], ["x", 1], [[]], {}, 3, [None]], ids=json.dumps)
def test_no_other_embeddings_input_is_read(value: object) -> None:
    with pytest.raises(ApiError):
        read_embeddings(json.dumps({"model": "text-embedding-3-small", "input": value}).encode())


async def test_a_text_is_flagged_by_its_words(sdk: AsyncOpenAI) -> None:
    answer = await sdk.moderations.create(input=["A calm afternoon.", "I hate you, idiot."])
    calm, angry = answer.results
    assert (calm.flagged, angry.flagged) == (False, True)
    assert (angry.categories.harassment, angry.categories.hate, angry.categories.violence) == (
        True,
        True,
        False,
    )
    assert angry.category_scores.harassment > 0.5 > calm.category_scores.harassment
    assert answer.model == "omni-moderation-latest"


def test_parts_are_judged_as_one_input() -> None:
    parts = [{"type": "text", "text": "kind"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert read_moderations(json.dumps({"input": parts}).encode()).inputs == ("kind\n",)


@pytest.mark.parametrize("value", [None, 3, [], [3], [{"type": "smell"}]], ids=json.dumps)
def test_no_other_moderations_input_is_read(value: object) -> None:
    with pytest.raises(ApiError):
        read_moderations(json.dumps({"input": value}).encode())


async def test_a_model_is_told_by_its_name(sdk: AsyncOpenAI) -> None:
    assert (await sdk.models.retrieve("gpt-sim")).id == "gpt-sim"
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.models.retrieve("nobody-knows-it")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "chat/completions",
            {"model": "text-embedding-3-small", "messages": [{"role": "user", "content": ""}]},
        ),
        ("responses", {"model": "omni-moderation-latest", "input": "x"}),
        ("embeddings", {"model": "gpt-sim", "input": "x"}),
        ("moderations", {"model": "gpt-sim", "input": "x"}),
    ],
)
async def test_a_model_serves_its_own_endpoints_only(
    simulator: Simulator, path: str, body: dict[str, object]
) -> None:
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        answer = await client.post(
            f"{simulator.base_url}/{path}", headers={"authorization": f"Bearer {KEY}"}, json=body
        )
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "model")


@pytest.mark.parametrize("model", ["sim-401-echo", "sim-429-rate", "sim-500-html"])
async def test_faults_play_on_every_endpoint(sdk: AsyncOpenAI, model: str) -> None:
    for asking in (
        sdk.responses.create(model=model, input=ASK),
        sdk.embeddings.create(model=model, input=ASK),
        sdk.moderations.create(model=model, input=ASK),
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            await asking
        assert f"sim-{caught.value.status_code}" in model


async def test_calls_are_recorded_with_their_tokens(simulator: Simulator, sdk: AsyncOpenAI) -> None:
    embedded = await sdk.embeddings.create(model="text-embedding-3-small", input=ASK)
    counted = (last(simulator).prompt_tokens, last(simulator).completion_tokens)
    assert counted == (embedded.usage.prompt_tokens, 0)
    response = await sdk.responses.create(model="gpt-sim", input=ASK)
    assert response.usage is not None
    assert last(simulator).completion_tokens == response.usage.output_tokens
