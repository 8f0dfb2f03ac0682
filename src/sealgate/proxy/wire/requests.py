"""Bytes from a client → request events: strict, one request at a time, whatever way the bytes are split.

Counterpart: write.py (the answer) and server.py, which owns the socket and the timers.
Must never let through a message that another parser could frame differently.
"""

import re
from functools import partial
from typing import Final

import msgspec

from sealgate.proxy.wire.bodies import ChunkedBody, LengthBody
from sealgate.proxy.wire.errors import WireError
from sealgate.proxy.wire.events import BodyPart, Headers, RequestEnd, RequestEvent, RequestHead, WireLimits
from sealgate.proxy.wire.faults import head_fault, request_line_fault
from sealgate.proxy.wire.heads import (
    FIELDS,
    LENGTH,
    HeadBuffer,
    content_length,
    keeps_alive,
    read_fields,
)

# The guard: origin-form only (RFC 9112 §3.2.1), without fragment. HTTP/1.0 is read, never kept alive and
# never sent chunks: common proxies still speak it to what is behind them unless told otherwise.
_GUARD: Final = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) "
    rb"(/[!$%&-;=@-Z_a-z~]*+)(?:\?([!$%&-;=?@-Z\[\]_a-z~]*+))? "
    rb"HTTP/1\.([01])" + FIELDS
)
_HOST: Final = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,253})(?::[0-9]{1,5})?")
_LENGTH_VALUE: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_END: Final = RequestEnd()
SEEN_BYTES: Final = 4_096
"""A longer head is not kept to know the next one by: thousands of connections are open and idle."""


class _Seen:
    """The last head of a connection: most that follow are the same, or differ in their length alone."""

    __slots__ = ("_after", "_before", "_head", "_length")

    def __init__(self, raw: bytes, head: RequestHead) -> None:
        named = _LENGTH_VALUE.search(raw)
        at, end = named.span(1) if named else (len(raw), len(raw))
        self._before, self._length, self._after, self._head = raw[:at], raw[at:end], raw[end:], head

    def again(self, raw: bytes) -> RequestHead | None:
        """What a head says that is this one, but for another length; None for any other."""
        before, after = self._before, self._after
        if not raw.startswith(before) or not raw.endswith(after):
            return None
        length = raw[len(before) : len(raw) - len(after)]
        if length == self._length:
            return self._head
        if not self._length or not LENGTH.fullmatch(length):
            return None
        headers = Headers(self._head.headers)
        headers[b"content-length"] = length
        return msgspec.structs.replace(self._head, headers=headers, content_length=int(length))


class RequestReader:
    """Reads the requests of one connection; after a `WireError` the connection must be closed.

    `hosts` are the names that this process answers to: lower-case, without port, IPv6 in brackets.
    """

    __slots__ = ("_body", "_ended", "_head", "_host", "_hosts", "_limits", "_received", "_seen")

    def __init__(self, limits: WireLimits, hosts: frozenset[bytes]) -> None:
        self._limits = limits
        self._hosts = hosts
        self._host: bytes | None = None
        self._seen: _Seen | None = None
        self._head = HeadBuffer(limits, WireError)
        self._body: LengthBody | ChunkedBody | None = None
        self._received = 0
        self._ended = False

    def __repr__(self) -> str:
        state = (
            "whole" if self._ended else "body" if self.body_pending() else "head" if self._head else "idle"
        )
        return f"RequestReader({state}, {self._received} body bytes)"

    def feed(self, data: bytes) -> list[RequestEvent]:
        """Take what a read gave and return what became known.

        A body is only ever given while it is within the limit. Raises `WireError`; events that the same
        call would have given before the fault are dropped with it, so a broken request is never half served.
        """
        if self._ended:
            if data:
                raise WireError("pipelined")
            return []
        if self._body is not None:
            return self._read_body(self._body, data, [])
        taken = self._head.take(data)
        if taken is None:
            return []
        head = self._read_head(taken[0])
        return self._read_body(self._open_body(head), taken[1], [head])

    def _read_head(self, data: bytes) -> RequestHead:
        head = self._seen.again(data) if self._seen else None
        if head is None:
            head = self._read_other(data)
            self._seen = _Seen(data, head) if len(data) <= SEEN_BYTES else None
        if head.content_length is not None and head.content_length > self._limits.body_bytes:
            raise WireError("body_too_large")
        return head

    def _read_other(self, data: bytes) -> RequestHead:
        line = _GUARD.fullmatch(data)
        if line is None:
            raise WireError(head_fault(data, partial(request_line_fault, passes=_GUARD.fullmatch)))
        headers = read_fields(data, self._limits, WireError)
        method, target, query, minor = line.groups()
        http10 = minor == b"0"
        self._check_host(headers.get(b"host"))
        length = content_length(headers, http10, WireError)
        return RequestHead(
            method,
            target,
            query or b"",
            headers,
            keeps_alive(headers, http10),
            b"expect" in headers and _expects_continue(headers, http10),
            None if length == -1 else length or 0,
            http10,
        )

    def _check_host(self, host: bytes | None) -> None:
        if host is None:
            raise WireError("host_missing")
        if host == self._host:
            return
        name = _HOST.fullmatch(host)
        if name is None:
            raise WireError("host_missing")
        if name[1].lower() not in self._hosts:
            raise WireError("host_unknown")
        self._host = host

    def _open_body(self, head: RequestHead) -> LengthBody | ChunkedBody:
        limits = self._limits
        if head.content_length is None:
            body: LengthBody | ChunkedBody = ChunkedBody(
                WireError, limits.chunk_extension_bytes, limits.body_bytes
            )
        else:
            body = LengthBody(head.content_length)
        self._body = body
        return body

    def _read_body(
        self, body: LengthBody | ChunkedBody, data: bytes, events: list[RequestEvent]
    ) -> list[RequestEvent]:
        payload, rest = body.take(data)
        if payload:
            self._received += len(payload)
            events.append(BodyPart(payload))
        if rest is not None:
            if rest:
                raise WireError("pipelined")
            self._ended = True
            events.append(_END)
        return events

    def limit_body(self, body_bytes: int) -> None:
        """Lower the body's limit for the request being read (an application's policy may be stricter).

        Raises `WireError("body_too_large")` when the announced or received length is beyond it already.
        """
        body = self._body
        if isinstance(body, ChunkedBody):
            body.limit_bytes = min(body_bytes, self._limits.body_bytes)
            announced = body.announced
        else:
            announced = self._received + (body.remaining if body else 0)
        if announced > body_bytes:
            raise WireError("body_too_large")

    def next(self) -> None:
        """Be ready for another request; called once the answer to a whole one is written."""
        if not self._ended:
            raise RuntimeError("next() before the request was whole")
        self._body = None
        self._received = 0
        self._ended = False

    def eof(self) -> None:
        """The client will send no more (perhaps half-closed: a whole request is still to be answered).

        Raises `WireError("truncated")` when a request is incomplete.
        """
        if self.head_pending() or self.body_pending():
            raise WireError("truncated")

    def idle(self) -> bool:
        """True between requests: no byte of another has come."""
        return self._body is None and not self._head

    def head_pending(self) -> bool:
        """True while a head has begun and is not complete."""
        return bool(self._head)

    def body_pending(self) -> bool:
        """True while a head was given and its body is not complete."""
        return self._body is not None and not self._ended


def _expects_continue(headers: Headers, http10: bool) -> bool:
    """RFC 9110 §10.1.1: one expectation is defined; HTTP/1.0 peers do not know of it."""
    if headers[b"expect"].lower() != b"100-continue":
        raise WireError("expectation")
    return not http10
