"""Bytes that come deep into a reader: right messages, and what a few edits make of them, in any pieces.

Counterpart: the readers under `sealgate.proxy.wire`. What is merely random is refused at its first line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from sealgate.proxy.wire.events import BodyPart, RequestEvent, ResponseEvent, WireLimits
from tests.proxy.wire.playbook import chunked, cut, joined, post, reply

LIMITS: Final = WireLimits(head_bytes=600, header_fields=8, body_bytes=96, chunk_extension_bytes=8)

PLACES: Final = st.lists(st.integers(0, 4_000), max_size=14)

_FIELDS: Final = st.lists(
    st.sampled_from(
        [
            b"Accept: text/event-stream",
            b"accept: \t b",
            b"Authorization: Bearer x",
            b"Connection: close",
            b"Connection: keep-alive, Upgrade\r\nUpgrade: h2c",
            b"Expect: 100-continue",
            b"X-City: S\xc3\xa3o Paulo",
            b"X-Empty:",
            b"x-: '*+.^`|~!#$%&",
        ]
    )
    | st.integers(0, LIMITS.head_bytes).map(lambda size: b"X-Long: " + b"l" * size),
    max_size=3,
)
_LINES: Final = st.sampled_from(
    [
        b"POST /v1/chat/completions HTTP/1.1",
        b"GET /v1/models?limit=2 HTTP/1.1",
        b"PUT /a%20b/;x=1@:$&'()*+,=- HTTP/1.1",
        b"OPTIONS /v1 HTTP/1.1",
        b"POST /a HTTP/1.0",
    ]
)
_STATUSES: Final = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200",
        b"HTTP/1.1 404 Not\tFound",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.0 500 X",
    ]
)
# What an edit puts in: bytes that mean something to one of the readers.
_WORDS: Final = st.sampled_from(
    [
        b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"\n\n", b" ", b"\t", b"\x00", b"\x7f", b"\xff", b":", b";", b",",
        b"0", b"+", b"-", b"_", b"0x", b"a=b", b"\xc2\x85", b"\xef\xbb\xbf",
        b"Content-Length: 3\r\n", b"content-length:0\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n", b"Host: proxy.localhost\r\n", b"Host: evil.example\r\n",
        b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 100 Continue\r\n\r\n", b"GET / HTTP/1.1\r\n",
        b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nX: 1\r\n\r\n", b"1;x\r\na\r\n", b"ffffffff\r\n",
        b"data: ", b"data", b"event: error\n", b": c\n", b"id: 1\n", b"[DONE]", b'{"error":{}}', b"{", b"}",
    ]
)  # fmt: skip


@st.composite
def edited(draw: st.DrawFn, message: bytes) -> bytes:
    """A message after at most five edits: bytes put in, taken out, repeated or changed."""
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 5]))):
        at = draw(st.integers(0, len(message)))
        kind = draw(st.sampled_from("idrc"))
        length = draw(st.sampled_from([1, 2, 7, 40, 4_000]))
        if kind == "i":
            message = message[:at] + draw(_WORDS) + message[at:]
        elif kind == "d":
            message = message[:at] + message[at + length :]
        elif kind == "r":
            message = message[: at + length] + message[at:]
        else:
            message = message[:at] + draw(st.binary(min_size=1, max_size=2)) + message[at + 1 :]
    return message


# Framings that fit both kinds of body, each a way to have two readers disagree.
_ODD_FRAMINGS: Final = st.sampled_from(
    [
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: +5",
        b"Content-Length: 05",
        b"Content-Length: 5, 5",
        b"Content-Length: 5 ",
        b"content-length:\t5",
    ]
)
_BODIES: Final = st.binary(max_size=40) | st.sampled_from([1, 95, 96, 97, 130]).map(lambda size: b"b" * size)


@st.composite
def _framed(draw: st.DrawFn, fields: list[bytes]) -> tuple[list[bytes], bytes]:
    body = draw(_BODIES)
    kind = draw(st.sampled_from(["length", "chunks", "odd"]))
    if kind == "length":
        return [*fields, b"Content-Length: %d" % len(body)], body
    if kind == "odd":
        return [*fields, draw(_ODD_FRAMINGS)], draw(st.sampled_from([b"hello", chunked(b"hello")]))
    parts = [part for part in cut(body, draw(PLACES)) if part]
    return [*fields, b"Transfer-Encoding: chunked"], chunked(*parts)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request, right or nearly so."""
    line, fields = draw(_LINES), draw(_FIELDS)
    if draw(st.sampled_from([True, False, False, False])):
        return draw(edited(post(*fields, line=line)))
    framing, body = draw(_framed(fields))
    return draw(edited(post(*framing, body=body, line=line)))


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A response, right or nearly so, after interim ones perhaps."""
    line, fields = draw(_STATUSES), draw(_FIELDS)
    interim = reply(line=b"HTTP/1.1 103 Early Hints") * draw(st.integers(0, 2))
    framing, body = draw(_framed(fields))
    if draw(st.sampled_from([True, True, True, False])):
        return draw(edited(interim + reply(*framing, body=body, line=line)))
    return draw(edited(interim + reply(*fields, body=draw(st.binary(max_size=60)), line=line)))


def held_bytes(thing: object) -> int:
    """All bytes that a reader keeps in itself, whatever its attributes are called."""
    if isinstance(thing, bytes | bytearray | memoryview):
        return len(thing)
    if isinstance(thing, list | tuple | frozenset):
        return sum(held_bytes(each) for each in thing)
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return sum(held_bytes(getattr(thing, name)) for name in names)


def one_is_the_beginning_of_the_other(
    one: Sequence[RequestEvent | ResponseEvent], other: Sequence[RequestEvent | ResponseEvent]
) -> bool:
    """True unless two readings of the same bytes tell different stories; one may be cut off earlier."""
    first, second = sorted((joined(one), joined(other)), key=_extent)
    if not first:
        return True
    last, where = first[-1], len(first) - 1
    if isinstance(last, BodyPart):
        fellow = second[where]
        same = isinstance(fellow, BodyPart) and fellow.data.startswith(last.data)
        return same and first[:-1] == second[:where]
    return first == second[: len(first)]


def _extent(events: list[object]) -> tuple[int, int]:
    last = events[-1] if events else None
    return len(events), len(last.data) if isinstance(last, BodyPart) else 0
