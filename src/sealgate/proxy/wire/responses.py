"""Bytes from the upstream → response events, as strict as on the request side: it is untrusted as well.

Counterpart: write.SecretRequest and upstream.py, which owns the socket and the pool.
Must never give one response's bytes to another request. Knows no HEAD requests: none is sent.
"""

import re
from functools import partial
from typing import Final

from sealgate.proxy.wire.bodies import Body, ChunkedBody, CloseBody, LengthBody
from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.events import BodyPart, ResponseEnd, ResponseEvent, ResponseHead, WireLimits
from sealgate.proxy.wire.faults import head_fault, status_line_fault
from sealgate.proxy.wire.heads import FIELDS, HeadBuffer, content_length, keeps_alive, read_fields

# RFC 9112 §4; servers that leave out the blank before an empty reason are common.
_STATUS_LINE: Final = rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*+)?"
_GUARD: Final = re.compile(_STATUS_LINE + FIELDS)
_INTERIM_LIMIT: Final = 8
_DEFAULT_LIMITS: Final = WireLimits()


class ResponseReader:
    """Reads the responses of one upstream connection, one per request sent; starts ready for the first.

    After an `UpstreamWireError` the connection must be closed. The body has no size limit here.
    """

    __slots__ = ("_body", "_ended", "_head", "_interim", "_keep_alive", "_limits")

    def __init__(self, limits: WireLimits = _DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._head = HeadBuffer(limits, UpstreamWireError)
        self._body: Body | None = None
        self._interim = 0
        self._keep_alive = False
        self._ended = False

    def __repr__(self) -> str:
        state = "idle" if self._ended else "head" if self._body is None else "body"
        return f"ResponseReader({state})"

    def feed(self, data: bytes) -> list[ResponseEvent]:
        """Take what a read gave and return what became known. Raises `UpstreamWireError`.

        Events that the same call would have given before the fault are dropped with it.
        """
        if self._body is not None and not self._ended:
            return self._read_body(self._body, data, [])
        if self._ended:
            if data:
                raise UpstreamWireError("unsolicited")
            return []
        while taken := self._head.take(data):
            head = self._read_head(taken[0])
            if head is not None and self._body is not None:
                return self._read_body(self._body, taken[1], [head])
            data = taken[1]
        return []

    def _read_head(self, data: bytes) -> ResponseHead | None:
        """The final head, with its body chosen; None for an interim one."""
        line = _GUARD.fullmatch(data)
        if line is None:
            raise UpstreamWireError(head_fault(data, partial(status_line_fault, passes=_GUARD.fullmatch)))
        http10, status = line[1] == b"0", int(line[2])
        if status < 200:
            self._count_interim(status)
        headers = read_fields(data, self._limits, UpstreamWireError)
        length = content_length(headers, http10, UpstreamWireError)
        if status < 200:
            return None
        if status in (204, 304):
            length = 0
        self._keep_alive = length is not None and keeps_alive(headers, http10)
        self._body = self._open_body(length)
        return ResponseHead(status, headers, None if length == -1 else length)

    def _count_interim(self, status: int) -> None:
        """100 and 103 say nothing that we need; 101 was never asked for, and many are a way to hold us."""
        self._interim += 1
        if status == 101 or self._interim > _INTERIM_LIMIT:
            raise UpstreamWireError("status_unexpected")

    def _open_body(self, length: int | None) -> Body:
        if length is None:
            return CloseBody()
        if length == -1:
            return ChunkedBody(UpstreamWireError, self._limits.chunk_extension_bytes)
        return LengthBody(length)

    def _read_body(self, body: Body, data: bytes, events: list[ResponseEvent]) -> list[ResponseEvent]:
        payload, rest = body.take(data)
        if payload:
            events.append(BodyPart(payload))
        if rest is not None:
            if rest:
                raise UpstreamWireError("unsolicited")
            self._ended = True
            events.append(ResponseEnd(self._keep_alive, True))
        return events

    def eof(self) -> list[ResponseEvent]:
        """The upstream closed: the end of a body that had no length, or nothing when idle.

        Raises `UpstreamWireError("truncated")` inside a response, and before one that is awaited.
        """
        if self._ended:
            return []
        if not isinstance(self._body, CloseBody):
            raise UpstreamWireError("truncated")
        self._ended = True
        return [ResponseEnd(False, False)]

    def next(self) -> None:
        """Be ready for the answer to another request; until then any byte is `unsolicited`."""
        if not self._ended or not self._keep_alive:
            raise RuntimeError("next() before the response was whole, or on a connection that must close")
        self._body = None
        self._interim = 0
        self._ended = False

    def idle(self) -> bool:
        """True when a whole response was read and none is awaited."""
        return self._ended
