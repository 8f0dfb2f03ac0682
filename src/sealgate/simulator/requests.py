"""A chat completions request, checked about as strictly as OpenAI checks it.

Its counterpart is the proxy's request table: what the proxy lets pass must be accepted here. Pure; the
prompt that it holds lives as long as the call. `reading` has the checks that every endpoint makes.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from sealgate.simulator.errors import empty_array, missing, wrong_type, wrong_value
from sealgate.simulator.reading import (
    JsonObject,
    check_names,
    check_numbers,
    flag,
    json_object,
    model_of,
    stream_options,
    whole,
)

ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_PART_TYPES: Final = ("text", "image_url", "input_audio", "refusal", "audio", "file")
_FIELDS: Final = frozenset(
    {
        "messages", "model", "audio", "frequency_penalty", "function_call", "functions",
        "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata", "modalities",
        "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty",
        "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
        "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
        "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user",
        "verbosity", "web_search_options",
    }
)  # fmt: skip
_STREAM_FIELDS: Final = frozenset({"include_usage", "include_obfuscation"})
# name → (lowest, highest)
_RANGES: Final[dict[str, tuple[float, float | None]]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}


class Message(Struct, frozen=True):
    """One message: who spoke, and its text (other content parts count for nothing here)."""

    role: str
    text: str


class ChatRequest(Struct, frozen=True):
    """What of a request decides the answer."""

    model: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    include_obfuscation: bool
    token_limit: int | None
    stop: tuple[str, ...]
    n: int


def read_chat(body: bytes) -> ChatRequest:
    """Read a request's body; raises `ApiError` in OpenAI's words."""
    fields = json_object(body)
    model = model_of(fields)
    messages = _messages(fields)
    check_names(fields, _FIELDS)
    check_numbers(fields, _RANGES)
    whole(fields, "top_logprobs", 0, 20)
    stream = flag(fields, "stream", "stream", default=False)
    options = stream_options(fields, _STREAM_FIELDS, stream=stream)
    return ChatRequest(
        model=model,
        messages=messages,
        stream=stream,
        include_usage=flag(options, "include_usage", "stream_options.include_usage", default=False),
        include_obfuscation=flag(
            options, "include_obfuscation", "stream_options.include_obfuscation", default=True
        ),
        token_limit=whole(fields, "max_completion_tokens") or whole(fields, "max_tokens"),
        stop=_stop(fields.get("stop")),
        n=whole(fields, "n", 1, 8) or 1,
    )


def _messages(fields: JsonObject) -> tuple[Message, ...]:
    messages = fields.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise empty_array("messages")
    return tuple(_message(message, f"messages[{index}]") for index, message in enumerate(messages))


def _message(message: object, param: str) -> Message:
    if not isinstance(message, dict):
        raise wrong_type(param, "an object", message)
    role = message.get("role")
    if role is None:
        raise missing(f"{param}.role")
    if not isinstance(role, str):
        raise wrong_type(f"{param}.role", "a string", role)
    if role not in ROLES:
        raise wrong_value(f"{param}.role", role, ROLES)
    content = message.get("content")
    if content is None and role == "assistant":
        return Message(role, "")
    return Message(role, _content(content, f"{param}.content"))


def _content(content: object, param: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong_type(param, "one of a string or array of objects", content)
    return "\n".join(_part(part, f"{param}[{index}]") for index, part in enumerate(content))


def _part(part: object, param: str) -> str:
    if not isinstance(part, dict):
        raise wrong_type(param, "an object", part)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise missing(f"{param}.type")
    if kind not in _PART_TYPES:
        raise wrong_value(f"{param}.type", kind, _PART_TYPES)
    text = part.get("text", "")
    if not isinstance(text, str):
        raise wrong_type(f"{param}.text", "a string", text)
    return text


def _stop(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and len(value) <= 4 and all(isinstance(item, str) for item in value):
        return tuple(item for item in value if item)
    raise wrong_type("stop", "a string or an array of at most 4 strings", value)
