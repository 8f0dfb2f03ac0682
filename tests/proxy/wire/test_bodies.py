"""Body framing: each kind finds its end, and what follows the end is given back untouched."""

from __future__ import annotations

import pytest

from sealgate.proxy.wire.bodies import ChunkedBody, CloseBody, LengthBody
from sealgate.proxy.wire.errors import UpstreamWireError, WireError


def chunked(limit_bytes: int | None = None) -> ChunkedBody:
    return ChunkedBody(WireError, extension_bytes=8, limit_bytes=limit_bytes)


def test_a_length_ends_where_it_said() -> None:
    body = LengthBody(5)
    assert body.take(b"he") == (b"he", None)
    assert body.take(b"lloXY") == (b"llo", b"XY")


def test_a_length_of_zero_has_ended_before_its_first_byte() -> None:
    assert LengthBody(0).take(b"") == (b"", b"")
    assert LengthBody(0).take(b"X") == (b"", b"X")


def test_the_connections_end_delimits_whatever_comes() -> None:
    assert CloseBody().take(b"anything") == (b"anything", None)


def test_chunks_end_with_the_empty_one() -> None:
    assert chunked().take(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\nXY") == (b"abc", b"XY")


def test_chunks_go_on_over_any_read() -> None:
    body = chunked()
    assert body.take(b"2\r\na") == (b"a", None)
    assert body.take(b"b\r") == (b"b", None)
    assert body.take(b"\n1;x=") == (b"", None)
    assert body.take(b"y\r\nc\r\n0\r\n\r") == (b"c", None)
    assert body.take(b"\n") == (b"", b"")


def test_a_limit_is_judged_when_a_size_is_announced() -> None:
    body = chunked(limit_bytes=3)
    body.take(b"3\r\nabc\r\n")
    with pytest.raises(WireError) as caught:
        body.take(b"1\r\n")
    assert caught.value.code == "body_too_large"


def test_a_fault_is_blamed_on_the_side_that_was_named() -> None:
    with pytest.raises(UpstreamWireError):
        ChunkedBody(UpstreamWireError, extension_bytes=8).take(b"x")
