"""What the proxy serves, and what it refuses with a reason: two literal tables.

Counterpart: `server.py` asks `find` for every request. With one shared key an end user must not reach
another's data, so only endpoints that keep nothing are offered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from sealgate.policy.document import Endpoint as PolicyEndpoint
from sealgate.proxy.errors import ProxyError


class Kind(StrEnum):
    """Who answers."""

    PROVIDER = "provider"
    """The provider, over the proxy."""
    MODELS = "models"
    ME = "me"
    SCRIPT = "script"


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint: `permission` is what a session needs (an action's id is added to it).

    `offered` is the name under which an application offers it for direct use; None for the assistant's own.
    """

    name: str
    kind: Kind
    method: bytes
    permission: str = ""
    offered: PolicyEndpoint | None = None


class Route(msgspec.Struct, frozen=True):
    """An endpoint, and the last part of the path where the table has a prefix."""

    endpoint: Endpoint
    rest: str = ""


class Prefix(msgspec.Struct, frozen=True):
    """An endpoint whose path ends in a name of this form."""

    endpoint: Endpoint
    name: re.Pattern[bytes]


CHAT = Endpoint("chat.completions", Kind.PROVIDER, b"POST", "api:chat.completions", "chat.completions")
RESPONSES = Endpoint("responses", Kind.PROVIDER, b"POST", "api:responses", "responses")
EMBEDDINGS = Endpoint("embeddings", Kind.PROVIDER, b"POST", "api:embeddings", "embeddings")
MODERATIONS = Endpoint("moderations", Kind.PROVIDER, b"POST", "api:moderations", "moderations")
MODELS = Endpoint("models", Kind.MODELS, b"GET", "api:models", "models")
PICTURES = Endpoint(
    "images.generations", Kind.PROVIDER, b"POST", "api:images.generations", "images.generations"
)
EDITS = Endpoint("images.edits", Kind.PROVIDER, b"POST", "api:images.edits", "images.edits")
SPEECH = Endpoint("audio.speech", Kind.PROVIDER, b"POST", "api:audio.speech", "audio.speech")
TRANSCRIPTIONS = Endpoint(
    "audio.transcriptions", Kind.PROVIDER, b"POST", "api:audio.transcriptions", "audio.transcriptions"
)
TRANSLATIONS = Endpoint(
    "audio.translations", Kind.PROVIDER, b"POST", "api:audio.translations", "audio.translations"
)
ACTION = Endpoint("assistant.actions", Kind.PROVIDER, b"POST", "action:")
PROMPT = Endpoint("assistant.prompt", Kind.PROVIDER, b"POST", "prompt")
ME = Endpoint("assistant.me", Kind.ME, b"GET")
SCRIPT = Endpoint("assistant.script", Kind.SCRIPT, b"GET")

_NAME = re.compile(rb"[^/%]{1,64}")
# A model's name may hold a slash, and SDKs may have it percent-encoded.
_MODEL = re.compile(rb"[A-Za-z0-9._:/%-]{1,256}")

PATHS: Final[Mapping[bytes, Route]] = {
    b"/v1/chat/completions": Route(CHAT),
    b"/v1/responses": Route(RESPONSES),
    b"/v1/embeddings": Route(EMBEDDINGS),
    b"/v1/moderations": Route(MODERATIONS),
    b"/v1/models": Route(MODELS),
    b"/v1/images/generations": Route(PICTURES),
    b"/v1/images/edits": Route(EDITS),
    b"/v1/audio/speech": Route(SPEECH),
    b"/v1/audio/transcriptions": Route(TRANSCRIPTIONS),
    b"/v1/audio/translations": Route(TRANSLATIONS),
    b"/assistant/v1/me": Route(ME),
    b"/assistant/v1/prompt": Route(PROMPT),
}
PREFIXES: Final[Mapping[bytes, Prefix]] = {
    b"/v1/models/": Prefix(MODELS, _MODEL),
    b"/assistant/v1/actions/": Prefix(ACTION, _NAME),
    b"/assistant/v1/sealgate-assistant": Prefix(SCRIPT, _NAME),
}

_KEPT = "it keeps data at the provider, which everyone with the same key could reach"
_OWNER = "it administers the key owner's account"
_OTHERS = "only the endpoints that are listed pass"

# The reason stands in the answer. A row with a method is for what is served by another one.
NOT_OFFERED: Final[Mapping[bytes, str]] = {
    b"GET /v1/chat/completions": _KEPT,
    b"/v1/chat/completions/": _KEPT,
    b"/v1/agents": _KEPT,
    b"/v1/assistants": _KEPT,
    b"/v1/batches": _KEPT,
    b"/v1/chatkit": _KEPT,
    b"/v1/containers": _KEPT,
    b"/v1/conversations": _KEPT,
    b"/v1/evals": _KEPT,
    b"/v1/files": _KEPT,
    b"/v1/fine_tuning": _KEPT,
    b"/v1/responses/compact": _OTHERS,
    b"/v1/responses/input_tokens": _OTHERS,
    b"/v1/responses/": _KEPT,
    b"/v1/skills": _KEPT,
    b"/v1/threads": _KEPT,
    b"/v1/uploads": _KEPT,
    b"/v1/vaults": _KEPT,
    b"/v1/vector_stores": _KEPT,
    b"/v1/videos": _KEPT,
    b"/v1/organization": _OWNER,
    b"/v1/projects": _OWNER,
    b"/v1/safety": _OWNER,
    b"/v1/webhook_endpoints": _OWNER,
    b"/v1/webhook_event_types": _OWNER,
    b"/v1/audio/voices": _KEPT,
    b"/v1/audio/voice_consents": _OWNER,
    b"/v1/audio": _OTHERS,
    b"/v1/completions": _OTHERS,
    b"/v1/content_provenance_checks": _OTHERS,
    b"/v1/decisions": _OTHERS,
    b"/v1/images": _OTHERS,
    b"/v1/live": _OTHERS,
    b"/v1/realtime": _OTHERS,
}


def find(method: bytes, target: bytes) -> Route:
    """The route of a request; raises `ProxyError` (403 with the reason, 404, 405)."""
    route = PATHS.get(target) or _by_prefix(target)
    if route is None:
        raise _refused(target)
    if method != route.endpoint.method and not (method == b"HEAD" and route.endpoint.kind is Kind.SCRIPT):
        raise _other_method(method, target, route.endpoint)
    return route


def _by_prefix(target: bytes) -> Route | None:
    for start, prefix in PREFIXES.items():
        rest = target[len(start) :]
        if target.startswith(start) and prefix.name.fullmatch(rest):
            return Route(prefix.endpoint, rest.decode("ascii", "replace"))
    return None


def _other_method(method: bytes, target: bytes, endpoint: Endpoint) -> ProxyError:
    reason = NOT_OFFERED.get(method + b" " + target)
    if reason is not None:
        return _not_offered(reason)
    return ProxyError("method_not_allowed", hint=f"Use {endpoint.method.decode()}.", param=endpoint.name)


def _refused(target: bytes) -> ProxyError:
    for prefix, reason in NOT_OFFERED.items():
        if target == prefix or target.startswith(prefix if prefix.endswith(b"/") else prefix + b"/"):
            return _not_offered(reason)
    if b"/v1" + target in PATHS:  # an SDK that was given the proxy's address alone
        return ProxyError("not_found", hint="Put `/v1` at the end of the base URL.")
    return ProxyError("not_found")


def _not_offered(reason: str) -> ProxyError:
    return ProxyError("endpoint_not_offered", message=f"This endpoint is not offered: {reason}.")
