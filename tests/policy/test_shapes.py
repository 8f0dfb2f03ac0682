"""The endpoints beside chat: what passes, what is set or dropped, and that the SDK has nothing undecided."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from openai.types import embedding_create_params, moderation_create_params
from openai.types.moderation_multi_modal_input_param import ModerationMultiModalInputParam
from openai.types.responses import response_create_params
from openai.types.responses.response_includable import ResponseIncludable
from openai.types.responses.response_input_content_param import ResponseInputContentParam
from openai.types.responses.response_input_item_param import ResponseInputItemParam
from openai.types.responses.tool_param import ToolParam

from sealgate.policy import responses_fields
from sealgate.policy.bodies import JSON
from sealgate.policy.document import ENDPOINTS, Endpoint, Limits, Policy
from sealgate.policy.fields import Does, Field
from sealgate.policy.input_fields import EMBEDDINGS_FIELDS, MODERATIONS_FIELDS
from sealgate.policy.media import FORMS
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped
from sealgate.policy.responses_fields import INCLUDE, ITEMS, PARTS, RESPONSES_FIELDS, TOOLS
from sealgate.policy.shapes import SHAPES, check_offered, shape_responses

POLICY = Policy(models=("gpt-sim", "embed-sim"), limits=Limits(output_tokens=100))
LENIENT = Policy(models=("gpt-sim",), limits=Limits(output_tokens=100), allow_unknown_fields=True)
SCHEMA: JSON = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
LEAST: dict[Endpoint, dict[str, JSON]] = {
    "responses": {"model": "gpt-sim", "input": "Hello"},
    "embeddings": {"model": "embed-sim", "input": "Hello"},
    "moderations": {"input": "Hello"},
}
TABLES: dict[Endpoint, Mapping[str, Field]] = {
    "responses": RESPONSES_FIELDS,
    "embeddings": EMBEDDINGS_FIELDS,
    "moderations": MODERATIONS_FIELDS,
}


def body(endpoint: Endpoint, **fields: JSON) -> dict[str, JSON]:
    return {**LEAST[endpoint], **fields}


def shape(endpoint: Endpoint, **fields: JSON) -> Shaped:
    return SHAPES[endpoint](body(endpoint, **fields), POLICY, "pn_1")


def refusal_of(endpoint: Endpoint, **fields: JSON) -> Refusal:
    with pytest.raises(Refusal) as caught:
        shape(endpoint, **fields)
    assert caught.value.hint
    return caught.value


# --- against the SDK ---


SDK: dict[Endpoint, tuple[type, ...]] = {
    "responses": (
        response_create_params.ResponseCreateParamsNonStreaming,
        response_create_params.ResponseCreateParamsStreaming,
    ),
    "embeddings": (embedding_create_params.EmbeddingCreateParams,),
    "moderations": (moderation_create_params.ModerationCreateParams,),
}


@pytest.mark.parametrize("endpoint", SDK)
def test_a_table_lists_exactly_the_sdk_s_parameters(endpoint: Endpoint) -> None:
    parameters = {name for params in SDK[endpoint] for name in get_type_hints(params)}
    assert set(TABLES[endpoint]) == parameters, "a new SDK: decide about each new parameter in the table"


def kinds_of(union: Any) -> set[str]:
    """Every word that the `type` of a union's members may be."""
    return {word for member in get_args(union) for word in words_of(get_type_hints(member).get("type"))}


