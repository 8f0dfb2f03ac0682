"""May this session, from this page, do this? Decisions on what a request's head says; no I/O.

Counterpart: `exchange.py` asks in this order: token, origin, add-on, permission, allowance.
"""

from __future__ import annotations

from sealgate.policy.document import Action, Policy
from sealgate.policy.shapes import check_offered
from sealgate.proxy.applications import Known
from sealgate.proxy.endpoints import ACTION, PROMPT, Route
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.wire.events import Headers
from sealgate.session import MAX_TOKEN_BYTES, InvalidSession, Session

_SCHEME = b"bearer "


def session_token(headers: Headers) -> bytes:
    """The token of `authorization: Bearer …` (RFC 6750 §2.1)."""
    value = headers.get(b"authorization")
    if value is None:
        raise ProxyError("session_missing")
    if value[:7].lower() != _SCHEME or len(value) > MAX_TOKEN_BYTES + 7:
        raise InvalidSession
    return value[7:].strip()


def check_origin(headers: Headers, session: Session, application: Known) -> None:
    """A browser names the page that asks: it must be the application's, and the session's own if it has one.

    Programs outside browsers send no origin. This stops pages, not programs, which could write any.
    """
    origin = headers.get(b"origin")
    if origin is None:
        return
    if origin not in application.origins or (session.origin and session.origin.encode() != origin):
        raise ProxyError("origin_not_allowed")


def check_active(application: Known) -> None:
    """The add-on is switched on."""
    if not application.document.active:
        raise ProxyError("application_inactive")


def permitted_action(route: Route, session: Session, policy: Policy) -> Action | None:
    """The action that is asked for (None for others); refused unless session and policy permit it."""
    endpoint = route.endpoint
    permission = endpoint.permission + route.rest if endpoint is ACTION else endpoint.permission
    if not session.permits(permission):
        shown = endpoint.permission + ("…" if endpoint is ACTION else "")
        raise ProxyError("permission_missing", message=f"The session does not permit `{shown}`.")
    if endpoint.offered is not None:
        check_offered(endpoint.offered, policy)
    if endpoint is PROMPT and policy.prompt is None:
        raise ProxyError("prompt_not_offered")
    if endpoint is not ACTION:
        return None
    action = policy.action(route.rest)
    if action is None:
        raise ProxyError("action_unknown")
    return action


def still_holds(session: Session, before: Known, now: Known) -> bool:
    """True if a session that was verified with `before` still stands in the changed document."""
    return (
        now.document.active
        and any(key.kid == session.kid for key in now.keys)
        and (now.opening is None) == (before.opening is None)
    )
