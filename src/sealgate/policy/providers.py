"""The providers: which endpoints each offers, where they stand, how the key goes in, which fields differ.

Counterparts: `provider_presets.py`, where others than OpenAI and its like stand; the request tables, which
say what passes for any provider; the proxy, which builds paths and heads from these rows. A provider that has
no row here is refused: nothing is guessed about it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Endpoint
from sealgate.policy.provider_presets import PRESETS
from sealgate.policy.provider_row import MAX_TOKENS, OPENAIS_OWN, UNMODERATED, EndpointRow, Provider
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped

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
            "chat.completions": EndpointRow(b"/openai/v1/chat/completions", refused=UNMODERATED),
            "responses": EndpointRow(b"/openai/v1/responses", refused=UNMODERATED),
            "embeddings": EndpointRow(b"/openai/v1/embeddings"),
            "models": EndpointRow(b"/openai/v1/models"),
        }
    ),
)

# What llama.cpp, LocalAI and their like have in common: several refuse fields that they do not know, and
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
                refused=UNMODERATED,
                removed=(*OPENAIS_OWN, "store"),
                renamed=MAX_TOKENS,
                stream_options=("include_usage",),
            ),
            "responses": EndpointRow(
                b"/v1/responses",
                refused=UNMODERATED,
                removed=("background", *OPENAIS_OWN),
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
    {provider.name: provider for provider in (_OPENAI, _AZURE, *PRESETS, _COMPATIBLE)}
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


def check_fit(shaped: Shaped, row: EndpointRow) -> None:
    """Raise Refusal by field for what this provider cannot be asked."""
    for name, reason in row.refused.items():
        if name in shaped.body:
            raise Refusal("field_not_allowed", f"This does not pass: {reason}.", name, "Leave it out.")
    for name, value in row.only.items():
        if shaped.body.get(name, value) != value:
            says = msgspec.json.encode(value).decode()
            raise Refusal(
                "invalid_value", f"This provider knows nothing but {says} here.", name, "Leave it out."
            )


def fit(shaped: Shaped, row: EndpointRow, model: str = "") -> Shaped:
    """The shaped request as this provider takes it, for another model if one is given; raises Refusal by
    field. `shaped` is left as it is."""
    if model and model != shaped.model:
        shaped = msgspec.structs.replace(shaped, body={**shaped.body, "model": model}, model=model)
    if row.unchanged:
        return shaped
    check_fit(shaped, row)
    body = {
        name: value for name, value in shaped.body.items() if name not in row.removed and name not in row.only
    }
    if row.removed_of_messages:
        body["messages"] = _without(body["messages"], row.removed_of_messages)
    for name, its_name in row.renamed.items():
        if name in body:
            body[its_name] = _smaller(body.pop(name), body.get(its_name))
    if row.stream_options is not None:
        _keep_stream_options(body, row.stream_options)
    body.update(row.set)
    return msgspec.structs.replace(shaped, body=body)


def _without(messages: JSON, names: tuple[str, ...]) -> JSON:
    return [
        {name: value for name, value in message.items() if name not in names}  # type: ignore[union-attr]
        for message in messages  # type: ignore[union-attr]
    ]


def _smaller(value: JSON, other: JSON) -> JSON:
    both_numbers = isinstance(value, int) and isinstance(other, int)
    return min(value, other) if both_numbers else value  # type: ignore[type-var]


def _keep_stream_options(body: dict[str, JSON], known: tuple[str, ...]) -> None:
    options = body.pop("stream_options", None)
    kept = {name: value for name, value in options.items() if name in known} if options else {}  # type: ignore[union-attr]
    if kept:
        body["stream_options"] = kept