def words_of(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for argument in get_args(annotation):
            yield from words_of(argument)


@pytest.mark.parametrize(
    ("listed", "union"),
    [
        (ITEMS, ResponseInputItemParam),
        (TOOLS, ToolParam),
        (PARTS["user"].kinds, ResponseInputContentParam),
    ],
    ids=["items", "tools", "parts"],
)
def test_every_kind_that_the_sdk_knows_is_decided(listed: Mapping[str, object], union: Any) -> None:
    assert not kinds_of(union) - set(listed), "a new SDK: decide about each new kind in responses_fields.py"


def test_every_kind_of_moderated_input_that_the_sdk_knows_passes() -> None:
    assert kinds_of(ModerationMultiModalInputParam) == {"text", "image_url"}


def test_every_includable_that_the_sdk_knows_is_decided() -> None:
    assert {*INCLUDE.words, *INCLUDE.refused} == set(get_args(ResponseIncludable))


@pytest.mark.parametrize("endpoint", TABLES)
def test_every_row_that_is_not_plainly_allowed_has_its_reason(endpoint: Endpoint) -> None:
    rows = TABLES[endpoint].items()
    assert not [name for name, field in rows if field.does is not Does.ALLOW and not field.note]


# --- values ---


MESSAGE: JSON = {"role": "user", "content": "Hello"}
FUNCTION: JSON = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}
# One accepted value for every field that passes; the test below holds that none is forgotten.
ACCEPTED: dict[Endpoint, dict[str, JSON]] = {
    "responses": {
        "background": False,
        "image": {"context_compression": "auto"},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "input": [MESSAGE],
        "instructions": "Be brief.",
        "max_output_tokens": 50,
        "max_tool_calls": 3,
        "model": "gpt-sim",
        "moderation": {"model": "omni-moderation-latest"},
        "parallel_tool_calls": False,
        "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
        "prompt_cache_retention": "in_memory",
        "reasoning": {"effort": "low", "summary": "auto", "mode": "standard"},
        "safety_identifier": "someone",
        "service_tier": "flex",
        "store": True,
        "stream": True,
        "stream_options": {"include_obfuscation": False},
        "temperature": 0.7,
        "text": {
            "format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True},
            "verbosity": "low",
        },
        "tool_choice": "auto",
        "tools": [FUNCTION],
        "top_logprobs": 5,
        "top_p": 1,
        "truncation": "auto",
    },
    "embeddings": {
        "dimensions": 256,
        "encoding_format": "base64",
        "input": ["Hello", "there"],
        "model": "embed-sim",
    },
    "moderations": {"input": ["Hello"], "model": "omni-moderation-latest"},
}
PASSING = [
    pytest.param(endpoint, name, id=f"{endpoint} {name}")
    for endpoint, values in ACCEPTED.items()
    for name in values
    if TABLES[endpoint][name].does is Does.ALLOW and name != "stream_options"
]


@pytest.mark.parametrize("endpoint", TABLES)
def test_there_is_an_accepted_value_for_every_field_that_passes(endpoint: Endpoint) -> None:
    passing = {name for name, field in TABLES[endpoint].items() if field.does in (Does.ALLOW, Does.SET)}
    assert set(ACCEPTED[endpoint]) == passing


@pytest.mark.parametrize(("endpoint", "name"), PASSING)
def test_an_accepted_value_passes_unchanged(endpoint: Endpoint, name: str) -> None:
    value = ACCEPTED[endpoint][name]
    assert shape(endpoint, **{name: value}).body[name] == value


