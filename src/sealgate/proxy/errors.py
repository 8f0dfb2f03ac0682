"""Every error that a client of the proxy can see: one literal table, and its OpenAI-shaped JSON.

Counterpart: `reference.py`, which draws docs/reference/errors.md from the table; `wire/errors.py` and
`policy.refusals` bring their own words for a request that is malformed. Never quotes a provider or a prompt.
"""

# ruff: noqa: E501 - a table reads better with one row per line

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from sealgate.messages.feed import Outcome
from sealgate.policy.refusals import Refusal
from sealgate.proxy.wire.errors import WireError
from sealgate.session import SessionRefused


class Who(StrEnum):
    """Who can do something about an error."""

    USER = "user"
    TIME = "time"
    ADMINISTRATOR = "administrator"


class ErrorRow(msgspec.Struct, frozen=True):
    """What a client is told. `retry`: whether the same request may succeed a little later."""

    status: int
    type: str
    who: Who
    outcome: Outcome
    message: str
    hint: str
    retry: bool = False


_USER, _TIME, _ADMINISTRATOR = Who.USER, Who.TIME, Who.ADMINISTRATOR
_REQUEST, _SESSION, _POLICY = Outcome.REFUSED_REQUEST, Outcome.REFUSED_SESSION, Outcome.REFUSED_POLICY
_LIMIT, _CREDENTIAL, _AWAY = Outcome.REFUSED_LIMIT, Outcome.REFUSED_CREDENTIAL, Outcome.REFUSED_UNAVAILABLE
_REFUSED, _FAILED, _LATE = Outcome.UPSTREAM_REFUSED, Outcome.UPSTREAM_FAILED, Outcome.UPSTREAM_TIMEOUT
_BAD, _AUTH, _DENIED = "invalid_request_error", "authentication_error", "permission_error"
_RATE, _SERVER = "rate_limit_error", "server_error"

