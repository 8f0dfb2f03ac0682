"""Headers that every answer carries, and the preflight: literal tables.

Counterpart: `admission.py` checks a request's `Origin` after its token. A preflight cannot know the
application, so it answers everyone alike; there are no cookies, so `*` gives nothing away.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sealgate.proxy.wire.write import Field

EVERY_ANSWER: Final[tuple[Field, ...]] = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"retry-after, x-request-id, x-sealgate-budget, x-sealgate-remaining-requests, x-should-retry",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)  # fmt: skip

NOT_STORED: Final[Field] = (b"cache-control", b"no-store")


@lru_cache(64)
def relayed(content_type: bytes) -> tuple[Field, ...]:
    """What every answer of a provider that went well carries."""
    return ((b"content-type", content_type), NOT_STORED, *EVERY_ANSWER)


# What the official SDKs and the assistant send; the ones that we do not use are allowed and dropped.
_REQUEST_HEADERS: Final = (
    "authorization", "content-type", "accept", "accept-language", "idempotency-key", "user-agent",
    "openai-beta", "openai-organization", "openai-project", "x-request-id", "x-client-request-id",
    "traceparent", "tracestate",
    "x-stainless-arch", "x-stainless-async", "x-stainless-custom-poll-interval", "x-stainless-helper-method",
    "x-stainless-lang", "x-stainless-os", "x-stainless-package-version", "x-stainless-poll-helper",
    "x-stainless-raw-response", "x-stainless-retry-count", "x-stainless-runtime",
    "x-stainless-runtime-version", "x-stainless-timeout",
)  # fmt: skip

PREFLIGHT: Final[tuple[Field, ...]] = (
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", ", ".join(_REQUEST_HEADERS).encode()),
    (b"access-control-max-age", b"86400"),
    (b"cache-control", b"public, max-age=86400"),
    (b"vary", b"access-control-request-method, access-control-request-headers"),
)
