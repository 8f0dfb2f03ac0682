"""Whatever bytes a client sends, in whatever pieces: the same request or the same refusal, within the limits.

Nothing but our own faults is raised, nothing is read that another strict reader reads otherwise, and no more
than one head is ever held.
"""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.proxy.wire.errors import REQUEST_FAULTS, WireError
from sealgate.proxy.wire.events import BodyPart, RequestEnd, RequestEvent, RequestHead
from sealgate.proxy.wire.requests import RequestReader
from tests.fuzz.grammar import (
    LIMITS,
    PLACES,
    edited,
    held_bytes,
    one_is_the_beginning_of_the_other,
    requests,
)
from tests.fuzz.profile import examples
from tests.proxy.wire.playbook import cut, joined, request_reader

Read = tuple[list[RequestEvent], str | None]
HOLDABLE_BYTES = 2 * LIMITS.head_bytes + LIMITS.chunk_extension_bytes + 300
"""A head and the one before it, a size line, and the host's name."""


def feed(reader: RequestReader, pieces: list[bytes]) -> Read:
    """What was read, and the fault that ended it; the reader never held more than it may."""
    events: list[RequestEvent] = []
    for piece in pieces:
        try:
            events += reader.feed(piece)
        except WireError as fault:
            return events, fault.code
        assert held_bytes(reader) <= HOLDABLE_BYTES
    return events, None


@given(requests(), PLACES, PLACES)
@examples(200)
def test_no_cut_tells_another_story(message: bytes, places: list[int], others: list[int]) -> None:
    one, code = feed(request_reader(LIMITS), cut(message, places))
    other, other_code = feed(request_reader(LIMITS), cut(message, others))
    assert code == other_code
    assert code is None or 400 <= REQUEST_FAULTS[code][0] < 500
    assert one_is_the_beginning_of_the_other(one, other)
    if code is None:
        assert joined(one) == joined(other)


@given(requests(), PLACES)
@examples(150)
def test_what_is_read_is_one_head_a_body_within_the_limit_and_one_end(
    message: bytes, places: list[int]
) -> None:
    events, _code = feed(request_reader(LIMITS), cut(message, places))
    kinds = [type(event) for event in joined(events)]
    assert kinds in (
        [],
        [RequestHead],
        [RequestHead, BodyPart],
        [RequestHead, RequestEnd],
        [RequestHead, BodyPart, RequestEnd],
    )
    body = b"".join(event.data for event in events if isinstance(event, BodyPart))
    assert len(body) <= LIMITS.body_bytes
    if kinds and kinds[-1] is RequestEnd and isinstance(head := events[0], RequestHead):
        assert head.content_length in (None, len(body))


def as_h11_reads_it(message: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes] | None:
    """(method, target, fields, body) of a whole request as an independent strict reader has it."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(message)
    head: h11.Request | None = None
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return head.method, head.target, list(head.headers), body
            else:
                return None
    except h11.RemoteProtocolError:
        return None


@given(requests())
@examples(250)
def test_a_request_that_passes_is_read_alike_by_another_strict_reader(message: bytes) -> None:
    events, code = feed(request_reader(LIMITS), [message])
    if code is not None or not events or not isinstance(events[-1], RequestEnd):
        return
    head = events[0]
    assert isinstance(head, RequestHead)
    body = b"".join(event.data for event in events if isinstance(event, BodyPart))
    theirs = as_h11_reads_it(message)
    assert theirs is not None, "what we take, others take"
    method, target, fields, their_body = theirs
    ours = head.target + (b"?" + head.query if head.query or b"?" in target else b"")
    assert (method, target, their_body) == (head.method, ours, body)
    assert {name for name, _ in fields} == set(head.headers)
    for name, value in head.headers.items():
        assert b", ".join(each for key, each in fields if key == name) == value


@given(st.lists(requests(), min_size=2, max_size=4), PLACES)
@examples(100)
def test_on_one_connection_each_request_is_read_as_if_it_were_alone(
    messages: list[bytes], places: list[int]
) -> None:
    reader = request_reader(LIMITS)
    for message in messages:
        events, code = feed(reader, cut(message, places))
        alone, alone_code = feed(request_reader(LIMITS), cut(message, places))
        assert (joined(events), code) == (joined(alone), alone_code)
        if code is not None or not events or not isinstance(events[-1], RequestEnd):
            return
        assert not reader.idle()
        reader.next()
        assert reader.idle()


@given(st.data(), requests())
@examples(100)
def test_a_client_that_stops_has_sent_a_whole_request_nothing_or_half_of_one(
    data: st.DataObject, message: bytes
) -> None:
    reader = request_reader(LIMITS)
    events, code = feed(reader, [data.draw(edited(message))])
    if code is not None:
        return
    whole = bool(events) and isinstance(events[-1], RequestEnd)
    if whole or reader.idle():
        reader.eof()
        return
    with pytest.raises(WireError, match="truncated"):
        reader.eof()
