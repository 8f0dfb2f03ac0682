"""A JSON answer on its way down: whole or not at all.

Counterparts: `relay.py`, for streams; `exchange.py`, which feeds it.
"""

from __future__ import annotations

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.metering import ERROR, Meter, Usage
from sealgate.proxy.relay import takes_media_type
from sealgate.proxy.wire.events import ResponseHead

BODY_LIMIT_BYTES = 16 * 1_048_576


class WholeRelay:
    """A JSON answer: kept until it is whole, so that a broken one becomes a clear error."""

    streams = False
    ended = False
    accepts = frozenset({b"application/json"})
    content_type = b"application/json"
    limit_bytes = BODY_LIMIT_BYTES

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def whole(self) -> bool:
        """True once it was read to its end."""
        return self._meter.saw_end

    def takes(self, head: ResponseHead) -> bool:
        """True for JSON."""
        return takes_media_type(self.accepts, head)

    def feed(self, data: bytes) -> bytes:
        """Keep it."""
        self._size += len(data)
        if self._size > self.limit_bytes:
            raise ProxyError("answer_too_large")
        self._parts.append(data)
        return b""

    def end(self) -> bytes:
        """The whole body, counted."""
        body = b"".join(self._parts)
        self._parts.clear()
        if self._meter.body(body) is ERROR:
            raise ProxyError("provider_error")
        if not self._meter.saw_end:
            raise ProxyError("provider_failed")
        return body

    def failure(self, error: ProxyError) -> bytes:
        """Nothing went down yet: the exchange answers with the error itself."""
        return b""

    def usage(self) -> Usage:
        """What was used until now."""
        return self._meter.usage()

    def written(self) -> int:
        """Not known before it is whole."""
        return 0
