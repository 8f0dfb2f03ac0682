"""Providers beside OpenAI that are known by name: what their OpenAI-compatible endpoints take.

Counterparts: `providers.py`, which has them looked up; `vault/destinations.py`, which knows the origins of
those with one address for all. A field that only tunes an answer is removed where it is unknown, so that the
same request can go to another provider; one that decides what the answer is is refused, or passes with the
one value that the provider has by itself.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Endpoint
from sealgate.policy.provider_row import (
    MAX_TOKENS,
    ONE_ANSWER,
    OPENAIS_OWN,
    UNKNOWN,
    UNMODERATED,
    EndpointRow,
    Provider,
)

_TEXT_ONLY: Final = MappingProxyType(dict.fromkeys(("audio", "modalities", "moderation"), UNKNOWN))
_NO_ODDS: Final = MappingProxyType(
    {**_TEXT_ONLY, **dict.fromkeys(("logit_bias", "logprobs", "top_logprobs"), UNKNOWN)}
)
_CHAT_OWN: Final = (*OPENAIS_OWN, "prompt_cache_key", "store", "verbosity")
_RESPONSES_OWN: Final = (*OPENAIS_OWN, "background", "prompt_cache_key")
_USAGE: Final = ("include_usage",)


def _bearer(name: str, label: str, endpoints: Mapping[Endpoint, EndpointRow]) -> Provider:
    return Provider(name, label, b"authorization", b"Bearer ", MappingProxyType(dict(endpoints)))


# "OpenAI SDK compatibility", platform.claude.com/docs/en/api/openai-sdk: what it does not know it ignores.
_ANTHROPIC: Final = _bearer(
    "anthropic",
    "Anthropic",
    {
        "chat.completions": EndpointRow(
            b"/v1/chat/completions",
            refused=MappingProxyType({**_NO_ODDS, "response_format": UNKNOWN}),
            only=ONE_ANSWER,
            removed=(*_CHAT_OWN, "frequency_penalty", "presence_penalty", "reasoning_effort", "seed"),
            stream_options=_USAGE,
        ),
        "models": EndpointRow(b"/v1/models"),
    },
)

# "OpenAI compatibility", ai.google.dev/gemini-api/docs/openai: a name that it does not know is a 400.
_GOOGLE: Final = _bearer(
    "google",
    "Google Gemini",
    {
        "chat.completions": EndpointRow(
            b"/v1beta/openai/chat/completions",
            refused=MappingProxyType({**_TEXT_ONLY, "logit_bias": UNKNOWN}),
            removed=_CHAT_OWN,
            stream_options=_USAGE,
        ),
        "embeddings": EndpointRow(b"/v1beta/openai/embeddings"),
        "models": EndpointRow(b"/v1beta/openai/models"),
    },
)

# "Chat Completion API", docs.mistral.ai/api: a name that it does not know is a 422, an effort beside its
# own two as well. Usage comes with the last event, unasked.
_MISTRAL: Final = _bearer(
    "mistral",
    "Mistral",
    {
        "chat.completions": EndpointRow(
            b"/v1/chat/completions",
            refused=_NO_ODDS,
            removed=(*_CHAT_OWN, "reasoning_effort"),
            renamed=MappingProxyType({**MAX_TOKENS, "seed": "random_seed"}),
            stream_options=(),
        ),
        "embeddings": EndpointRow(
            b"/v1/embeddings", renamed=MappingProxyType({"dimensions": "output_dimension"})
        ),
        "models": EndpointRow(b"/v1/models"),
    },
)

# "OpenAI Compatibility", console.groq.com/docs/openai: what it does not take is a 400; names of messages too.
_GROQ: Final = _bearer(
    "groq",
    "Groq",
    {
        "chat.completions": EndpointRow(
            b"/openai/v1/chat/completions",
            refused=_NO_ODDS,
            only=ONE_ANSWER,
            removed=_CHAT_OWN,
            removed_of_messages=("name",),
            stream_options=_USAGE,
        ),
        "responses": EndpointRow(
            b"/openai/v1/responses", refused=UNMODERATED, removed=_RESPONSES_OWN, stream_options=()
        ),
        "models": EndpointRow(b"/openai/v1/models"),
        "audio.speech": EndpointRow(b"/openai/v1/audio/speech"),
        "audio.transcriptions": EndpointRow(b"/openai/v1/audio/transcriptions"),
        "audio.translations": EndpointRow(b"/openai/v1/audio/translations"),
    },
)

# "API Reference", openrouter.ai/docs/api-reference/overview: it hands requests on, by `provider` not to whom
# would keep them. Its Responses API is a beta ("Responses API Beta"), and not offered here.
_NOT_KEPT: Final[Mapping[str, JSON]] = MappingProxyType({"provider": {"data_collection": "deny"}})
_OPENROUTER: Final = _bearer(
    "openrouter",
    "OpenRouter",
    {
        "chat.completions": EndpointRow(
            b"/api/v1/chat/completions",
            refused=UNMODERATED,
            only=ONE_ANSWER,
            removed=(*OPENAIS_OWN, "store"),
            renamed=MAX_TOKENS,
            set=_NOT_KEPT,
            stream_options=_USAGE,
        ),
        "embeddings": EndpointRow(b"/api/v1/embeddings", set=_NOT_KEPT),
        "models": EndpointRow(b"/api/v1/models"),
    },
)

# "Online Serving", docs.vllm.ai/en/stable/serving/online_serving: what it does not know it ignores.
# One's own: its origin is for the operator.
_VLLM: Final = _bearer(
    "vllm",
    "vLLM",
    {
        "chat.completions": EndpointRow(
            b"/v1/chat/completions",
            refused=_TEXT_ONLY,
            removed=_CHAT_OWN,
            renamed=MAX_TOKENS,
            stream_options=_USAGE,
        ),
        "responses": EndpointRow(
            b"/v1/responses", refused=UNMODERATED, removed=_RESPONSES_OWN, stream_options=()
        ),
        "embeddings": EndpointRow(b"/v1/embeddings"),
        "models": EndpointRow(b"/v1/models"),
        "audio.transcriptions": EndpointRow(b"/v1/audio/transcriptions"),
        "audio.translations": EndpointRow(b"/v1/audio/translations"),
    },
)

# "OpenAI compatibility", docs.ollama.com/api/openai-compatibility: what it does not know it ignores.
# One's own, like vLLM. Its images and speech are experiments, and not offered here.
_OLLAMA: Final = _bearer(
    "ollama",
    "Ollama",
    {
        "chat.completions": EndpointRow(
            b"/v1/chat/completions",
            refused=MappingProxyType({**_TEXT_ONLY, "logit_bias": UNKNOWN}),
            only=MappingProxyType({**ONE_ANSWER, "tool_choice": "auto"}),
            removed=(*_CHAT_OWN, "parallel_tool_calls"),
            renamed=MAX_TOKENS,
            stream_options=_USAGE,
        ),
        "responses": EndpointRow(
            b"/v1/responses", refused=UNMODERATED, removed=_RESPONSES_OWN, stream_options=()
        ),
        "embeddings": EndpointRow(b"/v1/embeddings"),
        "models": EndpointRow(b"/v1/models"),
    },
)

PRESETS: Final = (_ANTHROPIC, _GOOGLE, _MISTRAL, _GROQ, _OPENROUTER, _VLLM, _OLLAMA)
