"""Shape the requests of the endpoints beside chat completions, and say which endpoints an application offers.

Counterparts: `responses_fields.py` and `input_fields.py`, the tables; `requests.py`, which shapes chat
completions and has what they share; `providers.py`, which fits a shaped request to its provider.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from sealgate.policy import responses_fields
from sealgate.policy.bodies import JSON
from sealgate.policy.document import Endpoint, Policy
from sealgate.policy.fields import MODERATION_MODEL
from sealgate.policy.input_fields import (
    DEFAULT_MODERATION_MODEL,
    EMBEDDINGS_FIELDS,
    EMBEDDINGS_REQUIRED,
    MODERATIONS_FIELDS,
    MODERATIONS_REQUIRED,
)
from sealgate.policy.media import shape_generation, shape_speech
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped, bytes_of, check_model, listed_fields, shape_chat

_TEXT_MEMBERS: Final = ("text", "refusal", "arguments", "input", "output", "content", "summary")
_BYTES_PER_TOKEN: Final = 4


def check_offered(endpoint: Endpoint, policy: Policy) -> None:
    """Raise Refusal where the application does not offer this endpoint to its sessions."""
    if endpoint not in policy.endpoints:
        offered = ", ".join(policy.endpoints)
        raise Refusal(
            "endpoint_not_allowed",
            f"The application does not offer the endpoint '{endpoint}'.",
            hint=f"Use one of: {offered}." if offered else "An administrator can add it.",
        )


def shape_responses(body: dict[str, JSON], policy: Policy, pseudonym: str | None) -> Shaped:
    """Check a request of the Responses API and shape it for the provider; raises Refusal by field.

    `pseudonym` stands for the end user at the provider. The given body is left as it is.
    """
    shaped = listed_fields(body, responses_fields.RESPONSES_FIELDS, responses_fields.REQUIRED, policy)
    model = check_model(shaped["model"], policy.models)
    shaped["store"] = False
    shaped.pop("safety_identifier", None)
    if pseudonym is not None:
        shaped["safety_identifier"] = pseudonym
    stream = shaped.get("stream") is True
    if not stream and "stream_options" in shaped:
        raise Refusal(
            "invalid_value", "This only goes with 'stream': true.", "stream_options", "Leave it out."
        )
    asked = shaped.get("max_output_tokens")
    limit = policy.limits.output_tokens
    clamp = min(limit, asked) if isinstance(asked, int) else limit
    shaped["max_output_tokens"] = clamp
    shaped["input"] = _without_ids(shaped["input"])
    return Shaped(
        body=shaped,
        model=model,
        stream=stream,
        include_usage_asked=True,  # every stream of this API ends with its usage: nothing is withheld
        output_tokens_clamp=clamp,
        input_bytes=_bytes_in(shaped["input"]) + _bytes_in(shaped.get("instructions")),
    )


def shape_embeddings(body: dict[str, JSON], policy: Policy, pseudonym: str | None) -> Shaped:
    """Check a request for embeddings; nothing in it names the end user, so the `pseudonym` stays here."""
    del pseudonym
    shaped = listed_fields(body, EMBEDDINGS_FIELDS, EMBEDDINGS_REQUIRED, policy)
    return _only_input(shaped, check_model(shaped["model"], policy.models))


def shape_moderations(body: dict[str, JSON], policy: Policy, pseudonym: str | None) -> Shaped:
    """Check a request for moderation; moderation models need not be on the application's list."""
    del pseudonym
    shaped = listed_fields(body, MODERATIONS_FIELDS, MODERATIONS_REQUIRED, policy)
    model = shaped.setdefault("model", DEFAULT_MODERATION_MODEL)
    if not isinstance(model, str) or MODERATION_MODEL.pattern.match(model) is None:
        model = check_model(model, policy.models)
    return _only_input(shaped, model)


# All that take JSON and go to a provider; `media.FORMS` are the endpoints that take a form.
SHAPES: Final[Mapping[Endpoint, Callable[[dict[str, JSON], Policy, str | None], Shaped]]] = MappingProxyType(
    {
        "chat.completions": shape_chat,
        "responses": shape_responses,
        "embeddings": shape_embeddings,
        "moderations": shape_moderations,
        "images.generations": shape_generation,
        "audio.speech": shape_speech,
    }
)


def _only_input(shaped: dict[str, JSON], model: str) -> Shaped:
    return Shaped(
        body=shaped,
        model=model,
        stream=False,
        include_usage_asked=True,
        output_tokens_clamp=0,
        input_bytes=_bytes_in(shaped["input"]),
    )


def _without_ids(items: JSON) -> JSON:
    """The items as what they say, not as names of stored ones: the provider would look an id up."""
    if not isinstance(items, list):
        return items
    return [
        {name: member for name, member in item.items() if name != "id"} if isinstance(item, dict) else item
        for item in items
    ]


def _bytes_in(value: JSON) -> int:
    """The UTF-8 bytes of all text, for an estimate of its tokens; images and files do not count."""
    if isinstance(value, str):
        return bytes_of(value)
    if isinstance(value, list):
        return sum(_bytes_in(member) for member in value)
    if isinstance(value, dict):
        return sum(_bytes_in(value.get(name)) for name in _TEXT_MEMBERS)
    return _BYTES_PER_TOKEN if isinstance(value, int) else 0
