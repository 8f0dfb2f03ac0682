"""Requests as they come out of a stream, however it was cut."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.messages.frames import BODY_LIMIT_BYTES, HEADER, FrameError, FrameKind
from sealgate.messages.requests import READ_BYTES, Requests


def frame(body: bytes, request_id: int = 1, kind: FrameKind = FrameKind.REQUEST) -> bytes:
    return HEADER.pack(len(body), request_id, kind) + body


def read(pieces: Iterable[bytes]) -> list[tuple[int, bytes]]:
    requests, found = Requests(), []
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            room = requests.buffer()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            rest = rest[count:]
            found += [(request_id, bytes(body)) for request_id, body in requests.advance(count)]
    return found


@given(
    st.lists(st.integers(1, 3 * READ_BYTES), min_size=1, max_size=6),
    st.lists(st.integers(1, 2 * READ_BYTES), max_size=20),
)
def test_whole_requests_come_out_of_any_cut(lengths: list[int], cuts: list[int]) -> None:
    bodies = [bytes([number + 1]) * length for number, length in enumerate(lengths)]
    stream = b"".join(frame(body, number) for number, body in enumerate(bodies))
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    assert read([*pieces, stream[at:]]) == list(enumerate(bodies))


def test_many_in_one_read_come_out_at_once() -> None:
    requests = Requests()
    stream = b"".join(frame(b"x" * 20, number) for number in range(100))
    requests.buffer()[: len(stream)] = stream
    assert [request_id for request_id, _ in requests.advance(len(stream))] == list(range(100))


@pytest.mark.parametrize("kind", [each for each in FrameKind if each is not FrameKind.REQUEST])
def test_nothing_but_requests_is_taken(kind: FrameKind) -> None:
    with pytest.raises(FrameError):
        read([frame(b"x", kind=kind)])


@pytest.mark.parametrize("length", [0, BODY_LIMIT_BYTES + 1, 2**32 - 1])
def test_a_length_that_no_request_has_is_refused(length: int) -> None:
    with pytest.raises(FrameError):
        read([HEADER.pack(length, 1, FrameKind.REQUEST)])


def test_after_a_long_request_the_room_is_as_small_as_before() -> None:
    requests = Requests()
    stream = frame(b"x" * (2 * READ_BYTES))
    for at in range(0, len(stream), 1000):
        piece = stream[at : at + 1000]
        requests.buffer()[: len(piece)] = piece
        found = list(requests.advance(len(piece)))
    assert len(found) == 1
    assert len(requests.buffer()) == READ_BYTES