# code → status, type, who, outcome, message, hint, retry
ERRORS: Final[Mapping[str, ErrorRow]] = {
    # The request itself.
    "request_malformed": ErrorRow(400, _BAD, _USER, _REQUEST, "The request is malformed.", "Use an unmodified OpenAI client or the assistant."),
    "invalid_request": ErrorRow(400, _BAD, _USER, _REQUEST, "The request is not allowed as it stands.", "Change the named field."),
    "content_type": ErrorRow(415, _BAD, _USER, _REQUEST, "The body must be JSON.", "Send `content-type: application/json`."),
    "not_found": ErrorRow(404, _BAD, _USER, _REQUEST, "There is nothing at this address.", "See the list of endpoints in the documentation."),
    "method_not_allowed": ErrorRow(405, _BAD, _USER, _REQUEST, "This address does not take that method.", "Use the method that the documentation names."),
    "endpoint_not_offered": ErrorRow(403, _DENIED, _ADMINISTRATOR, _REQUEST, "This endpoint is not offered.", "Use one that the documentation lists."),
    "body_too_large": ErrorRow(413, _BAD, _USER, _REQUEST, "The body is too large.", "Send less text at a time, or a smaller file."),
    "slow_request": ErrorRow(408, _BAD, _USER, _REQUEST, "The request took too long to arrive.", "Try again on a better connection."),
    # The session.
    "session_missing": ErrorRow(401, _AUTH, _USER, _SESSION, "There is no session token.", "Send `authorization: Bearer <session token>`."),
    "invalid_session": ErrorRow(401, _AUTH, _USER, _SESSION, "The session token is not valid.", "Ask the application for a new session and try again."),
    "session_expired": ErrorRow(401, _AUTH, _USER, _SESSION, "The session has expired.", "Ask the application for a new session and try again; if that is expired too, compare the clocks."),
    "session_not_yet_valid": ErrorRow(401, _AUTH, _ADMINISTRATOR, _SESSION, "The session lies in the future.", "Set the clock of the application's server."),
    "session_wrong_audience": ErrorRow(401, _AUTH, _ADMINISTRATOR, _SESSION, "The session was signed for another Sealgate instance.", "Sign it with this instance's id as `aud`."),
    "session_claims_invalid": ErrorRow(401, _AUTH, _ADMINISTRATOR, _SESSION, "A claim of the session is not usable.", "Correct it where the application's server signs its sessions."),
    # What the session may do.
    "origin_not_allowed": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "This web page may not use the application's sessions.", "Add the page's origin to the application in the console."),
    "permission_missing": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "The session does not permit this.", "Sign the permission into the application's sessions."),
    "plan_unknown": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "The session names a plan that the application does not have.", "Add the plan to the application in the console, or sign sessions with one that is there."),
    "model_not_allowed": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "The model is not on the application's list.", "Add it to the application in the console, or use one that is on the list."),
    "model_not_found": ErrorRow(404, _BAD, _ADMINISTRATOR, _POLICY, "There is no such model on the application's list.", "Add it to the application in the console, or use one that is on the list."),
    "action_unknown": ErrorRow(404, _BAD, _ADMINISTRATOR, _POLICY, "The application has no such action.", "Add the action to the application in the console."),
    "prompt_not_offered": ErrorRow(404, _BAD, _ADMINISTRATOR, _POLICY, "The application offers no free prompt.", "Add the free prompt to the application in the console."),
    "endpoint_not_allowed": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "The application does not offer this endpoint.", "Add it to the application in the console."),
    "endpoint_not_at_provider": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "The application's provider does not offer this endpoint.", "Use another endpoint, or deposit a key for another provider."),
    "provider_unknown": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "The proxy does not know the application's provider.", "Deposit a key for another provider, or update the proxy."),
    "application_inactive": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "The add-on is switched off for this application.", "Switch it on in the console."),
    "policy_damaged": ErrorRow(503, _SERVER, _ADMINISTRATOR, _AWAY, "The application's settings cannot be read.", "Save them again in the console."),
    # How much it may do.
    "rate_limited": ErrorRow(429, _RATE, _TIME, _LIMIT, "Too many requests in a minute.", "Wait as long as `retry-after` says.", retry=True),
    "too_many_streams": ErrorRow(429, _RATE, _TIME, _LIMIT, "Too many answers are being written at once.", "Wait for one to end, or stop one.", retry=True),
    "budget_rate_limited": ErrorRow(429, _RATE, _TIME, _LIMIT, "A limit for this minute is used up.", "Wait as long as `retry-after` says.", retry=True),
    "budget_used_up": ErrorRow(429, "insufficient_quota", _TIME, _LIMIT, "A budget is used up.", "The count begins anew when its day or month ends."),
    "request_over_budget": ErrorRow(400, _BAD, _USER, _LIMIT, "This request alone is larger than a budget.", "Send less at a time, or ask for a shorter answer."),
    "price_missing": ErrorRow(403, _DENIED, _ADMINISTRATOR, _POLICY, "A budget counts money, and the model has no price.", "Use a model with a price, or let the budget allow models without one."),
    "budget_cut": ErrorRow(429, "insufficient_quota", _TIME, Outcome.CUT, "A budget was used up while this answer was written.", "The count begins anew when its day or month ends."),
    # What the proxy needs of the vault and the console.
    "credential_missing": ErrorRow(403, _DENIED, _ADMINISTRATOR, _CREDENTIAL, "The vault holds no key for this application and destination.", "Enter one on the add-on page of the console; if one is there, look into the vault's log."),
    "credential_revoked": ErrorRow(403, _DENIED, _ADMINISTRATOR, _CREDENTIAL, "The application's provider key was revoked.", "Deposit a new key in the console."),
    "credential_damaged": ErrorRow(503, _SERVER, _ADMINISTRATOR, _CREDENTIAL, "The application's provider key cannot be opened.", "Deposit the key again, and look for the alarm in the vault's log."),
    "limits_unavailable": ErrorRow(503, _SERVER, _ADMINISTRATOR, _AWAY, "The store that counts limits cannot be reached.", "Start it again; `limits.*_while_away` says what happens until then."),
    "open_quota": ErrorRow(503, _SERVER, _ADMINISTRATOR, _AWAY, "The vault opens no more keys for this proxy in this minute.", "Wait a minute; if it happens again, raise `vault.opens_per_minute`."),
    "vault_unavailable": ErrorRow(503, _SERVER, _ADMINISTRATOR, _AWAY, "The vault cannot be reached.", "Start the vault again."),
    "configuration_unavailable": ErrorRow(503, _SERVER, _ADMINISTRATOR, _AWAY, "The application's settings cannot be had.", "Start the console again."),
    "journal_unavailable": ErrorRow(503, _SERVER, _ADMINISTRATOR, _AWAY, "Usage cannot be recorded, so nothing is sent.", "Free disk space for the proxy, and see that the console runs."),
    "too_busy": ErrorRow(503, _SERVER, _TIME, _AWAY, "Too many connections are open.", "Try again in a moment.", retry=True),
    "stopping": ErrorRow(503, _SERVER, _TIME, _AWAY, "The proxy is being restarted.", "Try again in a moment.", retry=True),
    "internal_error": ErrorRow(500, _SERVER, _ADMINISTRATOR, _FAILED, "Something went wrong in the proxy.", "Report it with the request id."),
    # What the provider did. Its own words are never relayed: they hold parts of keys and names.
    "text_too_long": ErrorRow(400, _BAD, _USER, _REFUSED, "The text is too long for the model.", "Send less text at a time."),
    "content_refused": ErrorRow(400, _BAD, _USER, _REFUSED, "The provider does not process this text.", "Change the text."),
    "provider_refused_request": ErrorRow(400, _BAD, _ADMINISTRATOR, _REFUSED, "The provider refused the request.", "Check that the model takes every field that is sent."),
    "provider_model_unknown": ErrorRow(404, _BAD, _ADMINISTRATOR, _REFUSED, "The provider does not offer this model to the key's owner.", "Choose another model in the console."),
    "provider_rejected_key": ErrorRow(502, _SERVER, _ADMINISTRATOR, _REFUSED, "The provider does not accept the application's key.", "Deposit a valid key in the console."),
    "provider_rate_limited": ErrorRow(429, _RATE, _TIME, _REFUSED, "The provider is busy for this key.", "Wait as long as `retry-after` says.", retry=True),
    "provider_denied_key": ErrorRow(502, _SERVER, _ADMINISTRATOR, _REFUSED, "The provider does not let the application's key do this.", "Give the key the permission at the provider, or deposit another key."),
    "provider_wrong_region": ErrorRow(502, _SERVER, _ADMINISTRATOR, _REFUSED, "The application's key belongs to another region of the provider.", "Deposit the key for the provider's host in that region."),
    "provider_quota_exhausted": ErrorRow(429, "insufficient_quota", _ADMINISTRATOR, _REFUSED, "The account at the provider has no credit left.", "Check billing at the provider."),
    "provider_redirected": ErrorRow(502, _SERVER, _ADMINISTRATOR, _REFUSED, "The provider answered with a redirect, which a key never follows.", "Check the provider's address."),
    "provider_failed": ErrorRow(502, _SERVER, _TIME, _FAILED, "The provider failed.", "Try again in a moment.", retry=True),
    "answer_too_large": ErrorRow(502, _SERVER, _ADMINISTRATOR, _FAILED, "The provider's answer is larger than the proxy holds.", "Ask for less at a time; for embeddings, for fewer or shorter vectors."),
    "provider_error": ErrorRow(502, _SERVER, _TIME, _REFUSED, "The provider had an error of its own.", "Try again in a moment.", retry=True),
    "provider_unreachable": ErrorRow(502, _SERVER, _TIME, _FAILED, "The provider cannot be reached.", "Try again in a moment; if it lasts, check the proxy's way out.", retry=True),
    "provider_certificate": ErrorRow(502, _SERVER, _ADMINISTRATOR, _FAILED, "The provider's certificate does not verify.", "Check the proxy's certificate authorities and who stands between."),
    "provider_address": ErrorRow(502, _SERVER, _ADMINISTRATOR, _FAILED, "The credential's destination is not an https origin.", "Deposit the key for an https destination."),
    "provider_address_refused": ErrorRow(502, _SERVER, _ADMINISTRATOR, _FAILED, "The provider's name leads to an address where no provider can be.", "Check the name in DNS; for a server of your own, allow its network in `egress.networks`."),
    "egress_proxy_unreachable": ErrorRow(502, _SERVER, _ADMINISTRATOR, _FAILED, "The way out's proxy cannot be reached.", "Check `egress.proxy` and the proxy that it names."),
    "egress_proxy_refused": ErrorRow(502, _SERVER, _ADMINISTRATOR, _FAILED, "The way out's proxy refused the connection.", "Let the proxy that `egress.proxy` names connect to the provider."),
    "provider_truncated": ErrorRow(502, _SERVER, _TIME, Outcome.TRUNCATED, "The answer broke off.", "Try again.", retry=True),
    "provider_timeout": ErrorRow(504, _SERVER, _TIME, _LATE, "The provider took too long.", "Try again in a moment.", retry=True),
    # What ended an exchange from our side.
    "revoked": ErrorRow(403, _DENIED, _ADMINISTRATOR, Outcome.REVOKED, "The right to this answer was withdrawn while it was written.", "See the application's add-on page in the console."),
    "stopped": ErrorRow(503, _SERVER, _TIME, Outcome.CANCELLED, "The proxy was stopped before the answer was whole.", "Try again in a moment.", retry=True),
}  # fmt: skip


