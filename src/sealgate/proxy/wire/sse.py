"""Server-sent events: bytes ↔ events, by the framing of the HTML standard §9.2.6.

Counterpart: metering.py reads an event's data, exchange.py relays its raw bytes unchanged.
Must never hold more than one unfinished event.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: `raw` is every byte up to and with its empty line, so that joined raws are the stream.

    `data` is its data lines joined by LF, None when it has none (a comment); `event` its event field or None.
    """

    raw: bytes
    data: bytes | None
    event: bytes | None

    def __repr__(self) -> str:
        return f"Event({len(self.raw)} bytes)"


class EventSplitter:
    """Cuts one stream into events; CR, LF and CRLF end lines alike, wherever the reads were split."""

    def __init__(self, limit_bytes: int = 1_048_576) -> None: ...

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes. Raises `UpstreamWireError("event_too_large")`."""
        raise NotImplementedError

    def eof(self) -> list[Event]:
        """Return what is left as an event, for a stream that ends without its last empty line."""
        raise NotImplementedError


def event_bytes(event: bytes, data: bytes) -> bytes:
    """One event of our own; `data` is one line (JSON)."""
    raise NotImplementedError
