"""The request table applied: what passes, what is set, what is dropped, and how a refusal names its field."""

from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import completion_create_params

from sealgate.policy.bodies import JSON
from sealgate.policy.chat_fields import CHAT_FIELDS
from sealgate.policy.document import Limits, Policy
from sealgate.policy.fields import Does
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped, shape_chat

POLICY = Policy(models=("gpt-sim", "gpt-sim-mini"), limits=Limits(output_tokens=100))
LENIENT = Policy(models=("gpt-sim",), limits=Limits(output_tokens=100), allow_unknown_fields=True)
MESSAGES: list[JSON] = [{"role": "user", "content": "Hello"}]
SCHEMA: JSON = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}


def body(**fields: JSON) -> dict[str, JSON]:
    return {"model": "gpt-sim", "messages": MESSAGES, **fields}


def shape(given: dict[str, JSON], policy: Policy = POLICY, pseudonym: str | None = "pn_1") -> Shaped:
    return shape_chat(given, policy, pseudonym)


def refusal_of(given: dict[str, JSON], policy: Policy = POLICY) -> Refusal:
    with pytest.raises(Refusal) as caught:
        shape(given, policy)
    return caught.value


def test_the_table_lists_exactly_the_sdk_s_parameters() -> None:
    parameters = {
        name
        for params in (
            completion_create_params.CompletionCreateParamsNonStreaming,
            completion_create_params.CompletionCreateParamsStreaming,
        )
        for name in get_type_hints(params)
    }
    assert set(CHAT_FIELDS) == parameters, "a new SDK: decide about each new parameter in chat_fields.py"


def test_every_row_that_is_not_plainly_allowed_has_its_reason() -> None:
    assert not [
        name for name, field in CHAT_FIELDS.items() if field.does is not Does.ALLOW and not field.note
    ]


# One accepted value for every field that passes; the test below holds that none is forgotten.
ACCEPTED: dict[str, JSON] = {
    "audio": {"format": "mp3", "voice": "alloy"},
    "frequency_penalty": -0.5,
    "function_call": {"name": "weather"},
    "functions": [{"name": "weather", "parameters": SCHEMA}],
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 50,
    "max_tokens": 50,
    "messages": MESSAGES,
    "modalities": ["text", "audio"],
    "model": "gpt-sim-mini",
    "moderation": {"model": "omni-moderation-latest", "policy": {"input": {"mode": "block"}}},
    "n": 1,
    "parallel_tool_calls": False,
    "presence_penalty": 2,
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "prompt_cache_retention": "in_memory",
    "reasoning_effort": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": SCHEMA, "strict": True},
    },
    "safety_identifier": "someone",
    "seed": 2**62 + 1,
    "service_tier": "flex",
    "stop": ["\n", "END"],
    "store": True,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "temperature": 0.7,
    "tool_choice": "auto",
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "strict": True}}],
    "top_logprobs": 5,
    "top_p": 1,
    "verbosity": "high",
}


def test_there_is_an_accepted_value_for_every_field_that_passes() -> None:
    passing = {name for name, field in CHAT_FIELDS.items() if field.does in (Does.ALLOW, Does.SET)}
    assert set(ACCEPTED) == passing


@pytest.mark.parametrize("name", [name for name in ACCEPTED if CHAT_FIELDS[name].does is Does.ALLOW])
def test_an_accepted_value_passes_unchanged(name: str) -> None:
    assert shape(body(**{name: ACCEPTED[name]})).body[name] == ACCEPTED[name]


