"""The official SDK over verified TLS: what a caller of OpenAI may rely on holds here."""

from __future__ import annotations

import json

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionUserMessageParam

from sealgate.simulator import EndedBy, Simulator

from .conftest import KEY, last, sdk_for

ASK: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Explain how tides work."}]


async def chunks_of(
    sdk: AsyncOpenAI, model: str = "gpt-sim", *, usage: bool = True
) -> list[ChatCompletionChunk]:
    stream = await sdk.chat.completions.create(
        model=model, messages=ASK, stream=True, stream_options={"include_usage": usage}
    )
    return [chunk async for chunk in stream]


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


async def test_a_whole_answer_has_every_field_that_the_sdk_types_require(sdk: AsyncOpenAI) -> None:
    completion = await sdk.chat.completions.create(model="gpt-sim", messages=ASK)
    assert completion.id.startswith("chatcmpl-")
    assert completion.object == "chat.completion"
    assert completion.choices[0].finish_reason == "stop"
    assert "tides" in (completion.choices[0].message.content or "")
    assert completion.usage is not None
    assert (
        completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )
    assert completion._request_id is not None


async def test_streamed_and_whole_answers_to_one_prompt_say_the_same(sdk: AsyncOpenAI) -> None:
    whole = await sdk.chat.completions.create(model="gpt-sim", messages=ASK)
    assert text_of(await chunks_of(sdk)) == whole.choices[0].message.content


async def test_the_last_chunk_carries_usage_and_no_choices_when_usage_was_asked_for(sdk: AsyncOpenAI) -> None:
    *content, final = await chunks_of(sdk)
    assert final.choices == []
    assert final.usage is not None
    assert final.usage.completion_tokens == len([c for c in content if c.choices[0].delta.content])
    assert all(chunk.usage is None for chunk in content)


async def test_no_chunk_speaks_of_usage_when_it_was_not_asked_for(sdk: AsyncOpenAI) -> None:
    chunks = await chunks_of(sdk, usage=False)
    assert all("usage" not in chunk.model_fields_set and chunk.choices for chunk in chunks)


async def test_a_stream_begins_with_the_role_and_ends_with_the_reason(sdk: AsyncOpenAI) -> None:
    chunks = await chunks_of(sdk, usage=False)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


async def test_a_token_limit_ends_the_answer_with_length(sdk: AsyncOpenAI) -> None:
    completion = await sdk.chat.completions.create(model="gpt-sim", messages=ASK, max_completion_tokens=4)
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 4


async def test_a_stop_sequence_is_left_out_with_all_that_follows(sdk: AsyncOpenAI) -> None:
    completion = await sdk.chat.completions.create(model="gpt-sim", messages=ASK, stop=["tides"])
    assert "tides" not in (completion.choices[0].message.content or "")


async def test_several_choices_are_counted_together(sdk: AsyncOpenAI) -> None:
    completion = await sdk.chat.completions.create(model="gpt-sim", messages=ASK, n=2)
    assert [choice.index for choice in completion.choices] == [0, 1]


async def test_answers_carry_the_headers_that_openai_sends(sdk: AsyncOpenAI) -> None:
    raw = await sdk.chat.completions.with_raw_response.create(model="gpt-sim", messages=ASK)
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["openai-organization"]
    assert int(raw.headers["openai-processing-ms"]) >= 1
    assert {"x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens"} <= set(raw.headers)


async def test_models_are_listed(sdk: AsyncOpenAI) -> None:
    names = {model.id async for model in sdk.models.list()}
    assert {"gpt-sim", "gpt-4o-mini", "sim-long"} <= names


async def test_one_connection_serves_many_calls(simulator: Simulator, sdk: AsyncOpenAI) -> None:
    for _ in range(3):
        await sdk.chat.completions.create(model="gpt-sim", messages=ASK)
    assert "1 connections" in repr(simulator)


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("nobody-knows-it", 404, "model_not_found"),
        ("sim-401-echo", 401, "invalid_api_key"),
        ("sim-429-rate", 429, "rate_limit_exceeded"),
        ("sim-429-quota", 429, "insufficient_quota"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_refusals_have_openai_s_status_and_code(
    sdk: AsyncOpenAI, model: str, status: int, code: str, stream: bool
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await sdk.chat.completions.create(model=model, messages=ASK, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.code == code


async def test_an_unknown_key_is_shown_by_its_ends_only(simulator: Simulator) -> None:
    key = "sk-live-SECRETSECRETSECRET1234"
    async with sdk_for(simulator, key) as sdk:
        with pytest.raises(openai.AuthenticationError) as caught:
            await sdk.chat.completions.create(model="gpt-sim", messages=ASK)
    assert "sk-live-" in caught.value.message
    assert "1234" in caught.value.message
    assert key not in caught.value.message


async def test_the_echo_fault_shows_the_whole_key_in_body_and_header(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        await sdk.chat.completions.create(model="sim-401-echo", messages=ASK)
    assert KEY in caught.value.message
    assert KEY in caught.value.response.headers["x-echo-authorization"]


async def test_the_html_fault_answers_500_with_a_page(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await sdk.chat.completions.create(model="sim-500-html", messages=ASK)
    assert caught.value.response.headers["content-type"].startswith("text/html")
    assert KEY in caught.value.response.text


async def test_the_length_fault_ends_early_with_its_reason(sdk: AsyncOpenAI) -> None:
    chunks = await chunks_of(sdk, "sim-length", usage=False)
    assert chunks[-1].choices[0].finish_reason == "length"


async def test_the_no_usage_fault_never_tells_its_usage(sdk: AsyncOpenAI) -> None:
    assert all(chunk.usage is None for chunk in await chunks_of(sdk, "sim-no-usage"))


@pytest.mark.parametrize("stream", [False, True])
async def test_the_reset_fault_cuts_the_answer_and_is_recorded_as_a_fault(
    simulator: Simulator, sdk: AsyncOpenAI, stream: bool
) -> None:
    whole = sdk.chat.completions.create
    asking = chunks_of(sdk, "sim-reset") if stream else whole(model="sim-reset", messages=ASK)
    with pytest.raises(openai.APIConnectionError):
        await asking
    assert last(simulator).ended_by is EndedBy.FAULT


async def test_requests_are_kept_only_where_a_test_asked_for_it(
    simulator: Simulator, paced: Simulator, sdk: AsyncOpenAI
) -> None:
    await sdk.chat.completions.create(model="gpt-sim", messages=ASK)
    async with sdk_for(paced) as other:
        await other.models.list()
    assert json.loads(simulator.received[-1].body)["model"] == "gpt-sim"
    assert simulator.received[-1].header("Authorization") == f"Bearer {KEY}"
    assert paced.received == ()
