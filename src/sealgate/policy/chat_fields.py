"""What may stand in `POST /v1/chat/completions`: one literal table of fields, parts, roles and tools.

Counterparts: `checks.py` has the words it is written in, `requests.py` applies it, `reference.py` draws
docs/reference/requests.md from it. Each row of CHAT_FIELDS is one parameter of the endpoint.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sealgate.policy.checks import (
    AnyList,
    AnyObject,
    Check,
    Either,
    Flag,
    ListOf,
    MapOf,
    Number,
    ObjectOf,
    OneOf,
    Refused,
    Tagged,
    Text,
    Whole,
)
from sealgate.policy.fields import (
    CACHE_KEY,
    CACHE_MARK,
    CACHE_OPTIONS,
    CACHE_RETENTION,
    GRAMMAR,
    HOSTED,
    IMAGE_URL,
    JSON_SCHEMA,
    METADATA,
    MODERATION,
    NAME,
    OUTPUT_TOKENS,
    SAFETY_IDENTIFIER,
    SERVICE_TIER,
    STORE,
    USER,
    Does,
    Field,
)

_TEXT_PART: Final = ObjectOf(
    {"type": Text(), "text": Text(), "prompt_cache_breakpoint": CACHE_MARK}, ("text",)
)
_IMAGE_PART: Final = ObjectOf(
    {
        "type": Text(),
        "image_url": ObjectOf(
            {
                "url": IMAGE_URL,
                "detail": OneOf(("auto", "low", "high", "original")),
                "file_id": Refused("it names a stored file", "Send the image as a data: or https: URL."),
            },
            ("url",),
        ),
        "prompt_cache_breakpoint": CACHE_MARK,
    },
    ("image_url",),
)
_AUDIO_PART: Final = ObjectOf(
    {
        "type": Text(),
        "input_audio": ObjectOf({"data": Text(), "format": OneOf(("wav", "mp3"))}, ("data", "format")),
        "prompt_cache_breakpoint": CACHE_MARK,
    },
    ("input_audio",),
)
_FILE_PART: Final = ObjectOf(
    {
        "type": Text(),
        "file": ObjectOf(
            {
                "file_data": Text(),
                "filename": Text(256),
                "file_id": Refused("it names a stored file", "Send the file itself as 'file_data'."),
            },
            ("file_data",),
        ),
        "prompt_cache_breakpoint": CACHE_MARK,
    },
    ("file",),
)
_REFUSAL_PART: Final = ObjectOf({"type": Text(), "refusal": Text()}, ("refusal",))

# Which content parts each kind of message may hold.
PARTS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "instructions": Tagged("type", {"text": _TEXT_PART}),
        "user": Tagged(
            "type",
            {"text": _TEXT_PART, "image_url": _IMAGE_PART, "input_audio": _AUDIO_PART, "file": _FILE_PART},
        ),
        "assistant": Tagged("type", {"text": _TEXT_PART, "refusal": _REFUSAL_PART}),
    }
)
_TEXT_CONTENT: Final = Either(Text(), ListOf(PARTS["instructions"], 1, 2_048))
_USER_CONTENT: Final = Either(Text(), ListOf(PARTS["user"], 1, 2_048))
_ASSISTANT_CONTENT: Final = Either(Text(), ListOf(PARTS["assistant"], 0, 2_048))

_FUNCTION_CALL: Final = ObjectOf({"name": NAME, "arguments": Text()}, ("name", "arguments"))
_TOOL_CALL: Final = Tagged(
    "type",
    {
        "function": ObjectOf(
            {"id": Text(256), "type": Text(), "function": _FUNCTION_CALL}, ("id", "function")
        ),
        "custom": ObjectOf(
            {
                "id": Text(256),
                "type": Text(),
                "custom": ObjectOf({"name": NAME, "input": Text()}, ("name", "input")),
            },
            ("id", "custom"),
        ),
    },
)
_INSTRUCTIONS: Final = ObjectOf({"role": Text(), "content": _TEXT_CONTENT, "name": Text(64)}, ("content",))

# The fields of a message, by its role.
ROLES: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "developer": _INSTRUCTIONS,
        "system": _INSTRUCTIONS,
        "user": ObjectOf({"role": Text(), "content": _USER_CONTENT, "name": Text(64)}, ("content",)),
        "assistant": ObjectOf(
            {
                "role": Text(),
                "content": _ASSISTANT_CONTENT,
                "name": Text(64),
                "refusal": Text(),
                "annotations": AnyList(),
                "tool_calls": ListOf(_TOOL_CALL, 0, 128),
                "function_call": _FUNCTION_CALL,
                "audio": Refused(
                    "it names a stored audio answer", "Send the answer's transcript as 'content'."
                ),
            },
        ),
        "tool": ObjectOf(
            {"role": Text(), "content": _TEXT_CONTENT, "tool_call_id": Text(256)}, ("content", "tool_call_id")
        ),
        "function": ObjectOf({"role": Text(), "content": Text(), "name": NAME}, ("name",)),
    }
)

_FUNCTION: Final = ObjectOf(
    {"name": NAME, "description": Text(8_192), "parameters": AnyObject(), "strict": Flag()}, ("name",)
)
_GRAMMAR: Final = ObjectOf(GRAMMAR, ("definition", "syntax"))
_CUSTOM: Final = ObjectOf(
    {
        "name": NAME,
        "description": Text(8_192),
        "format": Tagged(
            "type",
            {
                "text": ObjectOf({"type": Text()}),
                "grammar": ObjectOf({"type": Text(), "grammar": _GRAMMAR}, ("grammar",)),
            },
        ),
    },
    ("name",),
)

# Tools by type. The refused ones stand here for their reason; a type that is not listed is refused as well.
TOOLS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "function": ObjectOf({"type": Text(), "function": _FUNCTION}, ("function",)),
        "custom": ObjectOf({"type": Text(), "custom": _CUSTOM}, ("custom",)),
        "apply_patch": HOSTED,
        "code_interpreter": HOSTED,
        "computer_use_preview": HOSTED,
        "file_search": HOSTED,
        "image_generation": HOSTED,
        "local_shell": HOSTED,
        "mcp": HOSTED,
        "shell": HOSTED,
        "web_search": HOSTED,
        "web_search_preview": HOSTED,
    }
)

_NAMED: Final = ObjectOf({"name": NAME}, ("name",))
_NAMED_TOOLS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "function": ObjectOf({"type": Text(), "function": _NAMED}, ("function",)),
        "custom": ObjectOf({"type": Text(), "custom": _NAMED}, ("custom",)),
    }
)
_ALLOWED_TOOLS: Final = ObjectOf(
    {"mode": OneOf(("auto", "required")), "tools": ListOf(Tagged("type", _NAMED_TOOLS), 1, 128)},
    ("mode", "tools"),
)
_JSON_SCHEMA: Final = ObjectOf(JSON_SCHEMA, ("name",))

# The table: every parameter of the endpoint. What is not here is an unlisted field.
CHAT_FIELDS: Final = MappingProxyType(
    {
        "audio": Field(
            Does.ALLOW,
            ObjectOf(
                {
                    "format": OneOf(("wav", "aac", "mp3", "flac", "opus", "pcm16")),
                    "voice": Either(Text(64), Refused("it names a stored voice", "Name a built-in voice.")),
                },
                ("format", "voice"),
            ),
        ),
        "frequency_penalty": Field(Does.ALLOW, Number(-2, 2)),
        "function_call": Field(Does.ALLOW, Either(OneOf(("none", "auto")), _NAMED)),
        "functions": Field(Does.ALLOW, ListOf(_FUNCTION, 1, 128)),
        "logit_bias": Field(
            Does.ALLOW,
            MapOf(re.compile(r"[0-9]{1,9}"), Number(-100, 100), 1_024, "an object of token ids and biases"),
        ),
        "logprobs": Field(Does.ALLOW, Flag()),
        "max_completion_tokens": Field(
            Does.SET,
            OUTPUT_TOKENS,
            "the smaller of what was asked and the application's limit; set if absent",
        ),
        "max_tokens": Field(
            Does.SET, OUTPUT_TOKENS, "the smaller of what was asked and the application's limit"
        ),
        "messages": Field(Does.ALLOW, ListOf(Tagged("role", ROLES), 1, 4_096)),
        "metadata": METADATA,
        "modalities": Field(Does.ALLOW, ListOf(OneOf(("text", "audio")), 1, 2)),
        "model": Field(Does.ALLOW, Text(128), "it must be on the application's list"),
        "moderation": Field(Does.ALLOW, MODERATION),
        "n": Field(Does.ALLOW, Whole(1, 16), "at most the application's limit of answers"),
        "parallel_tool_calls": Field(Does.ALLOW, Flag()),
        "prediction": Field(
            Does.REFUSE,
            AnyObject(),
            "rejected predictions are billed as output, beyond the limit of output tokens",
        ),
        "presence_penalty": Field(Does.ALLOW, Number(-2, 2)),
        "prompt_cache_key": CACHE_KEY,
        "prompt_cache_options": Field(Does.ALLOW, CACHE_OPTIONS),
        "prompt_cache_retention": CACHE_RETENTION,
        "reasoning_effort": Field(
            Does.ALLOW, OneOf(("none", "minimal", "low", "medium", "high", "xhigh", "max"))
        ),
        "response_format": Field(
            Does.ALLOW,
            Tagged(
                "type",
                {
                    "text": ObjectOf({"type": Text()}),
                    "json_object": ObjectOf({"type": Text()}),
                    "json_schema": ObjectOf({"type": Text(), "json_schema": _JSON_SCHEMA}, ("json_schema",)),
                },
            ),
        ),
        "safety_identifier": SAFETY_IDENTIFIER,
        "seed": Field(Does.ALLOW, Whole(-(2**63), 2**63 - 1)),
        "service_tier": SERVICE_TIER,
        "stop": Field(Does.ALLOW, Either(Text(1_024), ListOf(Text(1_024), 1, 4))),
        "store": STORE,
        "stream": Field(Does.ALLOW, Flag()),
        "stream_options": Field(
            Does.SET,
            ObjectOf({"include_usage": Flag(), "include_obfuscation": Flag()}),
            "only with 'stream'; 'include_usage' is set, and its event withheld from who did not ask",
        ),
        "temperature": Field(Does.ALLOW, Number(0, 2)),
        "tool_choice": Field(
            Does.ALLOW,
            Either(
                OneOf(("none", "auto", "required")),
                Tagged(
                    "type",
                    {
                        **_NAMED_TOOLS,
                        "allowed_tools": ObjectOf(
                            {"type": Text(), "allowed_tools": _ALLOWED_TOOLS}, ("allowed_tools",)
                        ),
                    },
                ),
            ),
        ),
        "tools": Field(Does.ALLOW, ListOf(Tagged("type", TOOLS), 1, 128)),
        "top_logprobs": Field(Does.ALLOW, Whole(0, 20)),
        "top_p": Field(Does.ALLOW, Number(0, 1)),
        "user": USER,
        "verbosity": Field(Does.ALLOW, OneOf(("low", "medium", "high"))),
        "web_search_options": Field(
            Does.REFUSE,
            AnyObject(),
            "the provider would send parts of the prompt to a search, billed by the call",
        ),
    }
)
REQUIRED: Final = ("messages", "model")
