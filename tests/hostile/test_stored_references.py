"""Requests beside chat that reach for what is stored at the provider, or that are built to cost."""

import json
from collections.abc import Callable

import pytest

from sealgate.policy.bodies import JSON
from sealgate.policy.checks import Refused
from sealgate.policy.document import Policy
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped
from sealgate.policy.responses_fields import INCLUDE, ITEMS, TOOLS
from sealgate.policy.shapes import shape_embeddings, shape_moderations, shape_responses
from tests.hostile.test_bodies import LENIENT, REFERENCE_FIELDS, SECRET, STRICT


def responses(fields: dict[str, JSON], policy: Policy = STRICT) -> Shaped:
    return shape_responses({"model": "gpt-sim", "input": "Hello", **fields}, policy, None)


def item(**members: JSON) -> dict[str, JSON]:
    return {"input": [members]}


def part(**members: JSON) -> dict[str, JSON]:
    return item(role="user", content=[members])


def cited(**members: JSON) -> dict[str, JSON]:
    return item(role="assistant", content=[{"type": "output_text", "text": "a", "annotations": [members]}])


# name → (fields of a request to the Responses API, path of the refused field)
STORED: dict[str, tuple[dict[str, JSON], str]] = {
    "an earlier response": ({"previous_response_id": "resp_1"}, "previous_response_id"),
    "a conversation": ({"conversation": "conv_1"}, "conversation"),
    "a conversation as an object": ({"conversation": {"id": "conv_1"}}, "conversation"),
    "a stored prompt": ({"prompt": {"id": "pmpt_1", "variables": {}}}, "prompt"),
    "an answer kept for later": ({"background": True}, "background"),
    "an answer kept, by a word": ({"background": "true"}, "background"),
    "options for an answer kept": ({"background_options": {"continuation_id": "a"}}, "background_options"),
    "the owner's special access": ({"access_programs": {"cyber": "standard"}}, "access_programs"),
    "a summary by the provider": ({"context_management": [{"type": "compaction"}]}, "context_management"),
    "a response to compare with": (
        {"prompt_cache_options": {"comparison_response_id": "resp_1"}},
        "prompt_cache_options.comparison_response_id",
    ),
    "a stored item": (item(type="item_reference", id="msg_1"), "input[0]"),
    "a stored item without its type": (item(id="msg_1"), "input[0].role"),
    "a stored file": (part(type="input_file", file_id="file-1"), "input[0].content[0].file_id"),
    "a stored file beside data": (
        part(type="input_file", file_data="data:,", file_id="file-1"),
        "input[0].content[0].file_id",
    ),
    "a file elsewhere": (
        part(type="input_file", file_url="https://a.example/a.pdf"),
        "input[0].content[0].file_url",
    ),
    "a stored image": (part(type="input_image", file_id="file-1"), "input[0].content[0].file_id"),
    "an image over http": (
        part(type="input_image", image_url="http://a.example/i.png"),
        "input[0].content[0].image_url",
    ),
    "an image from a file": (
        part(type="input_image", image_url="file:///etc/passwd"),
        "input[0].content[0].image_url",
    ),
    "a stored file in a result": (
        item(type="function_call_output", call_id="a", output=[{"type": "input_file", "file_id": "file-1"}]),
        "input[0].output[0].file_id",
    ),
    "a citation of a stored file": (
        cited(type="file_citation", file_id="file-1"),
        "input[0].content[0].annotations[0]",
    ),
    "a citation of a container": (
        cited(type="container_file_citation", container_id="cntr_1"),
        "input[0].content[0].annotations[0]",
    ),
    "a call by a stored program": (
        item(type="function_call", call_id="a", name="a", arguments="", caller={"type": "program"}),
        "input[0].caller.type",
    ),
    "a container by name": (
        {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
        "tools[0]",
    ),
    "a container of files": (
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]},
        "tools[0]",
    ),
    "stored vectors": ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "tools[0]"),
    "a connector": (
        {"tools": [{"type": "mcp", "server_label": "a", "connector_id": "connector_gmail"}]},
        "tools[0]",
    ),
    "a server to call": ({"tools": [{"type": "mcp", "server_url": "https://a.example"}]}, "tools[0]"),
    "tools in the conversation": (
        item(type="additional_tools", role="developer", tools=[{"type": "file_search"}]),
        "input[0]",
    ),
    "a tool of an unknown type": ({"tools": [{"type": "new_hosted_tool"}]}, "tools[0].type"),
    "a hosted tool by choice": ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
    "a connector by choice": ({"tool_choice": {"type": "mcp", "server_label": "a"}}, "tool_choice.type"),
    "a hosted tool by allowed tools": (
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}},
        "tool_choice.tools[0].type",
    ),
    "a day of prompt cache": ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"),
    "a dear tier": ({"service_tier": "priority"}, "service_tier"),
    "a dear way of reasoning": ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
    "another model as moderator": ({"moderation": {"model": "gpt-5"}}, "moderation.model"),
}
STORED |= {
    f"to include {name}": ({"include": ["reasoning.encrypted_content", name]}, "include[1]")
    for name in INCLUDE.refused
}
STORED |= {
    f"an item of {kind}": (item(type=kind, id="a_1"), "input[0]")
    for kind, check in ITEMS.items()
    if isinstance(check, Refused)
}
STORED |= {
    f"the tool {kind}": ({"tools": [{"type": kind}]}, "tools[0]")
    for kind, check in TOOLS.items()
    if isinstance(check, Refused)
}


