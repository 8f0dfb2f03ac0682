"""The provider's stream as the assistant hears it: the text as it comes, and what it took at the end.

Counterparts: `<sealgate-assistant>`; `relay.py`, whose kinds serve direct use. Must never pass on an error of
the provider in its own words.
"""

from __future__ import annotations

import msgspec

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.metering import ChatMeter, Usage, Verdict, chat_delta
from sealgate.proxy.relay import split
from sealgate.proxy.wire.errors import UpstreamWireError
from sealgate.proxy.wire.sse import Event, EventSplitter, event_bytes

_encode = msgspec.json.Encoder().encode


class ActionRelay:
    """The assistant's events: text as it comes, and one `done` with what it took."""

    streams = True
    accepts = b"text/event-stream"
    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, meter: ChatMeter) -> None:
        self._meter = meter
        self._splitter = EventSplitter()

    @property
    def ended(self) -> bool:
        """True once the end marker was seen."""
        return self._meter.saw_end

    def feed(self, data: bytes) -> bytes:
        """One `delta` for the text that these bytes bring."""
        return self._pass(split(self._splitter, data))

    def end(self) -> bytes:
        """`done`, if the provider came to its end marker."""
        last = self._pass(self._splitter.eof())
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

    def _pass(self, events: list[Event]) -> bytes:
        text = ""
        for event in events:
            if self._meter.event(event.data) is Verdict.ERROR:
                raise ProxyError("provider_error")
            if event.data is not None:
                text += _text_of(event.data)
        return event_bytes(b"delta", _encode({"text": text})) if text else b""


def _text_of(data: bytes) -> str:
    try:
        return chat_delta(data).text
    except UpstreamWireError as error:
        raise ProxyError("provider_failed") from error
