"""The providers: which endpoints each offers, where they stand, how the key goes in, which fields differ.

Counterparts: the request tables, which say what passes for any provider; the proxy, which builds paths and
heads from these rows. A provider that has no row here is refused: nothing is guessed about it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Endpoint
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped


class EndpointRow(Struct, frozen=True):
    """One endpoint of one provider: its path, and what happens to fields of a body that is shaped already.

    In this order: `refused` names fields with the reason, `removed` fields are dropped, `renamed` ones go by
    the provider's name (where both are given, the smaller number counts), `set` ones are given this value.
    """

    path: bytes
    refused: Mapping[str, str] = MappingProxyType({})
    removed: tuple[str, ...] = ()
    renamed: Mapping[str, str] = MappingProxyType({})
    set: Mapping[str, JSON] = MappingProxyType({})
    stream_options: tuple[str, ...] | None = None
    """The stream options that the provider knows; None leaves them as they are."""

    @property
    def unchanged(self) -> bool:
        """True if a shaped body goes up as it is."""
        rules = (self.refused, self.removed, self.renamed, self.set)
        return not any(rules) and self.stream_options is None


class Provider(Struct, frozen=True):
    """One provider: `auth_header` carries `auth_prefix` and the key; `endpoints` by the policy's names."""

    name: str
    label: str
    auth_header: bytes
    auth_prefix: bytes
    endpoints: Mapping[Endpoint, EndpointRow]


_UNKNOWN: Final = "this provider does not know it, and would answer as if it had not been sent"

_MEDIA: Final[Mapping[Endpoint, EndpointRow]] = MappingProxyType(
    {
        "images.generations": EndpointRow(b"/v1/images/generations"),
        "images.edits": EndpointRow(b"/v1/images/edits"),
        "audio.speech": EndpointRow(b"/v1/audio/speech"),
        "audio.transcriptions": EndpointRow(b"/v1/audio/transcriptions"),
        "audio.translations": EndpointRow(b"/v1/audio/translations"),
    }
)

_OPENAI: Final = Provider(
    name="openai",
    label="OpenAI",
    auth_header=b"authorization",
    auth_prefix=b"Bearer ",
    endpoints=MappingProxyType(
        {
            "chat.completions": EndpointRow(b"/v1/chat/completions"),
            "responses": EndpointRow(b"/v1/responses"),
            "embeddings": EndpointRow(b"/v1/embeddings"),
            "moderations": EndpointRow(b"/v1/moderations"),
            "models": EndpointRow(b"/v1/models"),
            **_MEDIA,
        }
    ),
)

# The v1 API, which takes a deployment's name as the model. It has no endpoint for moderations.
_AZURE: Final = Provider(
    name="azure-openai",
    label="Azure OpenAI",
    auth_header=b"api-key",
    auth_prefix=b"",
    endpoints=MappingProxyType(
        {
            "chat.completions": EndpointRow(
                b"/openai/v1/chat/completions", refused=MappingProxyType({"moderation": _UNKNOWN})
            ),
            "responses": EndpointRow(
                b"/openai/v1/responses", refused=MappingProxyType({"moderation": _UNKNOWN})
            ),
            "embeddings": EndpointRow(b"/openai/v1/embeddings"),
            "models": EndpointRow(b"/openai/v1/models"),
        }
    ),
)

# What Ollama, vLLM, llama.cpp and their like have in common: several refuse fields that they do not know, and
# several bound the answer by `max_tokens` alone and would ignore a limit under its newer name.
_COMPATIBLE: Final = Provider(
    name="openai-compatible",
    label="OpenAI-compatible",
    auth_header=b"authorization",
    auth_prefix=b"Bearer ",
    endpoints=MappingProxyType(
        {
            "chat.completions": EndpointRow(
                b"/v1/chat/completions",
                refused=MappingProxyType({"moderation": _UNKNOWN}),
                removed=(
                    "prompt_cache_options",
                    "prompt_cache_retention",
                    "safety_identifier",
                    "service_tier",
                    "store",
                ),
                renamed=MappingProxyType({"max_completion_tokens": "max_tokens"}),
                stream_options=("include_usage",),
            ),
            "responses": EndpointRow(
                b"/v1/responses",
                refused=MappingProxyType({"moderation": _UNKNOWN}),
                removed=(
                    "background",
                    "prompt_cache_options",
                    "prompt_cache_retention",
                    "safety_identifier",
                    "service_tier",
                ),
                stream_options=(),
            ),
            "embeddings": EndpointRow(b"/v1/embeddings"),
            "models": EndpointRow(b"/v1/models"),
            "images.generations": EndpointRow(b"/v1/images/generations", removed=("safety_identifier",)),
            "images.edits": EndpointRow(b"/v1/images/edits", removed=("safety_identifier",)),
            "audio.speech": EndpointRow(b"/v1/audio/speech"),
            "audio.transcriptions": EndpointRow(b"/v1/audio/transcriptions"),
            "audio.translations": EndpointRow(b"/v1/audio/translations"),
        }
    ),
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {provider.name: provider for provider in (_OPENAI, _AZURE, _COMPATIBLE)}
)


def endpoint_row(provider_name: str, endpoint: Endpoint) -> EndpointRow:
    """The row of this endpoint at this provider; raises Refusal where there is none."""
    provider = PROVIDERS.get(provider_name)
    if provider is None:
        raise Refusal(
            "provider_unknown",
            "The application's key belongs to a provider that this proxy does not know.",
            hint="An administrator can deposit a key for another provider, or update the proxy.",
        )
    row = provider.endpoints.get(endpoint)
    if row is None:
        raise Refusal(
            "endpoint_not_at_provider",
            f"{provider.label} does not offer the endpoint '{endpoint}'.",
            hint=f"Use one of: {', '.join(provider.endpoints)}.",
        )
    return row


def fit(shaped: Shaped, row: EndpointRow) -> Shaped:
    """The shaped request as this provider takes it; raises Refusal by field. `shaped` is left as it is."""
    if row.unchanged:
        return shaped
    for name, reason in row.refused.items():
        if name in shaped.body:
            raise Refusal("field_not_allowed", f"This does not pass: {reason}.", name, "Leave it out.")
    body = {name: value for name, value in shaped.body.items() if name not in row.removed}
    for name, its_name in row.renamed.items():
        if name in body:
            body[its_name] = _smaller(body.pop(name), body.get(its_name))
    if row.stream_options is not None:
        _keep_stream_options(body, row.stream_options)
    body.update(row.set)
    return msgspec.structs.replace(shaped, body=body)


def _smaller(value: JSON, other: JSON) -> JSON:
    both_numbers = isinstance(value, int) and isinstance(other, int)
    return min(value, other) if both_numbers else value  # type: ignore[type-var]


def _keep_stream_options(body: dict[str, JSON], known: tuple[str, ...]) -> None:
    options = body.pop("stream_options", None)
    kept = {name: value for name, value in options.items() if name in known} if options else {}  # type: ignore[union-attr]
    if kept:
        body["stream_options"] = kept