# A value of the wrong type or size, and the path that the refusal gives.
WRONG: list[tuple[Endpoint, str, JSON, str]] = [
    ("responses", "include", ["everything"], "include[0]"),
    ("responses", "input", [], "input"),
    ("responses", "input", 7, "input"),
    ("responses", "input", ["Hello"], "input[0]"),
    ("responses", "input", [{"content": "a"}], "input[0].role"),
    ("responses", "input", [{"role": "root", "content": "a"}], "input[0].role"),
    ("responses", "input", [{"role": "user"}], "input[0].content"),
    ("responses", "input", [{"role": "user", "content": [{"text": "a"}]}], "input[0].content[0].type"),
    (
        "responses",
        "input",
        [{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}],
        "input[0].content[0].type",
    ),
    ("responses", "input", [MESSAGE, {"type": "new_item"}], "input[1].type"),
    ("responses", "input", [{"type": "function_call", "name": "a"}], "input[0].call_id"),
    ("responses", "input", [{"type": "function_call_output", "output": "a"}], "input[0].call_id"),
    ("responses", "instructions", ["a"], "instructions"),
    ("responses", "max_output_tokens", 0, "max_output_tokens"),
    ("responses", "max_output_tokens", 1.5, "max_output_tokens"),
    ("responses", "max_output_tokens", True, "max_output_tokens"),
    ("responses", "model", 7, "model"),
    ("responses", "reasoning", {"effort": "most"}, "reasoning.effort"),
    ("responses", "store", "false", "store"),
    ("responses", "stream", 1, "stream"),
    ("responses", "temperature", 2.1, "temperature"),
    ("responses", "text", {"format": {"type": "json_schema", "name": "a"}}, "text.format.schema"),
    ("responses", "text", {"format": {"type": "xml"}}, "text.format.type"),
    ("responses", "tool_choice", "always", "tool_choice"),
    ("responses", "tool_choice", {"type": "function"}, "tool_choice.name"),
    ("responses", "tools", [{"type": "function", "name": "a b"}], "tools[0].name"),
    ("responses", "tools", [{"name": "a"}], "tools[0].type"),
    ("responses", "top_logprobs", 21, "top_logprobs"),
    ("responses", "truncation", "some", "truncation"),
    ("embeddings", "dimensions", 0, "dimensions"),
    ("embeddings", "encoding_format", "int8", "encoding_format"),
    ("embeddings", "input", "", "input"),
    ("embeddings", "input", [], "input"),
    ("embeddings", "input", None, "input"),
    ("embeddings", "input", {"text": "a"}, "input"),
    ("embeddings", "input", ["a", ""], "input[1]"),
    ("embeddings", "input", ["a", 1], "input[1]"),
    ("embeddings", "input", [1, "a"], "input[1]"),
    ("embeddings", "input", [-1], "input[0]"),
    ("embeddings", "input", [True], "input[0]"),
    ("embeddings", "input", [[]], "input[0]"),
    ("embeddings", "input", [[1], ["a"]], "input[1][0]"),
    ("embeddings", "input", [[[1]]], "input[0][0]"),
    ("moderations", "input", [], "input"),
    ("moderations", "input", 7, "input"),
    ("moderations", "input", [7], "input[0]"),
    ("moderations", "input", [{"type": "audio"}], "input[0].type"),
    ("moderations", "model", 7, "model"),
]


@pytest.mark.parametrize(
    ("endpoint", "name", "value", "param"),
    WRONG,
    ids=[f"{index} {endpoint} {param}" for index, (endpoint, _, _, param) in enumerate(WRONG)],
)
def test_a_wrong_value_is_refused_by_its_path(endpoint: Endpoint, name: str, value: JSON, param: str) -> None:
    refusal = refusal_of(endpoint, **{name: value})
    assert refusal.param == param
    assert refusal.status == 400


@pytest.mark.parametrize("endpoint", TABLES)
def test_an_unlisted_field_is_refused_by_name(endpoint: Endpoint) -> None:
    refusal = refusal_of(endpoint, new_feature=1)
    assert (refusal.code, refusal.param) == ("unknown_field", "new_feature")


def test_an_application_may_let_unlisted_fields_pass() -> None:
    given = body("responses", new_feature={"deep": [1]}, input=[{**_dict(MESSAGE), "colour": "red"}])
    shaped = shape_responses(given, LENIENT, None)
    assert shaped.body["new_feature"] == {"deep": [1]}
    assert shaped.body["input"] == [{**_dict(MESSAGE), "colour": "red"}]


def _dict(value: JSON) -> dict[str, JSON]:
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [("responses", "model"), ("responses", "input"), ("embeddings", "model"), ("embeddings", "input")],
)
def test_a_missing_field_is_named(endpoint: Endpoint, name: str) -> None:
    refusal = refusal_of(endpoint, **{name: None})
    assert (refusal.code, refusal.param) == ("missing_field", name)


