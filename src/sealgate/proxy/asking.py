"""From a request's body to what goes upstream: direct use and actions alike end in the policy's table.

Counterpart: `sealgate.policy`, which decides; `exchange.py`, which sends. Pure.
"""

from __future__ import annotations

from sealgate.policy.actions import render
from sealgate.policy.bodies import JSON, parse_json_object
from sealgate.policy.document import Action
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped, shape_chat
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.sessions import Verified
from sealgate.proxy.wire.events import Headers

_ACTION_FIELDS = frozenset({"text", "parameters", "locale"})


def shape(raw: bytes, headers: Headers, action: Action | None, verified: Verified) -> Shaped:
    """The request that may go on; raises `Refusal` naming the field, or `ProxyError`."""
    if not headers.get(b"content-type", b"").lower().startswith(b"application/json"):
        raise ProxyError("content_type")
    body = parse_json_object(raw)
    if action is not None:
        body = _rendered(body, action, verified.session.locale)
    return shape_chat(body, verified.application.policy, verified.safety_identifier or None)


def _rendered(body: dict[str, JSON], action: Action, session_locale: str | None) -> dict[str, JSON]:
    for name in body:
        if name not in _ACTION_FIELDS:
            shown = name if name.isascii() and name.isidentifier() else "…"
            raise Refusal(
                "unknown_field", "An action takes text, parameters and locale.", shown, "Leave it out."
            )
    text, parameters, locale = body.get("text"), body.get("parameters") or {}, body.get("locale")
    if text is None:
        raise Refusal("missing_field", "The field 'text' is missing.", "text", "Add it.")
    if not isinstance(text, str):
        raise Refusal("invalid_value", "This must be a string.", "text", "Send the text as a string.")
    if not isinstance(parameters, dict):
        raise Refusal("invalid_value", "This must be an object.", "parameters", "Send {id: value}.")
    chosen: dict[str, str] = {}
    for name, value in parameters.items():
        if not isinstance(value, str):
            raise Refusal("invalid_value", "Every value must be a string.", "parameters", "Send {id: value}.")
        chosen[name] = value
    if locale is not None and not isinstance(locale, str):
        raise Refusal(
            "invalid_value", "This must be a language tag.", "locale", "Send a tag such as 'de-CH'."
        )
    return render(action, text, chosen, locale or session_locale)
