"""What the tests of both readers share: messages, and feeding them whole, in pieces or byte by byte."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from sealgate.proxy.wire.errors import UpstreamWireError, WireError
from sealgate.proxy.wire.events import (
    BodyPart,
    RequestEvent,
    ResponseEvent,
    WireLimits,
)
from sealgate.proxy.wire.requests import RequestReader
from sealgate.proxy.wire.responses import ResponseReader

HOSTS = frozenset({b"proxy.localhost", b"127.0.0.1", b"[::1]"})

Outcome = tuple[list[object], str | None]
"""Events, adjoining body parts joined, and the code of the fault that ended them."""


def request_reader(limits: WireLimits | None = None) -> RequestReader:
    return RequestReader(limits or WireLimits(), HOSTS)


def every_byte(message: bytes) -> list[bytes]:
    return [message[i : i + 1] for i in range(len(message))]


def cut(message: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(message) + 1) for place in places), len(message)]
    return [message[a:b] for a, b in pairwise(edges)]


def read(reader: RequestReader | ResponseReader, pieces: Sequence[bytes]) -> Outcome:
    events: list[RequestEvent | ResponseEvent] = []
    try:
        for piece in pieces:
            events.extend(reader.feed(piece))
    except (WireError, UpstreamWireError) as fault:
        return joined(events), fault.code
    return joined(events), None


def joined(events: Sequence[RequestEvent | ResponseEvent]) -> list[object]:
    """The same events with adjoining body parts made one: how a body was cut is nobody's business."""
    result: list[object] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, BodyPart) and isinstance(last, BodyPart):
            result[-1] = BodyPart(last.data + event.data)
        else:
            result.append(event)
    return result


def post(*fields: bytes, body: bytes = b"", line: bytes = b"POST /v1/chat/completions HTTP/1.1") -> bytes:
    """A request with a Host and these header lines."""
    return b"\r\n".join([line, b"Host: proxy.localhost", *fields, b"", b""]) + body


def reply(*fields: bytes, body: bytes = b"", line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([line, *fields, b"", b""]) + body


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
