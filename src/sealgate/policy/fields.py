"""What the request tables share: what can happen to a field, references, and checks used by several.

Counterparts: `chat_fields.py`, `responses_fields.py` and `input_fields.py` are the tables, `requests.py` and
`shapes.py` apply them. A reference to anything stored at the provider never passes: one key serves many
users, and such a reference would let one of them reach another's data.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from sealgate.policy.checks import AnyObject, Check, Flag, Matching, ObjectOf, OneOf, Refused, Text, Whole


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
        "approval_request_id": "it names a stored request for approval",
        "assistant_id": "it names a stored assistant",
        "authorization": "it carries a credential for a hosted connector",
        "background": "it has the answer stored at the provider",
        "background_options": "it has the answer stored at the provider",
        "caller_id": "it names a stored program",
        "comparison_response_id": "it names a stored response",
        "connector_id": "it names a hosted connector",
        "container": "it names a stored container",
        "container_id": "it names a stored container",
        "continuation_id": "it ties stored answers together",
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
        "skill_id": "it names a stored skill",
        "thread_id": "it names a stored thread",
        "tunnel_id": "it names a service that the provider would call",
        "vector_store_id": "it names a stored vector store",
        "vector_store_ids": "it names stored vector stores",
    }
)

HOSTED: Final = Refused(
    "the provider would run this tool, with the shared key's rights",
    "Offer 'function' or 'custom' tools, which your application runs.",
)
NAME: Final = Matching(
    re.compile(r"[A-Za-z0-9_-]{1,64}\Z"), "a name of 1 to 64 characters of A-Z a-z 0-9 _ -"
)
CACHE_MARK: Final = ObjectOf({"mode": OneOf(("explicit",)), "ttl": OneOf(("30m",))}, ("mode",))
IMAGE_URL: Final = Matching(
    re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,|https://[^\s/?#@\\]+(?:[/?#][^\s]*)?\Z"),
    "a data: URL of a PNG, JPEG, WebP or GIF image, or an https: URL without a user name",
)
GRAMMAR: Final[Mapping[str, Check]] = {"definition": Text(), "syntax": OneOf(("lark", "regex"))}
JSON_SCHEMA: Final[Mapping[str, Check]] = {
    "name": NAME,
    "description": Text(8_192),
    "schema": AnyObject(),
    "strict": Flag(),
}
MODERATION_MODEL: Final = Matching(
    re.compile(r"(?:omni|text)-moderation-[a-z0-9-]{1,32}\Z"), "a moderation model"
)
_MODERATION_MODE: Final = ObjectOf({"mode": OneOf(("score", "block"))}, ("mode",))
MODERATION: Final = ObjectOf(
    {
        "model": MODERATION_MODEL,
        "policy": ObjectOf({"input": _MODERATION_MODE, "output": _MODERATION_MODE}),
    },
    ("model",),
)
OUTPUT_TOKENS: Final = Whole(1, 10_000_000)
CACHE_OPTIONS: Final = ObjectOf(
    {
        "mode": OneOf(("implicit", "explicit")),
        "ttl": OneOf(("30m",)),
        "comparison_response_id": Refused("it names a stored response"),
    }
)

# Rows that are the same at every endpoint that has the field.
METADATA: Final = Field(Does.REMOVE, AnyObject(), "it belongs to stored answers, and nothing is stored")
CACHE_KEY: Final = Field(
    Does.REMOVE, Text(), "it would tell the provider the host's name of a user; caching works without it"
)
_KEPT_A_DAY: Final = "longer retention would keep prompts at the provider for a day"
CACHE_RETENTION: Final = Field(Does.ALLOW, OneOf(("in_memory",), {"24h": _KEPT_A_DAY}), _KEPT_A_DAY)
_DEAR: Final = "the other tiers cost more than the model's price"
SAFETY_IDENTIFIER: Final = Field(Does.SET, Text(), "the end user's pseudonym where it is known, else removed")
SERVICE_TIER: Final = Field(
    Does.ALLOW,
    OneOf(("auto", "default", "flex"), dict.fromkeys(("fast", "priority", "scale", "ultrafast"), _DEAR)),
    _DEAR,
)
STORE: Final = Field(Does.SET, Flag(), "always false: nothing is stored at the provider")
USER: Final = Field(Does.REMOVE, Text(), "it would tell the provider the host's name of a user")
