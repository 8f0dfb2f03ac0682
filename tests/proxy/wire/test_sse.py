"""Server-sent events: where one ends, what it says, and that no byte of the stream is lost."""

from __future__ import annotations

import pytest

from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.sse import Event, EventSplitter, event_bytes
from tests.proxy.wire.playbook import every_byte


def split(pieces: list[bytes], limit_bytes: int = 1_000) -> list[Event]:
    splitter = EventSplitter(limit_bytes)
    return [event for piece in pieces for event in splitter.feed(piece)] + splitter.eof()


CASES: dict[str, tuple[bytes, list[tuple[bytes | None, bytes | None]]]] = {
    "one event": (b"data: a\n\n", [(b"a", None)]),
    "two events in one read": (b"data: a\n\ndata: b\n\n", [(b"a", None), (b"b", None)]),
    "no blank after the colon": (b"data:a\n\n", [(b"a", None)]),
    "one blank of two is data": (b"data:  a\n\n", [(b" a", None)]),
    "several data lines": (b"data: a\ndata: b\n\n", [(b"a\nb", None)]),
    "empty data": (b"data:\n\n", [(b"", None)]),
    "data without a colon": (b"data\n\n", [(b"", None)]),
    "named event": (b"event: ping\ndata: {}\n\n", [(b"{}", b"ping")]),
    "id and retry": (b"id: 1\nretry: 5\ndata: a\n\n", [(b"a", None)]),
    "comment": (b": keep-alive\n\n", [(None, None)]),
    "comment before data": (b": x\ndata: a\n\n", [(b"a", None)]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"a", None), (b"b", None)]),
    "CR": (b"data: a\r\rdata: b\r\r", [(b"a", None), (b"b", None)]),
    "CRLF then LF": (b"data: a\r\n\ndata: b\n\r\n", [(b"a", None), (b"b", None)]),
    "CR inside ends a line": (b"data: a\rdata: b\n\n", [(b"a\nb", None)]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [(b"a", None)]),
    "byte order mark later": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [(b"a", None), (None, None)]),
    "more empty lines": (b"data: a\n\n\n\ndata: b\n\n", [(b"a", None), (None, None), (b"b", None)]),
    "no empty line at the end": (b"data: a\n\ndata: [DONE]\n", [(b"a", None), (b"[DONE]", None)]),
    "cut inside a line": (b"data: a\n\ndata: {", [(b"a", None), (b"{", None)]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_events_are_the_same_whole_and_byte_by_byte(
    stream: bytes, expected: list[tuple[bytes | None, bytes | None]]
) -> None:
    events = split([stream])
    assert [(event.data, event.event) for event in events] == expected
    assert events == split(every_byte(stream))
    assert b"".join(event.raw for event in events) == stream


def test_an_event_is_given_as_soon_as_its_empty_line_is_there() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: a") == []
    assert splitter.feed(b"\n") == []
    assert splitter.feed(b"\ndata: b") == [Event(b"data: a\n\n", b"a", None)]
    assert splitter.feed(b"\r\n\r\n") == [Event(b"data: b\r\n\r\n", b"b", None)]


@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 100 + b"\n\n", b":" + b"x" * 107, b"id: 1\ndata: " + b"x" * 100 + b"\r\n\r\n"],
)
def test_an_event_beyond_the_bound_is_refused_whole_and_byte_by_byte(stream: bytes) -> None:
    for pieces in ([stream], every_byte(stream)):
        with pytest.raises(UpstreamWireError) as caught:
            split(pieces, limit_bytes=107)
        assert caught.value.code == "event_too_large"


def test_an_event_of_the_bound_is_given() -> None:
    assert len(EventSplitter(limit_bytes=108).feed(b"data: " + b"x" * 100 + b"\n\n")) == 1


def test_our_own_events_are_read_as_they_were_meant() -> None:
    raw = event_bytes(b"delta", b'{"text":"a"}')
    assert split([raw]) == [Event(raw, b'{"text":"a"}', b"delta")]


def test_an_event_does_not_show_its_data() -> None:
    splitter = EventSplitter()
    events = splitter.feed(b"data: sekrit\n\ndata: sekrit")
    assert "sekrit" not in f"{events!r} {splitter!r}"
