"""What may stand in `POST /v1/chat/completions`: one literal table of fields, parts, roles and tools.

Counterparts: `checks.py` has the words it is written in, `requests.py` applies it, `reference.py` draws
docs/reference/requests.md from it. A reference to anything stored at the provider never passes: one key
serves many users, and such a reference would let one of them reach another's data.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from sealgate.policy.checks import (
    AnyList,
    AnyObject,
    Check,
    Either,
    Flag,
    ListOf,
    MapOf,
    Matching,
    Number,
    ObjectOf,
    OneOf,
    Refused,
    Tagged,
    Text,
    Whole,
)


class Does(StrEnum):
    """What happens to a field."""

    ALLOW = "allowed"
    SET = "set"
    REMOVE = "removed"
    REFUSE = "refused"


class Field(Struct, frozen=True):
    """One row of the table; `note` is the reason, for the documentation and for the refusal."""

    does: Does
    check: Check
    note: str = ""


# Names that lead to something stored at the provider, or to a service it would call. They do not pass even
# where an application lets unlisted fields pass.
REFERENCES: Final = MappingProxyType(
    {
        "assistant_id": "it names a stored assistant",
        "authorization": "it carries a credential for a hosted connector",
        "background": "it has the answer stored at the provider",
        "connector_id": "it names a hosted connector",
        "container": "it names a stored container",
        "container_id": "it names a stored container",
        "conversation": "it names a stored conversation",
        "file_id": "it names a stored file",
        "file_ids": "it names stored files",
        "file_url": "it has the provider fetch a file",
        "include": "it asks for the output of hosted tools",
        "instructions_id": "it names stored instructions",
        "mcp_servers": "it names services that the provider would call",
        "previous_response_id": "it names a stored response",
        "prompt": "it names a stored prompt",
        "prompt_id": "it names a stored prompt",
        "server_label": "it names a hosted connector",
        "server_url": "it names a service that the provider would call",
        "thread_id": "it names a stored thread",
        "vector_store_id": "it names a stored vector store",
        "vector_store_ids": "it names stored vector stores",
    }
)

_HOSTED: Final = Refused(
    "the provider would run this tool, with the shared key's rights",
    "Offer 'function' or 'custom' tools, which your application runs.",
)
_NAME: Final = Matching(
    re.compile(r"[A-Za-z0-9_-]{1,64}\Z"), "a name of 1 to 64 characters of A-Z a-z 0-9 _ -"
)
_CACHE_MARK: Final = ObjectOf({"mode": OneOf(("explicit",)), "ttl": OneOf(("30m",))}, ("mode",))

_TEXT_PART: Final = ObjectOf(
    {"type": Text(), "text": Text(), "prompt_cache_breakpoint": _CACHE_MARK}, ("text",)
)
_IMAGE_PART: Final = ObjectOf(
    {
        "type": Text(),
        "image_url": ObjectOf(
            {
                "url": Matching(
                    re.compile(
                        r"data:image/(?:png|jpeg|webp|gif);base64,|https://[^\s/?#@\\]+(?:[/?#][^\s]*)?\Z"
                    ),
                    "a data: URL of a PNG, JPEG, WebP or GIF image, or an https: URL without a user name",
                ),
                "detail": OneOf(("auto", "low", "high", "original")),
                "file_id": Refused("it names a stored file", "Send the image as a data: or https: URL."),
            },
            ("url",),
        ),
        "prompt_cache_breakpoint": _CACHE_MARK,
    },
    ("image_url",),
)
_AUDIO_PART: Final = ObjectOf(
    {
        "type": Text(),
        "input_audio": ObjectOf({"data": Text(), "format": OneOf(("wav", "mp3"))}, ("data", "format")),
        "prompt_cache_breakpoint": _CACHE_MARK,
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
        "prompt_cache_breakpoint": _CACHE_MARK,
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

_FUNCTION_CALL: Final = ObjectOf({"name": _NAME, "arguments": Text()}, ("name", "arguments"))
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
                "custom": ObjectOf({"name": _NAME, "input": Text()}, ("name", "input")),
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
        "function": ObjectOf({"role": Text(), "content": Text(), "name": _NAME}, ("name",)),
    }
)

_FUNCTION: Final = ObjectOf(
    {"name": _NAME, "description": Text(8_192), "parameters": AnyObject(), "strict": Flag()}, ("name",)
)
_GRAMMAR: Final = ObjectOf(
    {"definition": Text(), "syntax": OneOf(("lark", "regex"))}, ("definition", "syntax")
)
_CUSTOM: Final = ObjectOf(
    {
        "name": _NAME,
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
        "apply_patch": _HOSTED,
        "code_interpreter": _HOSTED,
        "computer_use_preview": _HOSTED,
        "file_search": _HOSTED,
        "image_generation": _HOSTED,
        "local_shell": _HOSTED,
        "mcp": _HOSTED,
        "shell": _HOSTED,
        "web_search": _HOSTED,
        "web_search_preview": _HOSTED,
    }
)

_NAMED: Final = ObjectOf({"name": _NAME}, ("name",))
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
_JSON_SCHEMA: Final = ObjectOf(
    {"name": _NAME, "description": Text(8_192), "schema": AnyObject(), "strict": Flag()}, ("name",)
)
_MODERATION_MODE: Final = ObjectOf({"mode": OneOf(("score", "block"))}, ("mode",))
_OUTPUT_TOKENS: Final = Whole(1, 10_000_000)

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
            _OUTPUT_TOKENS,
            "the smaller of what was asked and the application's limit; set if absent",
        ),
        "max_tokens": Field(
            Does.SET, _OUTPUT_TOKENS, "the smaller of what was asked and the application's limit"
        ),
        "messages": Field(Does.ALLOW, ListOf(Tagged("role", ROLES), 1, 4_096)),
        "metadata": Field(Does.REMOVE, AnyObject(), "it belongs to stored answers, and nothing is stored"),
        "modalities": Field(Does.ALLOW, ListOf(OneOf(("text", "audio")), 1, 2)),
        "model": Field(Does.ALLOW, Text(128), "it must be on the application's list"),
        "moderation": Field(
            Does.ALLOW,
            ObjectOf(
                {
                    "model": Matching(
                        re.compile(r"(?:omni|text)-moderation-[a-z0-9-]{1,32}\Z"), "a moderation model"
                    ),
                    "policy": ObjectOf({"input": _MODERATION_MODE, "output": _MODERATION_MODE}),
                },
                ("model",),
            ),
        ),
        "n": Field(Does.ALLOW, Whole(1, 1), "each further answer would cost its tokens again"),
        "parallel_tool_calls": Field(Does.ALLOW, Flag()),
        "prediction": Field(
            Does.REFUSE,
            AnyObject(),
            "rejected predictions are billed as output, beyond the limit of output tokens",
        ),
        "presence_penalty": Field(Does.ALLOW, Number(-2, 2)),
        "prompt_cache_key": Field(
            Does.REMOVE,
            Text(),
            "it would tell the provider the host's name of a user; caching works without it",
        ),
        "prompt_cache_options": Field(
            Does.ALLOW, ObjectOf({"mode": OneOf(("implicit", "explicit")), "ttl": OneOf(("30m",))})
        ),
        "prompt_cache_retention": Field(
            Does.ALLOW, OneOf(("in_memory",)), "longer retention would keep prompts at the provider for a day"
        ),
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
        "safety_identifier": Field(
            Does.SET, Text(), "the end user's pseudonym where it is known, else removed"
        ),
        "seed": Field(Does.ALLOW, Whole(-(2**63), 2**63 - 1)),
        "service_tier": Field(
            Does.ALLOW, OneOf(("auto", "default", "flex")), "the other tiers cost more than the model's price"
        ),
        "stop": Field(Does.ALLOW, Either(Text(1_024), ListOf(Text(1_024), 1, 4))),
        "store": Field(Does.SET, Flag(), "always false: nothing is stored at the provider"),
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
        "user": Field(Does.REMOVE, Text(), "it would tell the provider the host's name of a user"),
        "verbosity": Field(Does.ALLOW, OneOf(("low", "medium", "high"))),
        "web_search_options": Field(
            Does.REFUSE,
            AnyObject(),
            "the provider would send parts of the prompt to a search, billed by the call",
        ),
    }
)
REQUIRED: Final = ("messages", "model")
