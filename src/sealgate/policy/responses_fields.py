"""What may stand in `POST /v1/responses`: one literal table of fields, input items, parts and tools.

Counterparts: `fields.py` has the rows shared with chat, `shapes.py` applies it, `reference.py` draws it. This
endpoint keeps what it answers unless it is told not to, and can name what it kept: that is what stays out.
"""

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
    Number,
    ObjectOf,
    OneOf,
    OnlyFalse,
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
    REFERENCES,
    SAFETY_IDENTIFIER,
    SERVICE_TIER,
    STORE,
    USER,
    Does,
    Field,
)

_SEND_FILE: Final = "Send the file itself as 'file_data'."
_INPUT_PARTS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "input_text": ObjectOf(
            {"type": Text(), "text": Text(), "prompt_cache_breakpoint": CACHE_MARK}, ("text",)
        ),
        "input_image": ObjectOf(
            {
                "type": Text(),
                "image_url": IMAGE_URL,
                "detail": OneOf(("auto", "low", "high", "original")),
                "file_id": Refused("it names a stored file", "Send the image as a data: or https: URL."),
                "prompt_cache_breakpoint": CACHE_MARK,
            },
            ("image_url",),
        ),
        "input_file": ObjectOf(
            {
                "type": Text(),
                "file_data": Text(),
                "filename": Text(256),
                "detail": OneOf(("auto", "low", "high")),
                "file_id": Refused("it names a stored file", _SEND_FILE),
                "file_url": Refused("it has the provider fetch a file", _SEND_FILE),
                "prompt_cache_breakpoint": CACHE_MARK,
            },
            ("file_data",),
        ),
    }
)
_CITATION: Final = Tagged(
    "type",
    {
        "url_citation": AnyObject(),
        "file_citation": Refused("it names a stored file"),
        "file_path": Refused("it names a stored file"),
        "container_file_citation": Refused("it names a stored container"),
    },
)
_OUTPUT_PARTS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "output_text": ObjectOf(
            {
                "type": Text(),
                "text": Text(),
                "annotations": ListOf(_CITATION, 0, 256),
                "logprobs": AnyList(),
            },
            ("text",),
        ),
        "refusal": ObjectOf({"type": Text(), "refusal": Text()}, ("refusal",)),
    }
)
# Which parts each kind of message may hold.
PARTS: Final[Mapping[str, Tagged]] = MappingProxyType(
    {"user": Tagged("type", _INPUT_PARTS), "assistant": Tagged("type", _OUTPUT_PARTS)}
)
_INPUT: Final = Either(Text(), ListOf(PARTS["user"], 1, 2_048))
_OUTPUT: Final = Either(Text(), ListOf(PARTS["assistant"], 0, 2_048))

_STATUS: Final = OneOf(("in_progress", "completed", "incomplete"))
# An item may carry the id that it had in an answer. Nothing is stored under it; it is left out upstream.
_ITEM: Final[Mapping[str, Check]] = {"type": Text(), "id": Text(256), "status": _STATUS}
_ASKED: Final = ObjectOf({**_ITEM, "role": Text(), "content": _INPUT}, ("content",))
MESSAGES: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "developer": _ASKED,
        "system": _ASKED,
        "user": _ASKED,
        "assistant": ObjectOf(
            {**_ITEM, "role": Text(), "content": _OUTPUT, "phase": OneOf(("commentary", "final_answer"))},
            ("content",),
        ),
    }
)
_CALLER: Final = Tagged("type", {"direct": ObjectOf({"type": Text()})})
_CALL: Final[Mapping[str, Check]] = {**_ITEM, "call_id": Text(256), "name": NAME, "caller": _CALLER}
_RESULT: Final = ObjectOf(
    {**_ITEM, "call_id": Text(256), "name": NAME, "caller": _CALLER, "output": _INPUT}, ("call_id", "output")
)
_ELSEWHERE: Final = Refused(
    "it comes from a tool that is not offered here", "Leave it out; offer 'function' or 'custom' tools."
)

