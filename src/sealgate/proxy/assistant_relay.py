"""The provider's stream as the assistant hears it: the text as it comes, and what it took at the end.

Counterparts: `<sealgate-assistant>`; `relay.py`, whose kinds serve direct use. Must never pass on an error of
the provider in its own words.
"""

from __future__ import annotations

import msgspec

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.metering import END_MARKER, ERROR, ChatMeter, Usage, known_reason, read_completion
from sealgate.proxy.relay import EVENTS, split, takes_media_type
from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.events import ResponseHead
from sealgate.proxy.wire.sse import Event, EventSplitter, event_bytes

_encode = msgspec.json.Encoder().encode


class Delta(msgspec.Struct, frozen=True):
    """What one event adds for the assistant."""

    text: str
    finish_reason: str | None


class ActionRelay:
    """The assistant's events: text as it comes, and one `done` with what it took."""

    streams = True
    accepts = frozenset({b"text/event-stream"})
    content_type = EVENTS

    def __init__(self, meter: ChatMeter) -> None:
        self._meter = meter
        self._splitter = EventSplitter()

    @property
    def ended(self) -> bool:
        """True once the end marker was seen."""
        return self._meter.saw_end

    whole = ended

    def takes(self, head: ResponseHead) -> bool:
        """True for a stream of events."""
        return takes_media_type(self.accepts, head)

    def feed(self, data: bytes) -> bytes:
        """One `delta` for the text that these bytes bring."""
        return self._pass(split(self._splitter, data))

    def end(self) -> bytes:
        """`done`, if the provider came to its end marker."""
        try:
            last = self._pass(self._splitter.eof())
        except ProxyError:  # half an event: the stream broke off, as its missing end marker says
            last = b""
        usage = self._meter.usage()
        if not usage.saw_end:
            return last
        done = {
            "outcome": "completed",
            "finish_reason": usage.finish_reason or "stop",
            "usage": {
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "estimated": usage.estimated,
            },
        }
        return last + event_bytes(b"done", _encode(done))

    def failure(self, error: ProxyError) -> bytes:
        """`error`, in the shape that every error has."""
        return event_bytes(b"error", error.to_json())

    def usage(self) -> Usage:
        """What was used until now."""
        return self._meter.usage()

    def written(self) -> int:
        """Output tokens that were written for certain."""
        return self._meter.written()

    def _pass(self, events: list[Event]) -> bytes:
        text = ""
        for event in events:
            if self._meter.saw_end:  # what follows is no answer, whether or not it came in the same read
                break
            verdict = self._meter.event(event.data)
            if verdict is ERROR or (event.event is not None and b"error" in event.event.lower()):
                raise ProxyError("provider_error")
            if event.data is not None:
                text += _text_of(event.data)
        return event_bytes(b"delta", _encode({"text": text})) if text else b""


def _text_of(data: bytes) -> str:
    """An event of a form that we do not know costs its own text, not the whole answer."""
    try:
        return chat_delta(data).text
    except UpstreamWireError:
        return ""


def chat_delta(data: bytes) -> Delta:
    """The text and finish reason in one event's data; `[DONE]` and the usage chunk give an empty one.

    A refusal is text too. Raises `UpstreamWireError("event_malformed")`.
    """
    if data == END_MARKER:
        return Delta("", None)
    completion = read_completion(data)
    if completion is None:
        raise UpstreamWireError("event_malformed")
    text, reason = "", None
    for choice in completion.choices or ():
        if choice.delta is not None:
            text += choice.delta.content or choice.delta.refusal or ""
        reason = choice.finish_reason or reason
    return Delta(text, None if reason is None else known_reason(reason))
