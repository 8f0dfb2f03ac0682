"""Whatever a stream of events is made of: read as the HTML standard says, in any pieces; one event is held.

A relay over it ends in whole events that went down, or in one error of ours; never in another exception.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.proxy.assistant_relay import ActionRelay
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.metering import ChatMeter
from sealgate.proxy.relay import Relay, StreamRelay
from sealgate.proxy.responses_api import ResponsesMeter, ResponsesRelay
from sealgate.proxy.store_wire import BrokenReplyError, Reply, ReplyReader, StoreError, command
from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.sse import Event, EventSplitter
from tests.fuzz.grammar import PLACES, edited, held_bytes
from tests.fuzz.profile import examples
from tests.proxy.provider import STREAM, event
from tests.proxy.provider_endpoints import RESPONSES_STREAM
from tests.proxy.wire.playbook import cut

LIMIT_BYTES = 120

LINES = st.sampled_from(
    [b"data: ab", b"data:c", b"data", b"data:", b":", b": x", b"event: e", b"id: 1", b"retry: 9", b"odd",
     b"", b"\xef\xbb\xbf", b"\xef\xbb\xbfdata: d", b"da", b"ta: z", b"data:  y ", b"x" * 50, b"data: \xff"]
)  # fmt: skip
ENDS = st.sampled_from([b"\n", b"\n", b"\n\n", b"\r\n", b"\r\n\r\n", b"\r", b"\r\r", b"\n\r\n", b""])
STREAMS = st.lists(st.tuples(LINES, ENDS).map(b"".join), max_size=14).map(b"".join).flatmap(edited)


def split(pieces: list[bytes]) -> tuple[list[Event], str | None]:
    splitter, events = EventSplitter(LIMIT_BYTES), list[Event]()
    try:
        for piece in pieces:
            events += splitter.feed(piece)
            assert held_bytes(splitter) <= LIMIT_BYTES
    except UpstreamWireError as fault:
        return events, fault.code
    return events + splitter.eof(), None


def by_the_standard(stream: bytes) -> list[bytes]:
    """The data of each event that a browser would dispatch (HTML standard §9.2.6), and the unfinished one."""
    stream = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, data = [], list[bytes]()
    for line in stream.split(b"\n"):
        name, _, value = line.partition(b":")
        if not line and data:
            found.append(b"\n".join(data))
            data = []
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return [*found, b"\n".join(data)] if data else found


@given(STREAMS, PLACES)
@examples(300)
def test_events_are_those_of_the_standard_in_any_pieces(stream: bytes, places: list[int]) -> None:
    events, code = split(cut(stream, places))
    whole, whole_code = split([stream])
    assert code == whole_code
    assert (
        whole == events if code is None else events[: len(whole)] == whole or whole[: len(events)] == events
    )
    if code is None:
        assert b"".join(event.raw for event in events) == stream
        assert [event.data for event in events if event.data is not None] == by_the_standard(stream)


RELAYS: dict[str, tuple[bytes, Callable[[], Relay]]] = {
    "chat": (STREAM, lambda: StreamRelay(ChatMeter(input_bytes=10, usage_asked=False))),
    "chat with usage": (STREAM, lambda: StreamRelay(ChatMeter(input_bytes=10, usage_asked=True))),
    "assistant": (STREAM, lambda: ActionRelay(ChatMeter(input_bytes=10, usage_asked=False))),
    "responses": (RESPONSES_STREAM, lambda: ResponsesRelay(ResponsesMeter(input_bytes=10))),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


ODD_DATA = [
    b"[" * 20_000,
    b'"\\ud800"',
    b'{"choices": "\xff"}',
    b"1e999",
    b'{"error": null, "error": {}}',
    b"null",
]
AFTER_THE_END = [b"", event("late"), b'data: {"error": {"message": "late"}}\n\n', b": c\n\n"]


@st.composite
def warped(draw: st.DrawFn, stream: bytes) -> bytes:
    """A provider's stream with a member of one event given another value and more after its end, edited."""
    events = stream.split(b"\n\n")
    at = draw(st.integers(0, len(events) - 1))
    head, found, raw = events[at].rpartition(b"data: ")
    if found and raw.startswith(b"{") and draw(st.booleans()):
        body = json.loads(raw)
        inner = body
        while isinstance(inner, dict | list) and inner:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            key = draw(st.sampled_from(keys))
            if draw(st.booleans()) or not isinstance(inner[key], dict | list):
                inner[key] = draw(JSON)
                break
            inner = inner[key]
        events[at] = head + found + json.dumps(body).encode()
    elif found and draw(st.booleans()):
        events[at] = head + found + draw(st.sampled_from(ODD_DATA))
    after = draw(st.sampled_from(AFTER_THE_END))
    return draw(edited(b"\n\n".join(events) + after))


def relayed(relay: Relay, pieces: list[bytes]) -> tuple[bytes, str | None]:
    """What goes down until the end marker, as `exchange.py` has it, and the error that ended it."""
    out = b""
    try:
        for piece in pieces:
            if relay.ended:
                break
            out += relay.feed(piece)
            usage = relay.usage()
            assert usage.input_tokens >= 0
            assert usage.output_tokens >= 0
        out += relay.end()
    except ProxyError as error:
        return out, error.code
    return out, None


@pytest.mark.parametrize("name", RELAYS)
@given(data=st.data(), places=PLACES)
@examples(60)
def test_a_relay_passes_whole_events_or_ends_in_an_error_of_ours(
    name: str, data: st.DataObject, places: list[int]
) -> None:
    stream, make = RELAYS[name]
    raw = data.draw(warped(stream))
    whole, whole_code = relayed(make(), [raw])
    out, code = relayed(make(), cut(raw, places))
    assert code == whole_code
    assert code in (None, "provider_error", "provider_failed")
    assert said(out).startswith(said(whole))
    if code is None:
        assert said(out) == said(whole)
    assert not out or out.endswith(b"\n\n")


def said(out: bytes) -> bytes:
    """What went down; the assistant's relay joins the text of one read."""
    return out.replace(b'"}\n\nevent: delta\ndata: {"text":"', b"")


REPLIES = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=20) | st.none(),
    lambda inner: st.lists(inner, max_size=4),
)


def encoded(reply: object) -> bytes:
    if isinstance(reply, list):
        return b"*%d\r\n" % len(reply) + b"".join(encoded(each) for each in reply)
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    return b"$-1\r\n" if reply is None else command([reply])[4:]  # type: ignore[list-item]


def told(pieces: list[bytes]) -> tuple[list[Reply], bool]:
    reader, found = ReplyReader(), list[Reply]()
    try:
        for piece in pieces:
            found += reader.feed(piece)
    except BrokenReplyError:
        return found, False
    return found, True


@given(st.lists(REPLIES, max_size=4).map(lambda them: b"".join(map(encoded, them))).flatmap(edited), PLACES)
@examples(200)
def test_a_limit_store_says_the_same_in_any_pieces_or_is_none(raw: bytes, places: list[int]) -> None:
    whole, whole_sound = told([raw])
    found, sound = told(cut(raw, places))
    assert sound is whole_sound
    if sound:
        assert list(map(plain, found)) == list(map(plain, whole))


def plain(reply: Reply) -> object:
    """A reply that can be compared."""
    if isinstance(reply, list):
        return [plain(each) for each in reply]
    return str(reply) if isinstance(reply, StoreError) else reply
