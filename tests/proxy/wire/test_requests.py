"""The request reader: what it says about a good request, and where a connection stands."""

from __future__ import annotations

import pytest

from sealgate.proxy.wire.errors import WireError
from sealgate.proxy.wire.events import BodyPart, RequestEnd, RequestHead, WireLimits
from tests.proxy.wire.playbook import chunked, every_byte, post, read, request_reader

BODY = b'{"model":"gpt-sim"}'
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"


def head_of(message: bytes) -> RequestHead:
    head = request_reader().feed(message)[0]
    assert isinstance(head, RequestHead)
    return head


def test_a_whole_request_in_one_read_is_a_head_a_body_and_an_end() -> None:
    message = post(b"Authorization: Bearer t", LENGTH, line=b"POST /v1/x?a=1&b HTTP/1.1", body=BODY)
    head, body, end = request_reader().feed(message)
    assert isinstance(head, RequestHead)
    assert (head.method, head.target, head.query) == (b"POST", b"/v1/x", b"a=1&b")
    assert head.headers[b"authorization"] == b"Bearer t"
    assert (head.content_length, head.keep_alive, head.expect_continue) == (len(BODY), True, False)
    assert (body, end) == (BodyPart(BODY), RequestEnd())


def test_a_chunked_request_has_no_announced_length() -> None:
    events, code = read(request_reader(), [post(CHUNKED, body=chunked(BODY[:5], BODY[5:]))])
    assert code is None
    assert isinstance(events[0], RequestHead)
    assert events[0].content_length is None
    assert events[1:] == [BodyPart(BODY), RequestEnd()]


def test_a_request_without_a_length_has_no_body() -> None:
    head, end = request_reader().feed(post(line=b"GET / HTTP/1.1"))
    assert isinstance(head, RequestHead)
    assert head.content_length == 0
    assert end == RequestEnd()


def test_repeated_fields_are_joined_and_blanks_dropped() -> None:
    head = head_of(post(b"Accept: a/b \t", b"accept:\tc/d  "))
    assert head.headers[b"accept"] == b"a/b, c/d"


@pytest.mark.parametrize(
    ("line", "fields", "keep_alive"),
    [
        (b"GET / HTTP/1.1", [], True),
        (b"GET / HTTP/1.1", [b"Connection: keep-alive"], True),
        (b"GET / HTTP/1.1", [b"Connection: close"], False),
        (b"GET / HTTP/1.1", [b"Connection: TE, Close"], False),
        (b"GET / HTTP/1.1", [b"Connection: TE", b"Connection: close"], False),
        (b"GET / HTTP/1.0", [], False),
        (b"GET / HTTP/1.0", [b"Connection: keep-alive"], False),
    ],
)
def test_a_connection_is_kept_only_on_http11_without_close(
    line: bytes, fields: list[bytes], keep_alive: bool
) -> None:
    assert head_of(post(*fields, line=line)).keep_alive is keep_alive


def test_http10_is_marked_so_that_the_answer_is_not_chunked() -> None:
    assert head_of(post(line=b"GET / HTTP/1.0")).http10
    assert not head_of(post(line=b"GET / HTTP/1.1")).http10


def test_an_expected_continue_is_told_before_the_body_comes() -> None:
    reader = request_reader()
    (head,) = reader.feed(post(b"Expect: 100-Continue", LENGTH))
    assert isinstance(head, RequestHead)
    assert head.expect_continue
    assert reader.feed(BODY) == [BodyPart(BODY), RequestEnd()]


def test_http10_expects_nothing() -> None:
    assert not head_of(post(b"Expect: 100-continue", line=b"POST / HTTP/1.0")).expect_continue


def test_a_connection_serves_one_request_after_another() -> None:
    reader = request_reader()
    for _ in range(3):
        assert len(reader.feed(post(LENGTH, body=BODY))) == 3
        reader.next()


def test_a_second_request_before_the_first_is_answered_is_refused() -> None:
    reader = request_reader()
    reader.feed(post(LENGTH, body=BODY))
    assert reader.feed(b"") == []
    with pytest.raises(WireError) as caught:
        reader.feed(b"P")
    assert caught.value.code == "pipelined"


def test_the_next_request_cannot_begin_before_the_last_was_whole() -> None:
    reader = request_reader()
    reader.feed(post(LENGTH))
    with pytest.raises(RuntimeError):
        reader.next()


def test_the_timers_can_see_where_the_connection_stands() -> None:
    reader = request_reader()

    def stands() -> tuple[bool, bool, bool]:
        return reader.idle(), reader.head_pending(), reader.body_pending()

    assert stands() == (True, False, False)
    reader.feed(b"POST / HT")
    assert stands() == (False, True, False)
    reader.feed(post(LENGTH, line=b"TP/1.1"))
    assert stands() == (False, False, True)
    reader.feed(BODY)
    assert stands() == (False, False, False)
    reader.next()
    assert stands() == (True, False, False)


@pytest.mark.parametrize("place", [1, 40, -len(BODY), -1])
def test_a_client_that_leaves_inside_a_request_has_truncated_it(place: int) -> None:
    reader = request_reader()
    reader.feed(post(LENGTH, body=BODY)[:place])
    with pytest.raises(WireError) as caught:
        reader.eof()
    assert caught.value.code == "truncated"


def test_a_client_may_half_close_after_a_whole_request_or_between_two() -> None:
    reader = request_reader()
    reader.eof()
    reader.feed(post(CHUNKED, body=chunked(BODY)))
    reader.eof()


def test_a_stricter_limit_refuses_an_announced_length() -> None:
    reader = request_reader()
    reader.feed(post(b"Content-Length: 1000"))
    reader.feed(b"x" * 10)
    reader.limit_body(1_000)
    with pytest.raises(WireError) as caught:
        reader.limit_body(999)
    assert caught.value.status == 413


def test_a_stricter_limit_refuses_a_body_that_has_come_already() -> None:
    reader = request_reader()
    reader.feed(post(LENGTH, body=BODY))
    with pytest.raises(WireError):
        reader.limit_body(len(BODY) - 1)


def test_a_stricter_limit_refuses_chunks_while_they_stream() -> None:
    reader = request_reader()
    reader.feed(post(CHUNKED, body=b"8\r\n12345678\r\n"))
    reader.limit_body(8)
    with pytest.raises(WireError) as caught:
        reader.feed(b"1\r\n")
    assert caught.value.code == "body_too_large"


def test_a_limit_cannot_be_raised_above_the_readers_own() -> None:
    reader = request_reader(WireLimits(body_bytes=10))
    reader.feed(post(CHUNKED))
    reader.limit_body(1_000)
    with pytest.raises(WireError):
        reader.feed(b"b\r\n")


def test_a_stricter_limit_lasts_for_one_request() -> None:
    reader = request_reader()
    reader.feed(post(CHUNKED))
    reader.limit_body(4)
    reader.feed(chunked(b"1234"))
    reader.next()
    assert len(reader.feed(post(CHUNKED, body=chunked(b"12345")))) == 3


def test_an_unfinished_head_is_refused_for_its_size_before_it_ends() -> None:
    reader = request_reader()
    _, code = read(reader, every_byte(b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000))
    assert code == "head_too_large"


def test_nothing_that_a_reader_says_shows_what_it_read() -> None:
    reader = request_reader()
    events = reader.feed(post(b"Authorization: Bearer sekrit", LENGTH, line=b"POST /me HTTP/1.1", body=BODY))
    shown = f"{events!r} {reader!r}"
    assert "authorization" in shown
    assert not any(word in shown for word in ("sekrit", "gpt-sim", "/me", "proxy.localhost"))
