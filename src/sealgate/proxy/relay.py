"""An upstream answer on its way down: metered, mapped where it must be, never kept.

Counterparts: `exchange.py` feeds a relay and ends it; `whole_relay.py`, `assistant_relay.py` and
`responses_api.py` have other kinds than the provider's stream as it is. Must never pass on an error of the
provider in its own words.
"""

from __future__ import annotations

from typing import Protocol

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.metering import ERROR, RELAY, Meter, Usage
from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.events import ResponseHead
from sealgate.proxy.wire.heads import media_type
from sealgate.proxy.wire.sse import EVENT_LIMIT_BYTES, Event, EventSplitter, content_bytes

EVENTS = b"text/event-stream; charset=utf-8"


class Relay(Protocol):
    """What an exchange needs of a relay. `feed` and `end` raise `ProxyError` for an answer that is none."""

    streams: bool
    """True if bytes go down as they come."""
    content_type: bytes

    @property
    def ended(self) -> bool:
        """True once the end marker was seen: nothing that matters follows."""

    @property
    def whole(self) -> bool:
        """True once the answer came to its end, marked or counted."""

    def takes(self, head: ResponseHead) -> bool:
        """True for an answer that it can read: of its content type, and with an end that can be told."""

    def feed(self, data: bytes) -> bytes:
        """Take body bytes; gives what goes down now."""

    def end(self) -> bytes:
        """The body is over; gives the last bytes."""

    def failure(self, error: ProxyError) -> bytes | None:
        """The last bytes of a stream that fails after it began; None where only a cut can say so."""

    def usage(self) -> Usage:
        """What was used until now."""

    def written(self) -> int:
        """Output tokens that were written for certain."""


class StreamRelay:
    """The provider's events as they are, but for a closing usage chunk that the client had not asked for."""

    streams = True
    accepts = frozenset({b"text/event-stream"})
    content_type = EVENTS

    def __init__(self, meter: Meter, event_limit_bytes: int = EVENT_LIMIT_BYTES) -> None:
        self._meter = meter
        self._splitter = EventSplitter(event_limit_bytes)

    @property
    def ended(self) -> bool:
        """True once the end marker was seen."""
        return self._meter.saw_end

    whole = ended

    def takes(self, head: ResponseHead) -> bool:
        """True for a stream of events."""
        return takes_media_type(self.accepts, head)

    def feed(self, data: bytes) -> bytes:
        """Whole events, without comments: these are no content, and we vouch for what goes down."""
        return self._pass(split(self._splitter, data))

    def end(self) -> bytes:
        """What stood after the last whole event, if that is one for itself."""
        try:
            return self._pass(self._splitter.eof())
        except ProxyError:  # half an event: the stream broke off, as its missing end marker says
            return b""

    def failure(self, error: ProxyError) -> bytes:
        """An error event as OpenAI's clients understand it; no end marker follows."""
        return b"data: %b\n\n" % error.to_json()

    def usage(self) -> Usage:
        """What was used until now."""
        return self._meter.usage()

    def written(self) -> int:
        """Output tokens that were written for certain."""
        return self._meter.written()

    def _pass(self, events: list[Event]) -> bytes:
        meter, out = self._meter, b""
        for event in events:
            if meter.saw_end:  # what follows is no answer, whether or not it came in the same read
                break
            verdict = meter.event(event.data)
            if event.event is not None and b"error" in event.event.lower():
                verdict = ERROR
            if verdict is RELAY:
                out += content_bytes(event)
            elif verdict is ERROR:
                raise ProxyError("provider_error")
        return out


def takes_media_type(accepts: frozenset[bytes], head: ResponseHead) -> bool:
    """True if the answer's content type is one of these."""
    return media_type(head.headers) in accepts


def split(splitter: EventSplitter, data: bytes) -> list[Event]:
    """Cut a read into events; `ProxyError` for what is no stream of events."""
    try:
        return splitter.feed(data)
    except UpstreamWireError as error:
        raise ProxyError("provider_failed") from error