@pytest.mark.parametrize("policy", [STRICT, LENIENT], ids=["listed fields only", "unlisted fields pass"])
@pytest.mark.parametrize(("fields", "param"), STORED.values(), ids=STORED)
def test_the_responses_api_reaches_nothing_that_is_stored(
    fields: dict[str, JSON], param: str, policy: Policy
) -> None:
    with pytest.raises(Refusal) as caught:
        responses(fields, policy)
    assert caught.value.param == param
    assert caught.value.status == 400
    assert caught.value.hint


@pytest.mark.parametrize("name", INCLUDE.refused)
def test_what_may_not_be_included_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(Refusal, match="it asks for") as caught:
        responses({"include": [name]})
    assert caught.value.code == "field_not_allowed"


@pytest.mark.parametrize("name", REFERENCE_FIELDS)
def test_a_reference_inside_an_unlisted_field_of_an_item_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        responses(item(role="user", content="a", new_member=[{name: "x_1"}]), LENIENT)
    assert caught.value.param is not None
    assert caught.value.param.endswith(name)


@pytest.mark.parametrize(
    "kind", ["message", "reasoning", "function_call", "function_call_output", "custom_tool_call"]
)
def test_no_id_of_an_item_goes_up(kind: str) -> None:
    members: dict[str, JSON] = {
        "role": "user",
        "content": [] if kind == "reasoning" else "a",
        "call_id": "call_1",
        "name": "a",
        "arguments": "",
        "input": "",
        "output": "",
    }
    known = LISTED_MEMBERS[kind]
    given = {name: value for name, value in members.items() if name in known}
    sent = responses(item(type=kind, id="rs_of_somebody_else", **given)).body["input"]
    assert "somebody_else" not in json.dumps(sent)
    assert sent == [{"type": kind, **given}]


LISTED_MEMBERS = {
    "message": {"role", "content"},
    "reasoning": {"content"},
    "function_call": {"call_id", "name", "arguments"},
    "function_call_output": {"call_id", "output"},
    "custom_tool_call": {"call_id", "name", "input"},
}


ONLY_INPUTS = (shape_embeddings, shape_moderations)


@pytest.mark.parametrize("name", ["file_id", "previous_response_id", "prompt"])
@pytest.mark.parametrize("policy", [STRICT, LENIENT], ids=["listed fields only", "unlisted fields pass"])
@pytest.mark.parametrize(
    "shape_inputs", [shape_embeddings, shape_moderations], ids=["embeddings", "moderations"]
)
def test_a_reference_is_refused_where_only_inputs_are_taken(
    shape_inputs: Callable[[dict[str, JSON], Policy, str | None], Shaped], policy: Policy, name: str
) -> None:
    with pytest.raises(Refusal, match="does not pass"):
        shape_inputs({"model": "gpt-sim", "input": "Hello", name: "x_1"}, policy, None)


def test_a_stored_image_is_not_moderated() -> None:
    given: JSON = [
        {"type": "image_url", "image_url": {"url": "https://a.example/i.png", "file_id": "file-1"}}
    ]
    with pytest.raises(Refusal) as caught:
        shape_moderations({"input": given}, LENIENT, None)
    assert caught.value.param == "input[0].image_url.file_id"


@pytest.mark.parametrize("count", [8_193, 100_000], ids=["one too many", "far too many"])
def test_a_list_of_tokens_is_bounded(count: int) -> None:
    with pytest.raises(Refusal):
        shape_embeddings({"model": "gpt-sim", "input": [7] * count}, STRICT, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"input": [{"role": "user", "content": {"text": SECRET}}]},
        {"input": [{"role": SECRET, "content": "a"}]},
        {"input": [{"type": SECRET}]},
        {"input": [{"role": "user", "content": [{"type": SECRET}]}]},
        {"include": [SECRET]},
        {"instructions": [SECRET]},
        {"tools": [{"type": "function", "name": SECRET}]},
        {"previous_response_id": SECRET},
    ],
)
def test_a_refusal_of_the_responses_api_never_quotes_what_somebody_wrote(fields: dict[str, JSON]) -> None:
    with pytest.raises(Refusal) as caught:
        responses(fields)
    assert "diary" not in f"{caught.value} {caught.value.hint} {caught.value.param}"