# The items of a conversation, by type; one without a type is a message.
ITEMS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "message": Tagged("role", MESSAGES),
        "reasoning": ObjectOf(
            {
                **_ITEM,
                "summary": ListOf(ObjectOf({"type": Text(), "text": Text()}, ("text",)), 0, 256),
                "content": ListOf(ObjectOf({"type": Text(), "text": Text()}, ("text",)), 0, 256),
                "encrypted_content": Text(),
            }
        ),
        "function_call": ObjectOf({**_CALL, "arguments": Text()}, ("call_id", "name", "arguments")),
        "function_call_output": _RESULT,
        "custom_tool_call": ObjectOf({**_CALL, "input": Text()}, ("call_id", "name", "input")),
        "custom_tool_call_output": _RESULT,
        "item_reference": Refused("it names a stored item", "Send the item itself."),
        "additional_tools": Refused("tools come in 'tools', where each is checked", "Use 'tools'."),
        "apply_patch_call": _ELSEWHERE,
        "apply_patch_call_output": _ELSEWHERE,
        "code_interpreter_call": _ELSEWHERE,
        "compaction": Refused("conversations are not compacted at the provider", "Send fewer items."),
        "compaction_trigger": Refused("conversations are not compacted at the provider", "Send fewer items."),
        "computer_call": _ELSEWHERE,
        "computer_call_output": _ELSEWHERE,
        "configuration_update": Refused("settings come as fields, where each is checked", "Use fields."),
        "file_search_call": _ELSEWHERE,
        "image_generation_call": _ELSEWHERE,
        "local_shell_call": _ELSEWHERE,
        "local_shell_call_output": _ELSEWHERE,
        "mcp_approval_request": _ELSEWHERE,
        "mcp_approval_response": _ELSEWHERE,
        "mcp_call": _ELSEWHERE,
        "mcp_list_tools": _ELSEWHERE,
        "program": _ELSEWHERE,
        "program_output": _ELSEWHERE,
        "shell_call": _ELSEWHERE,
        "shell_call_output": _ELSEWHERE,
        "tool_search_call": _ELSEWHERE,
        "tool_search_output": _ELSEWHERE,
        "web_search_call": _ELSEWHERE,
    }
)

_OWN_CALLERS: Final = ListOf(OneOf(("direct",)), 1, 1)
_NOT_OFFERED: Final = Refused("only plain tools are offered here", "Offer 'function' or 'custom' tools.")

# Tools by type. The refused ones stand here for their reason; a type that is not listed is refused as well.
TOOLS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "function": ObjectOf(
            {
                "type": Text(),
                "name": NAME,
                "description": Text(8_192),
                "parameters": AnyObject(),
                "strict": Flag(),
                "output_schema": AnyObject(),
                "allowed_callers": _OWN_CALLERS,
            },
            ("name",),
        ),
        "custom": ObjectOf(
            {
                "type": Text(),
                "name": NAME,
                "description": Text(8_192),
                "format": Tagged(
                    "type",
                    {
                        "text": ObjectOf({"type": Text()}),
                        "grammar": ObjectOf({"type": Text(), **GRAMMAR}, ("definition", "syntax")),
                    },
                ),
                "allowed_callers": _OWN_CALLERS,
            },
            ("name",),
        ),
        "apply_patch": _NOT_OFFERED,
        "code_interpreter": HOSTED,
        "computer": _NOT_OFFERED,
        "computer_use": _NOT_OFFERED,
        "computer_use_preview": _NOT_OFFERED,
        "file_search": HOSTED,
        "image_generation": HOSTED,
        "local_shell": _NOT_OFFERED,
        "mcp": HOSTED,
        "namespace": _NOT_OFFERED,
        "programmatic_tool_calling": HOSTED,
        "shell": HOSTED,
        "tool_search": HOSTED,
        "web_search": HOSTED,
        "web_search_2025_08_26": HOSTED,
        "web_search_preview": HOSTED,
        "web_search_preview_2025_03_11": HOSTED,
    }
)
_NAMED_TOOLS: Final[Mapping[str, Check]] = MappingProxyType(
    {kind: ObjectOf({"type": Text(), "name": NAME}, ("name",)) for kind in ("function", "custom")}
)

_STORED_FILES: Final = "it asks for what hosted tools found in stored files"
_HOSTED_OUTPUT: Final = "it asks for the output of a hosted tool"
INCLUDE: Final = OneOf(
    ("message.output_text.logprobs", "reasoning.encrypted_content"),
    MappingProxyType(
        {
            "code_interpreter_call.outputs": _HOSTED_OUTPUT,
            "computer_call_output.output.image_url": "it asks for a stored image",
            "file_search_call.results": _STORED_FILES,
            "message.input_image.image_url": "it asks for a stored image",
            "web_search_call.action.sources": _HOSTED_OUTPUT,
            "web_search_call.results": _HOSTED_OUTPUT,
        }
    ),
)


