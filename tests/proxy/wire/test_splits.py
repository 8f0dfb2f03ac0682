"""However bytes are cut they mean the same, and whatever bytes come, nothing but our own faults is raised."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.proxy.wire.errors import REQUEST_FAULTS, RESPONSE_FAULTS, UpstreamWireError
from sealgate.proxy.wire.events import WireLimits
from sealgate.proxy.wire.responses import ResponseReader
from sealgate.proxy.wire.sse import Event, EventSplitter
from tests.proxy.wire.playbook import chunked, cut, post, read, reply, request_reader

LIMITS = WireLimits(head_bytes=400, header_fields=8, body_bytes=64, chunk_extension_bytes=8)

PLACES = st.lists(st.integers(0, 2_000), max_size=12)
BODIES = st.binary(max_size=80)
FIELDS = st.lists(
    st.sampled_from(
        [
            b"X-A: 1",
            b"Accept: a \t",
            b"accept: b",
            b"Connection: close",
            b"Connection: upgrade\r\nUpgrade: h2c",
            b"Expect: 100-continue",
            b"X-Long: " + b"a" * 150,
            b"X_A: 1",
            b" folded",
            b"X-\x00: 1",
            b"X: \xc3\xa9",
            b"X: 1\n",
        ]
    ),
    max_size=5,
)
# Pieces that are near to right, so that a random joining of them comes deep into the grammar.
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST /a HTTP/1.0\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"Host: proxy.localhost\r\n",
            b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b"3\r\nabc\r\n",
            b"3;a=b\r\nabc",
            b"0\r\n\r\n",
            b"abc",
            b" ",
            b"\x00",
            b"\xff",
            b"data: a",
            b"\n\n",
            b"\r\n\r\n",
        ]
    )
    | st.binary(max_size=6),
    max_size=14,
).map(b"".join)


@st.composite
def framed(draw: st.DrawFn, make: object) -> bytes:
    """A message with some fields and a body by length or by chunks; often right, sometimes not."""
    assert make in (post, reply)
    build = post if make is post else reply
    fields, body = draw(FIELDS), draw(BODIES)
    if draw(st.booleans()):
        return build(*fields, b"Content-Length: %d" % len(body), body=body)
    parts = [part for part in cut(body, draw(PLACES)) if part]
    return build(*fields, b"Transfer-Encoding: chunked", body=chunked(*parts))


@given(framed(post) | FRAGMENTS, PLACES)
@settings(max_examples=400)
def test_any_cut_of_a_request_gives_the_same(message: bytes, places: list[int]) -> None:
    whole, whole_code = read(request_reader(LIMITS), [message])
    events, code = read(request_reader(LIMITS), cut(message, places))
    assert code == whole_code
    assert code is None or code in REQUEST_FAULTS
    if code is None:
        assert events == whole


@given(framed(reply) | FRAGMENTS, PLACES)
@settings(max_examples=400)
def test_any_cut_of_a_response_gives_the_same(message: bytes, places: list[int]) -> None:
    whole, whole_code = read(ResponseReader(LIMITS), [message])
    events, code = read(ResponseReader(LIMITS), cut(message, places))
    assert code == whole_code
    assert code is None or code in RESPONSE_FAULTS
    if code is None:
        assert events == whole


def split(pieces: list[bytes]) -> list[Event] | str:
    splitter = EventSplitter(limit_bytes=60)
    try:
        return [event for piece in pieces for event in splitter.feed(piece)] + splitter.eof()
    except UpstreamWireError as fault:
        return fault.code


LINES = st.sampled_from([b"data: ab", b"data:c", b": x", b"event: e", b"", b"\xef\xbb\xbf", b"x" * 30])
ENDS = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n"])
STREAMS = st.lists(st.tuples(LINES, ENDS).map(b"".join), max_size=12).map(b"".join)


@given(STREAMS, PLACES)
@settings(max_examples=600)
def test_any_cut_of_an_event_stream_gives_the_same(stream: bytes, places: list[int]) -> None:
    whole = split([stream])
    assert split(cut(stream, places)) == whole
    if isinstance(whole, list):
        assert b"".join(event.raw for event in whole) == stream


@given(st.binary(max_size=300), PLACES)
@settings(max_examples=300)
def test_arbitrary_bytes_raise_nothing_but_our_own_faults(data: bytes, places: list[int]) -> None:
    pieces = cut(data, places)
    assert read(request_reader(LIMITS), pieces)[1] in {None, *REQUEST_FAULTS}
    assert read(ResponseReader(LIMITS), pieces)[1] in {None, *RESPONSE_FAULTS}
    split(pieces)