@pytest.mark.parametrize("endpoint", TABLES)
def test_a_model_that_is_not_listed_is_refused_with_those_that_are(endpoint: Endpoint) -> None:
    refusal = refusal_of(endpoint, model="gpt-5-pro")
    assert (refusal.code, refusal.status, refusal.param) == ("model_not_allowed", 403, "model")
    assert "gpt-sim, embed-sim" in refusal.hint


@pytest.mark.parametrize("endpoint", TABLES)
def test_the_given_body_is_left_as_it_is(endpoint: Endpoint) -> None:
    item: JSON = {"id": "msg_1", "role": "user", "content": "a"}
    given: dict[str, JSON] = (
        {**LEAST[endpoint], "input": [item]} if endpoint == "responses" else LEAST[endpoint]
    )
    before = {**given}
    SHAPES[endpoint](given, POLICY, "pn_1")
    assert given == before
    assert endpoint != "responses" or item == {"id": "msg_1", "role": "user", "content": "a"}


def test_every_endpoint_that_is_forwarded_has_its_shape() -> None:
    assert {*SHAPES, *FORMS} == set(ENDPOINTS) - {"models"}
    assert not set(SHAPES) & set(FORMS)


def test_an_endpoint_that_the_application_does_not_offer_is_refused_with_those_it_does() -> None:
    check_offered("responses", POLICY)
    with pytest.raises(Refusal, match="does not offer the endpoint 'responses'") as caught:
        check_offered("responses", Policy(models=(), endpoints=("models",)))
    assert (caught.value.code, caught.value.status) == ("endpoint_not_allowed", 403)
    assert caught.value.hint == "Use one of: models."
    with pytest.raises(Refusal) as caught:
        check_offered("responses", Policy(models=(), endpoints=()))
    assert caught.value.hint


# --- responses ---


@pytest.mark.parametrize("asked", [None, True, False], ids=["absent", "true", "false"])
def test_nothing_is_stored_whatever_was_asked(asked: bool | None) -> None:
    assert shape("responses", store=asked).body["store"] is False


def test_the_user_s_names_stay_behind() -> None:
    shaped = shape("responses", user="eva@example.org", metadata={"a": "b"}, prompt_cache_key="eva")
    assert not {"user", "metadata", "prompt_cache_key"} & set(shaped.body)
    assert "user" not in shape("embeddings", user="eva@example.org").body


def test_the_pseudonym_stands_for_the_user_where_the_endpoint_has_a_place_for_it() -> None:
    assert shape("responses", safety_identifier="eva").body["safety_identifier"] == "pn_1"
    nameless = shape_responses(body("responses", safety_identifier="eva"), POLICY, None)
    assert "safety_identifier" not in nameless.body
    assert shape("embeddings").body == LEAST["embeddings"]


@pytest.mark.parametrize(
    ("asked", "bound"), [(None, 100), (40, 40), (100, 100), (5_000, 100)], ids=["none", "less", "all", "more"]
)
def test_the_output_is_held_to_the_limit(asked: int | None, bound: int) -> None:
    shaped = shape("responses", max_output_tokens=asked)
    assert shaped.body["max_output_tokens"] == shaped.output_tokens_clamp == bound


def test_a_stream_says_so_and_withholds_nothing() -> None:
    shaped = shape("responses", stream=True, stream_options={"include_obfuscation": False})
    assert (shaped.stream, shaped.include_usage_asked) == (True, True)
    assert shaped.body["stream_options"] == {"include_obfuscation": False}
    assert not shape("responses").stream


def test_stream_options_without_a_stream_are_refused() -> None:
    assert refusal_of("responses", stream_options={"include_obfuscation": True}).param == "stream_options"