# A value of the wrong type or size for every checked field, and the path that the refusal gives.
WRONG: list[tuple[str, JSON, str]] = [
    ("audio", {"format": "mp3"}, "audio.voice"),
    ("frequency_penalty", 2.1, "frequency_penalty"),
    ("frequency_penalty", True, "frequency_penalty"),
    ("function_call", "always", "function_call"),
    ("functions", [], "functions"),
    ("functions", [{"description": "a"}], "functions[0].name"),
    ("logit_bias", {"token": 1}, "logit_bias"),
    ("logit_bias", {"1": 101}, "logit_bias"),
    ("logprobs", 1, "logprobs"),
    ("max_completion_tokens", 0, "max_completion_tokens"),
    ("max_completion_tokens", -1, "max_completion_tokens"),
    ("max_completion_tokens", 1.5, "max_completion_tokens"),
    ("max_completion_tokens", True, "max_completion_tokens"),
    ("max_completion_tokens", 10**30, "max_completion_tokens"),
    ("max_tokens", "9", "max_tokens"),
    ("messages", [], "messages"),
    ("messages", "Hello", "messages"),
    ("messages", ["Hello"], "messages[0]"),
    ("messages", [{"content": "a"}], "messages[0].role"),
    ("messages", [{"role": "root", "content": "a"}], "messages[0].role"),
    ("messages", [{"role": "user"}], "messages[0].content"),
    ("messages", [{"role": "user", "content": None}], "messages[0].content"),
    ("messages", [{"role": "user", "content": 7}], "messages[0].content"),
    ("messages", [{"role": "user", "content": []}], "messages[0].content"),
    ("messages", [{"role": "user", "content": [{"text": "a"}]}], "messages[0].content[0].type"),
    ("messages", [{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
    ("messages", [{"role": "tool", "content": "a"}], "messages[0].tool_call_id"),
    (
        "messages",
        [*MESSAGES, {"role": "assistant", "tool_calls": [{"type": "function"}]}],
        "messages[1].tool_calls[0].id",
    ),
    ("modalities", ["video"], "modalities[0]"),
    ("model", 7, "model"),
    ("n", 0, "n"),
    ("parallel_tool_calls", "yes", "parallel_tool_calls"),
    ("presence_penalty", "1", "presence_penalty"),
    ("reasoning_effort", "most", "reasoning_effort"),
    ("response_format", {"type": "xml"}, "response_format.type"),
    ("response_format", {"type": "json_schema"}, "response_format.json_schema"),
    ("seed", 2**63, "seed"),
    ("stop", ["a"] * 5, "stop"),
    ("store", "false", "store"),
    ("stream", "true", "stream"),
    ("temperature", 2.01, "temperature"),
    ("temperature", [1], "temperature"),
    ("tool_choice", {"type": "function"}, "tool_choice.function"),
    ("tools", [{"type": "function", "function": {"name": "a b"}}], "tools[0].function.name"),
    ("tools", [{"function": {"name": "a"}}], "tools[0].type"),
    ("top_logprobs", 21, "top_logprobs"),
    ("top_p", -0.1, "top_p"),
    ("verbosity", "loud", "verbosity"),
]


@pytest.mark.parametrize(
    ("name", "value", "param"), WRONG, ids=[f"{name} {param}" for name, _, param in WRONG]
)
def test_a_wrong_value_is_refused_by_its_path(name: str, value: JSON, param: str) -> None:
    refusal = refusal_of(body(**{name: value}))
    assert refusal.param == param
    assert refusal.status == 400
    assert refusal.hint


def test_an_unlisted_field_is_refused_by_name() -> None:
    refusal = refusal_of(body(new_feature=1))
    assert (refusal.code, refusal.param, refusal.status) == ("unknown_field", "new_feature", 400)
    assert "new_feature" in str(refusal)


def test_an_unlisted_field_inside_a_message_is_refused_by_its_path() -> None:
    refusal = refusal_of(body(messages=[{"role": "user", "content": "a", "colour": "red"}]))
    assert (refusal.code, refusal.param) == ("unknown_field", "messages[0].colour")


def test_an_application_may_let_unlisted_fields_pass() -> None:
    message: JSON = {"role": "user", "content": "a", "colour": "red"}
    shaped = shape(body(new_feature={"deep": [1]}, messages=[message]), LENIENT)
    assert shaped.body["new_feature"] == {"deep": [1]}
    assert shaped.body["messages"] == [message]


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_missing_field_is_named(name: str) -> None:
    given = body()
    del given[name]
    refusal = refusal_of(given)
    assert (refusal.code, refusal.param) == ("missing_field", name)


def test_a_model_that_is_not_listed_is_refused_with_those_that_are() -> None:
    refusal = refusal_of(body(model="gpt-5-pro"))
    assert (refusal.code, refusal.status, refusal.param) == ("model_not_allowed", 403, "model")
    assert "gpt-5-pro" in refusal.message
    assert "gpt-sim, gpt-sim-mini" in refusal.hint


def test_nothing_is_stored_whatever_was_asked() -> None:
    assert shape(body()).body["store"] is False
    assert shape(body(store=True)).body["store"] is False


def test_the_user_s_names_stay_behind() -> None:
    shaped = shape(body(user="eva@example.org", metadata={"a": "b"}, prompt_cache_key="eva"))
    assert not {"user", "metadata", "prompt_cache_key"} & set(shaped.body)


def test_the_pseudonym_stands_for_the_user() -> None:
    assert shape(body(safety_identifier="eva")).body["safety_identifier"] == "pn_1"
    assert "safety_identifier" not in shape(body(safety_identifier="eva"), pseudonym=None).body


def test_a_null_field_is_as_absent() -> None:
    shaped = shape(body(temperature=None, stop=None, prediction=None, stream_options=None))
    assert not {"temperature", "stop", "prediction", "stream_options"} & set(shaped.body)


def test_a_stream_always_reports_its_usage() -> None:
    shaped = shape(body(stream=True))
    assert shaped.stream
    assert not shaped.include_usage_asked
    assert shaped.body["stream_options"] == {"include_usage": True}


def test_stream_options_of_the_client_are_kept() -> None:
    shaped = shape(body(stream=True, stream_options={"include_usage": True, "include_obfuscation": False}))
    assert shaped.include_usage_asked
    assert shaped.body["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_usage_that_was_declined_is_still_taken_upstream() -> None:
    shaped = shape(body(stream=True, stream_options={"include_usage": False}))
    assert not shaped.include_usage_asked
    assert shaped.body["stream_options"] == {"include_usage": True}


def test_stream_options_without_a_stream_are_refused() -> None:
    assert refusal_of(body(stream_options={"include_usage": True})).param == "stream_options"


@pytest.mark.parametrize(
    ("asked", "sent", "bound"),
    [
        ({}, {"max_completion_tokens": 100}, 100),
        ({"max_completion_tokens": 40}, {"max_completion_tokens": 40}, 40),
        ({"max_completion_tokens": 5_000}, {"max_completion_tokens": 100}, 100),
        ({"max_tokens": 40}, {"max_tokens": 40}, 40),
        ({"max_tokens": 5_000}, {"max_tokens": 100}, 100),
        (
            {"max_tokens": 40, "max_completion_tokens": 60},
            {"max_tokens": 40, "max_completion_tokens": 60},
            40,
        ),
        ({"max_tokens": None}, {"max_completion_tokens": 100}, 100),
    ],
)
def test_the_output_is_held_to_the_limit(asked: dict[str, JSON], sent: dict[str, JSON], bound: int) -> None:
    shaped = shape(body(**asked))
    assert {name: shaped.body[name] for name in shaped.body if name.startswith("max_")} == sent
    assert shaped.output_tokens_clamp == bound


@given(st.integers(1, 10_000_000), st.integers(1, 1_000_000))
def test_no_request_goes_beyond_the_limit(asked: int, limit: int) -> None:
    shaped = shape(
        body(max_completion_tokens=asked), Policy(models=("gpt-sim",), limits=Limits(output_tokens=limit))
    )
    assert shaped.body["max_completion_tokens"] == shaped.output_tokens_clamp == min(asked, limit)


def test_the_text_of_the_messages_is_measured_in_bytes() -> None:
    parts: JSON = [
        {"type": "text", "text": "ä"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    messages: JSON = [{"role": "system", "content": "abc"}, {"role": "user", "content": parts}]
    assert shape(body(messages=messages)).input_bytes == 5


def test_the_given_body_is_left_as_it_is() -> None:
    given = body(stream=True, stream_options={"include_usage": False}, user="eva", max_tokens=5_000)
    before = {**given}
    shape(given)
    assert given == before
    assert given["stream_options"] == {"include_usage": False}


def test_a_conversation_with_tools_passes_as_the_sdk_sends_it() -> None:
    call: JSON = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    custom: JSON = {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    messages: JSON = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Rain?"}]},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "audio": None,
            "function_call": None,
            "annotations": [],
            "tool_calls": [call, custom],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "dry"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "1"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "function", "name": "old", "content": None},
    ]
    assert shape(body(messages=messages)).body["messages"] == messages


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://img.example:8443/a%20b.png?w=1#x"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ],
    ids=["image data", "image address", "audio", "file data", "cache mark"],
)
def test_a_content_part_that_brings_its_own_data_passes(part: JSON) -> None:
    messages: JSON = [{"role": "user", "content": [part]}]
    assert shape(body(messages=messages)).body["messages"] == messages


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "function": {"name": "weather"}},
        {"type": "custom", "custom": {"name": "sql"}},
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "auto",
                "tools": [{"type": "function", "function": {"name": "weather"}}],
            },
        },
    ],
    ids=["a word", "a function", "a custom tool", "some tools"],
)
def test_a_choice_among_own_tools_passes(choice: JSON) -> None:
    assert shape(body(tool_choice=choice)).body["tool_choice"] == choice


@pytest.mark.parametrize(
    "text_format",
    [
        {"type": "text"},
        {"type": "grammar", "grammar": {"definition": "start: WORD", "syntax": "lark"}},
    ],
    ids=["text", "grammar"],
)
def test_a_custom_tool_passes(text_format: JSON) -> None:
    tools: JSON = [{"type": "custom", "custom": {"name": "sql", "format": text_format}}]
    assert shape(body(tools=tools)).body["tools"] == tools