def _reference(name: str) -> Field:
    return Field(Does.REFUSE, AnyObject(), REFERENCES[name])


# The table: every parameter of the endpoint. What is not here is an unlisted field.
RESPONSES_FIELDS: Final = MappingProxyType(
    {
        "access_programs": Field(
            Does.REFUSE, AnyObject(), "it asks for access that belongs to the key's owner"
        ),
        "background": Field(Does.ALLOW, OnlyFalse(REFERENCES["background"])),
        "background_options": _reference("background_options"),
        "context_management": Field(
            Does.REFUSE,
            AnyList(),
            "the provider would sum up the conversation, beyond the limit of output tokens",
        ),
        "conversation": _reference("conversation"),
        "image": Field(Does.ALLOW, ObjectOf({"context_compression": OneOf(("auto", "enabled", "disabled"))})),
        "include": Field(
            Does.ALLOW, ListOf(INCLUDE, 0, 8), "the others ask for stored items or the output of hosted tools"
        ),
        "input": Field(Does.ALLOW, Either(Text(), ListOf(Tagged("type", ITEMS, "message"), 1, 4_096))),
        "instructions": Field(Does.ALLOW, Text()),
        "max_output_tokens": Field(
            Does.SET,
            OUTPUT_TOKENS,
            "the smaller of what was asked and the application's limit; set if absent",
        ),
        "max_tool_calls": Field(Does.ALLOW, Whole(1, 1_024)),
        "metadata": METADATA,
        "model": Field(Does.ALLOW, Text(128), "it must be on the application's list"),
        "moderation": Field(Does.ALLOW, MODERATION),
        "parallel_tool_calls": Field(Does.ALLOW, Flag()),
        "previous_response_id": _reference("previous_response_id"),
        "prompt": _reference("prompt"),
        "prompt_cache_key": CACHE_KEY,
        "prompt_cache_options": Field(Does.ALLOW, CACHE_OPTIONS),
        "prompt_cache_retention": CACHE_RETENTION,
        "reasoning": Field(
            Does.ALLOW,
            ObjectOf(
                {
                    "effort": OneOf(("none", "minimal", "low", "medium", "high", "xhigh", "max")),
                    "summary": OneOf(("auto", "concise", "detailed")),
                    "generate_summary": OneOf(("auto", "concise", "detailed")),
                    "context": OneOf(("auto", "current_turn", "all_turns")),
                    "mode": OneOf(("standard",), {"pro": "it costs more than the model's price"}),
                }
            ),
        ),
        "safety_identifier": SAFETY_IDENTIFIER,
        "service_tier": SERVICE_TIER,
        "store": STORE,
        "stream": Field(Does.ALLOW, Flag()),
        "stream_options": Field(Does.ALLOW, ObjectOf({"include_obfuscation": Flag()}), "only with 'stream'"),
        "temperature": Field(Does.ALLOW, Number(0, 2)),
        "text": Field(
            Does.ALLOW,
            ObjectOf(
                {
                    "format": Tagged(
                        "type",
                        {
                            "text": ObjectOf({"type": Text()}),
                            "json_object": ObjectOf({"type": Text()}),
                            "json_schema": ObjectOf({"type": Text(), **JSON_SCHEMA}, ("name", "schema")),
                        },
                    ),
                    "verbosity": OneOf(("low", "medium", "high")),
                }
            ),
        ),
        "tool_choice": Field(
            Does.ALLOW,
            Either(
                OneOf(("none", "auto", "required")),
                Tagged(
                    "type",
                    {
                        **_NAMED_TOOLS,
                        "allowed_tools": ObjectOf(
                            {
                                "type": Text(),
                                "mode": OneOf(("auto", "required")),
                                "tools": ListOf(Tagged("type", _NAMED_TOOLS), 1, 128),
                            },
                            ("mode", "tools"),
                        ),
                    },
                ),
            ),
        ),
        "tools": Field(Does.ALLOW, ListOf(Tagged("type", TOOLS), 0, 128)),
        "top_logprobs": Field(Does.ALLOW, Whole(0, 20)),
        "top_p": Field(Does.ALLOW, Number(0, 1)),
        "truncation": Field(Does.ALLOW, OneOf(("auto", "disabled"))),
        "user": USER,
    }
)
REQUIRED: Final = ("input", "model")