class ProxyError(Exception):
    """A request that ends here: a row of `ERRORS`, with its own words where they tell more."""

    def __init__(
        self,
        code: str,
        *,
        message: str = "",
        hint: str = "",
        param: str | None = None,
        retry_after_s: int | None = None,
        told_code: str = "",
        limit: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.row = ERRORS[code]
        self.told_code = told_code or code
        self.message = message or self.row.message
        self.hint = hint or self.row.hint
        self.param = param
        self.retry_after_s = retry_after_s
        self.limit = limit
        self.status = self.row.status

    def to_json(self) -> bytes:
        """The error in OpenAI's shape, with who can fix it and how."""
        told: dict[str, object] = {
            "message": f"{self.message} {self.hint}".strip(),
            "type": self.row.type,
            "param": self.param,
            "code": self.told_code,
            "who": self.row.who.value,
            "hint": self.hint,
        }
        if self.limit is not None:
            told["limit"] = self.limit
        return _encoder.encode({"error": told})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that tell a client's retries what to do: SDKs retry 408, 409, 429 and 5xx on their own."""
        headers = [(b"content-type", b"application/json")]
        if self.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after_s))
        if not self.row.retry:
            headers.append((b"x-should-retry", b"false"))
        return headers


_encoder = msgspec.json.Encoder()


def from_wire(error: WireError) -> ProxyError:
    """What a client that broke HTTP is told."""
    code = error.code if error.code in ERRORS else "request_malformed"
    mapped = ProxyError(code, message=error.message, hint=error.hint, told_code=error.code)
    mapped.status = error.status
    return mapped


def from_session(error: SessionRefused) -> ProxyError:
    """What a client is told whose session was refused."""
    return ProxyError(error.code, message=error.message, hint=error.hint)


def from_policy(refusal: Refusal) -> ProxyError:
    """What a client is told whose request the policy refused; the field is named."""
    code = refusal.code if refusal.code in ERRORS else "invalid_request"
    if code == "text_too_long":  # ours, not the provider's: nothing was forwarded
        code = "invalid_request"
    mapped = ProxyError(
        code, message=refusal.message, hint=refusal.hint, param=refusal.param, told_code=refusal.code
    )
    mapped.status = refusal.status
    return mapped
