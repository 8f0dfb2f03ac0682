"""A head that is known again says what it would say if read anew; nothing unlike it is taken for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sealgate.proxy.wire.events import RequestHead, WireLimits
from sealgate.proxy.wire.requests import SEEN_BYTES, RequestReader
from tests.proxy.wire.playbook import post, read, request_reader

LIMITS = WireLimits(body_bytes=1_000)
TOKEN = b"Authorization: Bearer t"


def sized(body: bytes, *after: bytes) -> bytes:
    return post(TOKEN, b"Content-Length: %d" % len(body), *after, body=body)


def one_after_another(messages: Sequence[bytes]) -> list[object]:
    reader = request_reader(LIMITS)
    told: list[object] = []
    for message in messages:
        events, code = read(reader, [message])
        told.append((events, code))
        if code is not None:
            break
        reader.next()
    return told


def each_alone(messages: Sequence[bytes]) -> list[object]:
    return [one_after_another([message])[0] for message in messages]


@pytest.mark.parametrize(
    "second",
    [
        sized(b"{}", b"Accept: a"),
        sized(b"{...}", b"Accept: a"),
        sized(b"x" * 1_000, b"Accept: a"),
        sized(b"", b"Accept: a"),
        sized(b"{}", b"Accept: b"),
        sized(b"{}"),
        post(TOKEN, b"Transfer-Encoding: chunked", b"Accept: a", body=b"0\r\n\r\n"),
        post(b"Authorization: Bearer u", b"Content-Length: 0", b"Accept: a"),
    ],
)
def test_the_next_request_is_read_as_if_it_were_the_first(second: bytes) -> None:
    messages = [sized(b"{}", b"Accept: a"), second, sized(b"{...}", b"Accept: a"), second]
    assert one_after_another(messages) == each_alone(messages)


@pytest.mark.parametrize(
    ("length", "code"),
    [
        (b"1001", "body_too_large"),
        (b"02", "content_length"),
        (b"+2", "content_length"),
        (b"", "content_length"),
        (b"2, 2", "content_length"),
        (b"2\r\nContent-Length: 2", "header_duplicate"),
        (b"2\r\nTransfer-Encoding: chunked", "length_conflict"),
        (b"2\r\n\r\n{}GET / HTTP/1.1\r\nX: 2", "pipelined"),
        (b"9" * 20, "content_length"),
        (b"2\x00", "control_byte"),
    ],
)
def test_what_stands_in_the_place_of_a_length_is_a_length_or_refused_as_ever(
    length: bytes, code: str
) -> None:
    first = sized(b"{}", b"Accept: a")
    second = first.replace(b"Content-Length: 2", b"Content-Length: " + length)
    told = one_after_another([first, second])
    assert told[1:] == each_alone([second])
    assert isinstance(told[1], tuple)
    assert told[1][1] == code


def test_a_head_without_a_length_is_known_again_and_no_longer_one_for_it() -> None:
    first = post(TOKEN, line=b"GET /v1/models HTTP/1.1")
    longer = post(TOKEN, b"Accept: a", line=b"GET /v1/models HTTP/1.1")
    messages = [first, first, longer, first]
    assert one_after_another(messages) == each_alone(messages)


def test_the_same_head_is_the_same_object_and_a_long_one_is_not_kept() -> None:
    def two(message: bytes) -> list[RequestHead]:
        reader: RequestReader = request_reader()
        heads = []
        for _ in range(2):
            head = reader.feed(message)[0]
            assert isinstance(head, RequestHead)
            heads.append(head)
            reader.next()
        return heads

    one, again = two(sized(b"{}"))
    assert one is again
    one, again = two(sized(b"{}", b"X-Long: " + b"l" * SEEN_BYTES))
    assert one == again
    assert one is not again
