"""What the proxy serves, and what it refuses with a reason: two literal tables.

Counterpart: `server.py` asks `find` for every request. With one shared key an end user must not reach
another's data, so only endpoints that keep nothing are offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from sealgate.proxy.errors import ProxyError


class Kind(Enum):
    """Who answers."""

    CHAT = "chat"
    ACTION = "action"
    ME = "me"
    SCRIPT = "script"


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint: `permission` is what a session needs (an action's id is added to it)."""

    name: str
    kind: Kind
    method: bytes
    permission: str = ""


class Route(msgspec.Struct, frozen=True):
    """An endpoint, and the last part of the path where the table has a prefix."""

    endpoint: Endpoint
    rest: str = ""


CHAT = Endpoint("chat.completions", Kind.CHAT, b"POST", "api:chat.completions")
ME = Endpoint("assistant.me", Kind.ME, b"GET")
ACTION = Endpoint("assistant.actions", Kind.ACTION, b"POST", "action:")
SCRIPT = Endpoint("assistant.script", Kind.SCRIPT, b"GET")

PATHS: Final[Mapping[bytes, Route]] = {
    b"/v1/chat/completions": Route(CHAT),
    b"/assistant/v1/me": Route(ME),
}
PREFIXES: Final[Mapping[bytes, Endpoint]] = {
    b"/assistant/v1/actions/": ACTION,
    b"/assistant/v1/sealgate-assistant": SCRIPT,
}

_KEPT = "it keeps data at the provider, which everyone with the same key could reach"
_OWNER = "it administers the key owner's account"
_LATER = "only chat completions are offered"

# The reason stands in the answer.
NOT_OFFERED: Final[Mapping[bytes, str]] = {
    b"/v1/chat/completions/": _KEPT,
    b"/v1/assistants": _KEPT,
    b"/v1/batches": _KEPT,
    b"/v1/containers": _KEPT,
    b"/v1/conversations": _KEPT,
    b"/v1/evals": _KEPT,
    b"/v1/files": _KEPT,
    b"/v1/fine_tuning": _KEPT,
    b"/v1/responses": _KEPT,
    b"/v1/threads": _KEPT,
    b"/v1/uploads": _KEPT,
    b"/v1/vector_stores": _KEPT,
    b"/v1/videos": _KEPT,
    b"/v1/organization": _OWNER,
    b"/v1/projects": _OWNER,
    b"/v1/audio": _LATER,
    b"/v1/completions": _LATER,
    b"/v1/embeddings": _LATER,
    b"/v1/images": _LATER,
    b"/v1/models": _LATER,
    b"/v1/moderations": _LATER,
    b"/v1/realtime": _LATER,
}

_REST_LIMIT = 64


def find(method: bytes, target: bytes) -> Route:
    """The route of a request; raises `ProxyError` (403 with the reason, 404, 405)."""
    route = PATHS.get(target) or _by_prefix(target)
    if route is None:
        raise _refused(target)
    if method != route.endpoint.method and not (method == b"HEAD" and route.endpoint.kind is Kind.SCRIPT):
        raise ProxyError(
            "method_not_allowed", hint=f"Use {route.endpoint.method.decode()}.", param=route.endpoint.name
        )
    return route


def _by_prefix(target: bytes) -> Route | None:
    for prefix, endpoint in PREFIXES.items():
        rest = target[len(prefix) :]
        if (
            target.startswith(prefix)
            and 0 < len(rest) <= _REST_LIMIT
            and b"/" not in rest
            and b"%" not in rest
        ):
            return Route(endpoint, rest.decode("ascii", "replace"))
    return None


def _refused(target: bytes) -> ProxyError:
    for prefix, reason in NOT_OFFERED.items():
        if target == prefix or target.startswith(prefix if prefix.endswith(b"/") else prefix + b"/"):
            return ProxyError("endpoint_not_offered", message=f"This endpoint is not offered: {reason}.")
    return ProxyError("not_found")
