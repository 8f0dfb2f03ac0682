"""From a request's body to what goes upstream: every endpoint ends in the policy's tables.

Counterparts: `dialects.py`, how an endpoint is spoken; `sealgate.policy`, which decides; `exchange.py`, which
sends. Pure.
"""

from __future__ import annotations

from sealgate.policy.bodies import encode_json_object, parse_json_object
from sealgate.policy.clamps import clamped
from sealgate.policy.document import Action
from sealgate.policy.media import shape_form
from sealgate.policy.provider_row import EndpointRow
from sealgate.policy.providers import check_fit, endpoint_row, fit
from sealgate.policy.requests import Shaped
from sealgate.proxy.dialects import Body, Dialect
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.sessions import Verified
from sealgate.proxy.ways import Way
from sealgate.proxy.wire.events import Headers
from sealgate.proxy.wire.forms import FormReader, Upload
from sealgate.proxy.wire.heads import media_type


def shape(
    body: Body, headers: Headers, dialect: Dialect, verified: Verified, action: Action | None
) -> Shaped:
    """The request that may go on; raises `Refusal` by field, or `ProxyError`."""
    if isinstance(body, FormReader):
        shaped = shape_form(dialect.asks, body.parts(), verified.policy, verified.safety_identifier)
        return clamped(shaped, verified.policy.limits, ours_bytes=shaped.file_bytes)
    if media_type(headers) != b"application/json":
        raise ProxyError("content_type")
    return dialect.shape(parse_json_object(b"".join(body)), verified, action)


def row_of(way: Way, dialect: Dialect, shaped: Shaped) -> EndpointRow:
    """The provider's row for it; raises `Refusal` where this way's provider cannot be asked."""
    row = endpoint_row(way.opening.provider, dialect.asks)
    check_fit(shaped, row)
    return row


def written(shaped: Shaped, row: EndpointRow, model: str) -> tuple[bytes, bytes | Upload]:
    """What goes up to a provider: its content type, and its bytes."""
    shaped = fit(shaped, row, model)
    if shaped.files:
        upload = Upload(shaped.body, shaped.files)
        return upload.content_type, upload
    return b"application/json", encode_json_object(shaped.body)
