"""Replies of a limit store out of bytes, wherever they are cut."""

from __future__ import annotations

import pytest

from sealgate.proxy.store_wire import BrokenReplyError, Reply, ReplyReader, StoreError, command

STREAM = b"+OK\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*3\r\n:1\r\n$0\r\n\r\n*1\r\n:2\r\n"
REPLIES: list[Reply] = [b"OK", -7, b"a\r\n", None, [1, b"", [2]]]


def test_a_command_is_an_array_of_bulk_strings() -> None:
    assert command(["SET", b"k", 12]) == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n"


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_replies_are_the_same_wherever_the_bytes_are_cut(cut: int) -> None:
    reader = ReplyReader()
    assert reader.feed(STREAM[:cut]) + reader.feed(STREAM[cut:]) == REPLIES


def test_an_error_is_told_by_its_code_alone() -> None:
    [found] = ReplyReader().feed(b"-WRONGTYPE Operation against sg:secret\r\n")
    assert isinstance(found, StoreError)
    assert str(found) == "WRONGTYPE"
    [odd] = ReplyReader().feed(b"-\xff\xfe!\r\n")
    assert str(odd) == "ERR"


@pytest.mark.parametrize(
    "raw",
    [b"HTTP/1.1 400\r\n", b":x\r\n", b"$x\r\n", b"*2\r\n?\r\n", b"*1\r\n" * 9 + b":1\r\n", b"$9999999\r\n"],
)
def test_what_is_no_reply_is_refused(raw: bytes) -> None:
    with pytest.raises(BrokenReplyError):
        ReplyReader().feed(raw)


def test_a_reply_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = ReplyReader()
    for _ in range(41):
        assert reader.feed(b"+" + b"x" * 100_000) == []
    with pytest.raises(BrokenReplyError):
        reader.feed(b"+" + b"x" * 100_000)
