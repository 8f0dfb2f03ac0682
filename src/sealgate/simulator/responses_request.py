"""A request of the Responses API, checked about as strictly as OpenAI checks it.

Its counterparts are `responses`, which answers, and the proxy's request table. Nothing is ever stored, so a
request that names a stored response is told that there is none.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from sealgate.simulator.errors import empty_array, missing, response_not_found, wrong_type, wrong_value
from sealgate.simulator.reading import (
    JsonObject,
    check_names,
    check_numbers,
    flag,
    json_object,
    model_of,
    stream_options,
    text,
    whole,
)
from sealgate.simulator.requests import Message

_FIELDS: Final = frozenset(
    {
        "access_programs", "background", "background_options", "context_management", "conversation",
        "image", "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
        "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt",
        "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning",
        "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature",
        "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
    }
)  # fmt: skip
_RANGES: Final = {"temperature": (0.0, 2.0), "top_p": (0.0, 1.0)}
_ROLES: Final = ("assistant", "system", "developer", "user")
_LEAST_OUTPUT_TOKENS: Final = 16


class ResponsesRequest(Struct, frozen=True, kw_only=True):
    """What of a request decides the answer, and what the answer repeats of it."""

    model: str
    messages: tuple[Message, ...]
    stream: bool
    include_obfuscation: bool
    token_limit: int | None
    instructions: str | None
    metadata: object
    parallel_tool_calls: bool
    safety_identifier: str | None
    store: bool
    temperature: float
    text: object
    tool_choice: object
    tools: object
    top_p: float


def read_responses(body: bytes) -> ResponsesRequest:
    """Read a request's body; raises `ApiError` in OpenAI's words."""
    fields = json_object(body)
    model = model_of(fields)
    check_names(fields, _FIELDS)
    check_numbers(fields, _RANGES)
    previous = text(fields, "previous_response_id")
    if previous is not None:
        raise response_not_found(previous)
    stream = flag(fields, "stream", "stream", default=False)
    options = stream_options(fields, ("include_obfuscation",), stream=stream)
    instructions = text(fields, "instructions")
    return ResponsesRequest(
        model=model,
        messages=(*_instructions(instructions), *_input(fields)),
        stream=stream,
        include_obfuscation=flag(
            options, "include_obfuscation", "stream_options.include_obfuscation", default=True
        ),
        token_limit=whole(fields, "max_output_tokens", _LEAST_OUTPUT_TOKENS),
        instructions=instructions,
        metadata=fields.get("metadata") or {},
        parallel_tool_calls=flag(fields, "parallel_tool_calls", "parallel_tool_calls", default=True),
        safety_identifier=text(fields, "safety_identifier"),
        store=flag(fields, "store", "store", default=True),
        temperature=_number(fields, "temperature"),
        text=fields.get("text") or {"format": {"type": "text"}, "verbosity": "medium"},
        tool_choice=fields.get("tool_choice") or "auto",
        tools=fields.get("tools") or [],
        top_p=_number(fields, "top_p"),
    )


def _instructions(instructions: str | None) -> tuple[Message, ...]:
    return () if instructions is None else (Message("system", instructions),)


def _input(fields: JsonObject) -> tuple[Message, ...]:
    value = fields.get("input")
    if value is None:
        raise missing("input")
    if isinstance(value, str):
        return (Message("user", value),)
    if not isinstance(value, list):
        raise wrong_type("input", "one of a string or array of input items", value)
    if not value:
        raise empty_array("input")
    return tuple(_item(item, f"input[{index}]") for index, item in enumerate(value))


def _item(item: object, param: str) -> Message:
    """One item; whatever is no message counts as text that nobody reads."""
    if not isinstance(item, dict):
        raise wrong_type(param, "an object", item)
    if item.get("type", "message") != "message":
        return Message("tool", "")
    role = item.get("role")
    if role is None:
        raise missing(f"{param}.role")
    if not isinstance(role, str):
        raise wrong_type(f"{param}.role", "a string", role)
    if role not in _ROLES:
        raise wrong_value(f"{param}.role", role, _ROLES)
    return Message(role, _content(item.get("content"), role, f"{param}.content"))


def _content(content: object, role: str, param: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong_type(param, "one of a string or array of objects", content)
    return "\n".join(_part(part, role, f"{param}[{index}]") for index, part in enumerate(content))


def _part(part: object, role: str, param: str) -> str:
    if not isinstance(part, dict):
        raise wrong_type(param, "an object", part)
    kind = part.get("type")
    known = ("output_text", "refusal") if role == "assistant" else ("input_text", "input_image", "input_file")
    if not isinstance(kind, str):
        raise missing(f"{param}.type")
    if kind not in known:
        raise wrong_value(f"{param}.type", kind, known)
    value = part.get("text", "")
    if not isinstance(value, str):
        raise wrong_type(f"{param}.text", "a string", value)
    return value


def _number(fields: JsonObject, name: str) -> float:
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) else 1.0
