"""Heads: collected however they come, and read as llhttp reads those that both let pass."""

from __future__ import annotations

import httptools
import pytest

from sealgate.proxy.wire.errors import WireError
from sealgate.proxy.wire.events import WireLimits
from sealgate.proxy.wire.heads import HeadBuffer, keeps_alive, read_fields
from tests.proxy.wire.playbook import every_byte, post, read, request_reader


def test_a_head_is_given_with_what_follows_it() -> None:
    buffer = HeadBuffer(WireLimits(), WireError)
    assert buffer.take(b"GET / HTTP/1.1\r\n\r") is None
    assert buffer
    assert buffer.take(b"\nbody") == (b"GET / HTTP/1.1\r\n\r\n", b"body")
    assert not buffer


def test_a_head_may_have_exactly_the_bytes_of_its_limit() -> None:
    head = b"GET / HTTP/1.1\r\nX: 1\r\n\r\n"
    for pieces in ([head], every_byte(head)):
        buffer = HeadBuffer(WireLimits(head_bytes=len(head)), WireError)
        assert [buffer.take(piece) for piece in pieces][-1] == (head, b"")
        buffer = HeadBuffer(WireLimits(head_bytes=len(head) - 1), WireError)
        with pytest.raises(WireError):
            [buffer.take(piece) for piece in pieces]


def test_a_stray_byte_is_refused_before_the_head_ends() -> None:
    buffer = HeadBuffer(WireLimits(), WireError)
    buffer.take(b"GET / HTTP/1.1\r")
    with pytest.raises(WireError) as caught:
        buffer.take(b"X")
    assert caught.value.code == "control_byte"


class Fields(dict[bytes, bytes]):
    """What llhttp calls back with."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self[name.lower()] = value.strip(b" \t")


@pytest.mark.parametrize(
    "fields",
    [
        b"Host: a\r\nX-A:\t 1 \t\r\nX-B:",
        b"HOST:a\r\ncOnTeNt-LeNgTh:  0  \r\nAccept: a, b;q=1\r\nX: a:b: c",
        b'Host: a\r\nX-High: \xe4\xf6\xff \r\nX-Quoted: "a\\"b"\r\nConnection: keep-alive',
    ],
)
def test_fields_are_what_llhttp_reads_without_the_blanks_that_it_leaves(fields: bytes) -> None:
    head = b"GET / HTTP/1.1\r\n" + fields + b"\r\n\r\n"
    theirs = Fields()
    httptools.HttpRequestParser(theirs).feed_data(head)
    assert read_fields(head, WireLimits(), WireError) == theirs


def test_every_token_character_but_the_underscore_may_be_in_a_name() -> None:
    head = b"GET / HTTP/1.1\r\nA!#$%&'*+-.^`|~0: 1\r\n\r\n"
    assert read_fields(head, WireLimits(), WireError) == {b"a!#$%&'*+-.^`|~0": b"1"}


def test_a_connection_header_with_close_among_others_closes() -> None:
    fields = read_fields(b"GET / HTTP/1.1\r\nConnection: TE, CLOSE\r\n\r\n", WireLimits(), WireError)
    assert not keeps_alive(fields, http10=False)


class Nothing:
    """Callbacks that llhttp may call: none."""


@pytest.mark.parametrize(
    "message",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        post(b"Host: evil.example"),
        post(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0", body=b"0\r\n\r\n"),
        post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
        post(line=b"GET / HTTP/2.0"),
        post(line=b"DESCRIBE / RTSP/1.0"),
        post(b"Transfer-Encoding: chunked", body=b"0\r\nX-Late: 1\r\n\r\n"),
        post(b"Transfer-Encoding: chunked", body=b"1;" + b"a" * 100_000 + b"\r\nx\r\n0\r\n\r\n"),
        post(b"Under_score: 1"),
    ],
)
def test_what_llhttp_alone_accepts_is_refused_all_the_same(message: bytes) -> None:
    httptools.HttpRequestParser(Nothing()).feed_data(message)
    assert read(request_reader(), [message])[1] is not None
