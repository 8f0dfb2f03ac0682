"""What the provider's refusals mean: mapped by status and known code, never relayed.

Counterpart: `errors.py`. OpenAI's errors echo parts of keys and name organizations, so of their bodies only a
code from this table and one sentence are looked at, and of their headers only a number of seconds.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.wire.events import Headers

BODY_LIMIT_BYTES = 65_536
RETRY_AFTER_LIMIT_S = 3_600
_SECONDS = re.compile(rb"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_DATE = re.compile(rb"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")

# (status, the provider's code or type) → ours. The status alone decides where the code is not known.
BY_CODE: Final[Mapping[tuple[int, str], str]] = {
    (400, "context_length_exceeded"): "text_too_long",
    (400, "string_above_max_length"): "text_too_long",
    (400, "content_policy_violation"): "content_refused",
    (400, "content_filter"): "content_refused",
    (401, "incorrect_hostname"): "provider_wrong_region",
    (403, "model_not_found"): "provider_model_unknown",
    (403, "unsupported_country_region_territory"): "provider_refused_request",
    (404, "model_not_found"): "provider_model_unknown",
    (429, "billing_not_active"): "provider_quota_exhausted",
    (429, "insufficient_quota"): "provider_quota_exhausted",
    (429, "billing_hard_limit_reached"): "provider_quota_exhausted",
}
BY_STATUS: Final[Mapping[int, str]] = {
    400: "provider_refused_request",
    401: "provider_rejected_key",
    402: "provider_quota_exhausted",
    403: "provider_denied_key",
    404: "provider_model_unknown",
    408: "provider_timeout",
    413: "text_too_long",
    422: "provider_refused_request",
    429: "provider_rate_limited",
    498: "provider_rate_limited",  # Groq: no room for this tier now
    504: "provider_timeout",
}


# OpenAI's European host refuses a key from elsewhere with this sentence alone, without a code.
_ELSEWHERE = re.compile(r"geography restrictions enabled|incorrect regional hostname", re.IGNORECASE)


_BOUNDS: Final = frozenset({"max_completion_tokens", "max_tokens"})


class _Inner(msgspec.Struct, frozen=True):
    code: str | int | None = None
    type: str | None = None
    message: str | None = None
    param: str | None = None


class _Body(msgspec.Struct, frozen=True):
    error: _Inner | None = None


_NOTHING: Final = _Inner()
_decoder = msgspec.json.Decoder(_Body)


def from_response(status: int, headers: Headers, body: bytes) -> ProxyError:
    """What a client is told of an answer that is not a 200."""
    code = _code(status, body)
    retry_after_s = _retry_after_s(headers) if status in (429, 503) else None
    if code == "provider_quota_exhausted":
        retry_after_s = None
    return ProxyError(code, retry_after_s=retry_after_s)


def only_the_bound_was_refused(status: int, body: bytes) -> bool:
    """True where the provider took key and model, and minded nothing but how few tokens it may write."""
    if status != 400:
        return False
    inner = _inner(body)
    return inner.param in _BOUNDS or "model output limit was reached" in (inner.message or "")


def _code(status: int, body: bytes) -> str:
    if 300 <= status < 400:
        return "provider_redirected"
    inner = _inner(body)
    for name in (inner.code, inner.type):
        known = BY_CODE.get((status, name)) if isinstance(name, str) else None
        if known is not None:
            return known
    if status == 401 and _ELSEWHERE.search(inner.message or ""):
        return "provider_wrong_region"
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 400 <= status < 500:
        return "provider_refused_request"
    return "provider_error" if status >= 500 else "provider_failed"


def _inner(body: bytes) -> _Inner:
    try:
        return _decoder.decode(body).error or _NOTHING
    except (msgspec.MsgspecError, ValueError):
        return _NOTHING


def _retry_after_s(headers: Headers) -> int:
    asked_s = seconds_asked(headers)
    return 5 if asked_s is None else min(RETRY_AFTER_LIMIT_S, max(1, math.ceil(asked_s)))


def seconds_asked(headers: Headers) -> float | None:
    """What the provider's `Retry-After` says: a number of seconds, or a date (RFC 9110 §10.2.3).

    A date is measured from the provider's own `Date`, so that it does not matter if our clocks differ.
    """
    value = headers.get(b"retry-after", b"")
    if _SECONDS.fullmatch(value):
        return float(value)
    asked_at_s, said_at_s = _moment(value), _moment(headers.get(b"date", b""))
    if asked_at_s is None:
        return None
    return max(0.0, asked_at_s - (time.time() if said_at_s is None else said_at_s))


def _moment(value: bytes) -> float | None:
    """A date in the one form that may be sent (RFC 9110 §5.6.7), in seconds since 1970."""
    try:
        return parsedate_to_datetime(value.decode()).timestamp() if _DATE.fullmatch(value) else None
    except ValueError:  # such as a 31st of February
        return None