def test_a_stream_s_usage_cannot_be_declined_by_an_option_of_chat() -> None:
    refusal = refusal_of("responses", stream=True, stream_options={"include_usage": False})
    assert refusal.param == "stream_options.include_usage"


def test_a_conversation_passes_as_the_sdk_sends_it_back_without_the_ids_of_its_items() -> None:
    items: list[JSON] = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Rain?"}]},
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Look it up."}],
            "content": None,
            "encrypted_content": "gAAAA",
            "status": None,
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": "{}",
            "caller": {"type": "direct"},
            "status": "completed",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "dry"},
        {
            "type": "function_call_output",
            "call_id": "call_1",
            "output": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}],
        },
        {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_2", "name": "sql", "input": "select 1"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "1"},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "content": [
                {"type": "output_text", "text": "No.", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "I cannot."},
            ],
        },
        {"type": None, "role": "assistant", "content": "No."},
    ]
    sent = shape("responses", input=items).body["input"]
    assert sent == [{name: value for name, value in _dict(item).items() if name != "id"} for item in items]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "https://img.example/a.png"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ],
    ids=["image address", "file data", "cache mark"],
)
def test_a_content_part_that_brings_its_own_data_passes(part: JSON) -> None:
    items: JSON = [{"role": "user", "content": [part]}]
    assert shape("responses", input=items).body["input"] == items


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "weather"},
        {"type": "custom", "name": "sql"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
    ],
    ids=["a word", "a function", "a custom tool", "some tools"],
)
def test_a_choice_among_own_tools_passes(choice: JSON) -> None:
    assert shape("responses", tool_choice=choice).body["tool_choice"] == choice


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "custom", "name": "sql"},
        {"type": "custom", "name": "sql", "format": {"type": "text"}},
        {
            "type": "custom",
            "name": "sql",
            "format": {"type": "grammar", "definition": "start: WORD", "syntax": "lark"},
        },
        {"type": "function", "name": "weather", "parameters": None, "strict": None, "output_schema": SCHEMA},
    ],
    ids=["custom", "text", "grammar", "function"],
)
def test_an_own_tool_passes(tool: JSON) -> None:
    assert shape("responses", tools=[tool]).body["tools"] == [tool]


def test_all_text_of_the_input_is_measured_in_bytes() -> None:
    items: JSON = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "ä"}, {"type": "input_text", "text": "b"}],
        },
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "dry"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "xy"}]},
    ]
    assert shape("responses", input=items, instructions="abc").input_bytes == 2 + 1 + 2 + 3 + 2 + 3
    assert shape("responses").input_bytes == 5


# --- embeddings and moderations ---


@pytest.mark.parametrize(
    ("given", "measured"),
    [("Hällo", 6), (["ab", "c"], 3), ([1, 2, 3], 12), ([[1, 2], [3]], 12)],
    ids=["text", "texts", "tokens", "lists of tokens"],
)
def test_embeddings_take_text_and_tokens(given: JSON, measured: int) -> None:
    shaped = shape("embeddings", input=given)
    assert shaped.body["input"] == given
    assert (shaped.input_bytes, shaped.output_tokens_clamp, shaped.stream) == (measured, 0, False)


def test_moderations_without_a_model_take_the_provider_s_own() -> None:
    shaped = shape("moderations")
    assert shaped.model == shaped.body["model"] == "omni-moderation-latest"


@pytest.mark.parametrize("model", ["omni-moderation-latest", "text-moderation-stable", "gpt-sim"])
def test_moderations_take_a_moderation_model_or_one_that_is_listed(model: str) -> None:
    assert shape("moderations", model=model).model == model


def test_moderations_take_text_and_images() -> None:
    parts: JSON = [
        {"type": "text", "text": "Hello"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    shaped = shape("moderations", input=parts)
    assert shaped.body["input"] == parts
    assert shaped.input_bytes == 5


def test_the_required_fields_are_in_the_table() -> None:
    assert set(responses_fields.REQUIRED) <= set(RESPONSES_FIELDS)
