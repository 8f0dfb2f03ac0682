"""Whatever bytes a provider sends, in whatever pieces: the same answer or fault, one end, little held.

Nothing but our own faults is raised, and nothing passes that another strict reader reads otherwise.
"""

from __future__ import annotations

import h11
from hypothesis import given

from sealgate.proxy.wire.errors import RESPONSE_FAULTS, UpstreamWireError
from sealgate.proxy.wire.events import BodyPart, ResponseEnd, ResponseEvent, ResponseHead
from sealgate.proxy.wire.responses import ResponseReader
from tests.fuzz.grammar import LIMITS, PLACES, held_bytes, one_is_the_beginning_of_the_other, responses
from tests.fuzz.profile import examples
from tests.proxy.wire.playbook import cut, joined

HOLDABLE_BYTES = LIMITS.head_bytes + LIMITS.chunk_extension_bytes + 20


def feed(pieces: list[bytes]) -> tuple[list[ResponseEvent], str | None]:
    """What was read up to the connection's end, and the fault; the reader never held more than it may."""
    reader, events = ResponseReader(LIMITS), list[ResponseEvent]()
    try:
        for piece in pieces:
            events += reader.feed(piece)
            assert held_bytes(reader) <= HOLDABLE_BYTES
        events += reader.eof()
    except UpstreamWireError as fault:
        return events, fault.code
    return events, None


@given(responses(), PLACES, PLACES)
@examples(200)
def test_no_cut_tells_another_story(message: bytes, places: list[int], others: list[int]) -> None:
    one, code = feed(cut(message, places))
    other, other_code = feed(cut(message, others))
    assert code == other_code
    assert code is None or code in RESPONSE_FAULTS
    assert one_is_the_beginning_of_the_other(one, other)
    if code is None:
        assert joined(one) == joined(other)


@given(responses(), PLACES)
@examples(150)
def test_an_answer_is_one_head_a_body_and_one_end_or_a_fault(message: bytes, places: list[int]) -> None:
    events, code = feed(cut(message, places))
    kinds = [type(event) for event in joined(events)]
    beginnings = [[], [ResponseHead], [ResponseHead, BodyPart]]
    wholes = [[ResponseHead, ResponseEnd], [ResponseHead, BodyPart, ResponseEnd]]
    assert kinds in (wholes if code is None else [*beginnings, *wholes])
    if kinds[-1:] == [ResponseEnd] and isinstance(head := events[0], ResponseHead):
        body = b"".join(event.data for event in events if isinstance(event, BodyPart))
        assert head.status >= 200
        assert head.content_length in (None, len(body))


def as_h11_reads_it(message: bytes) -> tuple[int, bytes] | None:
    """(status, body) of a whole response as an independent strict reader has it."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "a"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(message)
    connection.receive_data(b"")
    status, body = 0, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


@given(responses())
@examples(250)
def test_an_answer_that_passes_is_read_alike_by_another_strict_reader(message: bytes) -> None:
    events, code = feed([message])
    if code is not None:
        return
    head = events[0]
    assert isinstance(head, ResponseHead)
    body = b"".join(event.data for event in events if isinstance(event, BodyPart))
    assert as_h11_reads_it(message) == (head.status, body)
