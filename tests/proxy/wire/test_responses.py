"""The response reader: what it says about a good response, and how it knows that one is over."""

from __future__ import annotations

import pytest

from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.events import BodyPart, ResponseEnd, ResponseHead
from sealgate.proxy.wire.responses import ResponseReader
from tests.proxy.wire.playbook import chunked, every_byte, read, reply

BODY = b'{"id":"chatcmpl-1"}'
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"


def test_a_response_with_a_length_is_complete_and_leaves_the_connection_usable() -> None:
    head, body, end = ResponseReader().feed(reply(LENGTH, b"X-Request-Id: r", body=BODY))
    assert isinstance(head, ResponseHead)
    assert (head.status, head.content_length) == (200, len(BODY))
    assert head.headers[b"x-request-id"] == b"r"
    assert (body, end) == (BodyPart(BODY), ResponseEnd(keep_alive=True, complete=True))


def test_a_chunked_response_gives_each_read_its_part() -> None:
    reader = ResponseReader()
    (head,) = reader.feed(reply(CHUNKED))
    assert isinstance(head, ResponseHead)
    assert head.content_length is None
    assert reader.feed(b"5\r\nhello\r\n") == [BodyPart(b"hello")]
    assert reader.feed(b"3\r\na") == [BodyPart(b"a")]
    assert reader.feed(b"bc\r\n0\r\n\r\n") == [BodyPart(b"bc"), ResponseEnd(True, True)]


def test_a_body_that_the_connections_end_delimits_cannot_be_known_to_be_complete() -> None:
    reader = ResponseReader()
    reader.feed(reply(body=BODY))
    assert reader.eof() == [ResponseEnd(keep_alive=False, complete=False)]


@pytest.mark.parametrize(
    ("line", "fields", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK", [], True),
        (b"HTTP/1.1 200", [], True),
        (b"HTTP/1.1 200 ", [], True),
        (b"HTTP/1.1 200 OK", [b"Connection: close"], False),
        (b"HTTP/1.0 200 OK", [b"Connection: keep-alive"], False),
    ],
)
def test_a_connection_is_reused_only_on_http11_without_close(
    line: bytes, fields: list[bytes], keep_alive: bool
) -> None:
    events = ResponseReader().feed(reply(*fields, LENGTH, line=line, body=BODY))
    assert events[-1] == ResponseEnd(keep_alive, True)


@pytest.mark.parametrize("line", [b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"])
def test_204_and_304_have_no_body(line: bytes) -> None:
    events = ResponseReader().feed(reply(line=line))
    assert events[1:] == [ResponseEnd(True, True)]


def test_interim_responses_are_skipped() -> None:
    message = reply(line=b"HTTP/1.1 100 Continue") + reply(b"Link: </a>", line=b"HTTP/1.1 103 Early Hints")
    for pieces in ([message + reply(LENGTH, body=BODY)], every_byte(message + reply(LENGTH, body=BODY))):
        events, code = read(ResponseReader(), pieces)
        assert code is None
        assert [type(event) for event in events] == [ResponseHead, BodyPart, ResponseEnd]


def test_a_connection_carries_one_response_after_another() -> None:
    reader = ResponseReader()
    for _ in range(3):
        assert not reader.idle()
        reader.feed(reply(CHUNKED, body=chunked(BODY)))
        assert reader.idle()
        reader.next()


def test_bytes_that_no_request_asked_for_are_refused() -> None:
    reader = ResponseReader()
    reader.feed(reply(LENGTH, body=BODY))
    assert reader.feed(b"") == []
    with pytest.raises(UpstreamWireError) as caught:
        reader.feed(reply(LENGTH, body=BODY))
    assert caught.value.code == "unsolicited"


def test_a_connection_that_must_close_takes_no_other_request() -> None:
    reader = ResponseReader()
    reader.feed(reply(LENGTH, b"Connection: close", body=BODY))
    with pytest.raises(RuntimeError):
        reader.next()


@pytest.mark.parametrize("message", [reply(LENGTH, body=BODY), reply(CHUNKED, body=chunked(BODY))])
def test_a_connection_that_ends_inside_a_response_has_truncated_it(message: bytes) -> None:
    for place in range(len(message)):
        reader = ResponseReader()
        reader.feed(message[:place])
        with pytest.raises(UpstreamWireError) as caught:
            reader.eof()
        assert caught.value.code == "truncated"


def test_a_connection_may_end_between_two_responses() -> None:
    reader = ResponseReader()
    reader.feed(reply(LENGTH, body=BODY))
    assert reader.eof() == []


def test_nothing_that_a_reader_says_shows_what_it_read() -> None:
    reader = ResponseReader()
    shown = f"{reader.feed(reply(LENGTH, b'Openai-Organization: acme', body=BODY))!r} {reader!r}"
    assert "openai-organization" in shown
    assert not any(word in shown for word in ("acme", "chatcmpl"))
