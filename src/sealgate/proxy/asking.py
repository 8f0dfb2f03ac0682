"""From a request's body to what goes upstream: every endpoint ends in the policy's tables.

Counterparts: `dialects.py`, how an endpoint is spoken; `sealgate.policy`, which decides; `exchange.py`, which
sends. Pure.
"""

from __future__ import annotations

from sealgate.policy.bodies import parse_json_object
from sealgate.policy.document import Action
from sealgate.policy.providers import endpoint_row, fit
from sealgate.policy.requests import Shaped
from sealgate.proxy.dialects import Dialect
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.sessions import Verified
from sealgate.proxy.wire.events import Headers
from sealgate.proxy.wire.heads import media_type


def shape(
    raw: bytes, headers: Headers, dialect: Dialect, verified: Verified, action: Action | None
) -> Shaped:
    """The request that may go on, as the provider takes it; raises `Refusal` by field, or `ProxyError`."""
    if media_type(headers) != b"application/json":
        raise ProxyError("content_type")
    opening = verified.application.opening
    assert opening is not None
    row = endpoint_row(opening.provider, dialect.asks)
    return fit(dialect.shape(parse_json_object(raw), verified, action), row)
