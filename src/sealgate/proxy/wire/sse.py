"""Server-sent events: bytes ↔ events, by the framing of the HTML standard §9.2.6.

Counterpart: metering.py reads an event's data, exchange.py relays its raw bytes unchanged.
Must never hold more than one unfinished event.
"""

import re
from typing import Final

import msgspec

from sealgate.proxy.wire.errors import UpstreamWireError

EVENT_LIMIT_BYTES: Final = 1_048_576

# Two line ends in a row; CR LF is one line end, never two.
_EVENT_END: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


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
    """Cuts one stream into events; CR, LF and CRLF end lines alike, wherever the reads were split.

    An event whose last byte so far is CR waits for the next read, since LF may belong to it.
    """

    __slots__ = ("_carriage_returns", "_first", "_held", "_limit_bytes", "_scanned")

    def __init__(self, limit_bytes: int = EVENT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held = bytearray()
        self._scanned = 0
        self._carriage_returns = False
        self._first = True

    def __repr__(self) -> str:
        return f"EventSplitter({len(self._held)} bytes held)"

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that `data` completes. Raises `UpstreamWireError("event_too_large")`."""
        if not self._held and self._is_one_line(data):
            self._first = False
            return [Event(data, data[6:-2], None)]
        if b"\r" in data:
            self._carriage_returns = True
        if self._held:
            self._held += data
            return self._split(self._held)
        if self._carriage_returns:
            return self._split(data)
        *blocks, rest = data.split(b"\n\n")
        if rest:
            self._hold(rest, 0)
        return self._read_blocks(blocks)

    def eof(self) -> list[Event]:
        """Return what is left as an event, for a stream that ends without its last empty line."""
        raw = bytes(self._held)
        self._held = bytearray()
        return [self._parse(raw)] if raw else []

    def _is_one_line(self, data: bytes) -> bool:
        """Nearly every read of a live stream: one `data: …` line and its empty line."""
        size = len(data)
        return (
            data.find(b"\n") == size - 2
            and data.startswith(b"data: ")
            and data.endswith(b"\n")
            and b"\r" not in data
            and size <= self._limit_bytes
        )

    def _read_blocks(self, blocks: list[bytes]) -> list[Event]:
        """Events without their empty lines, none of them with CR; mostly one `data: …` line each."""
        events = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block and len(block) <= self._limit_bytes - 2:
                self._first = False
                events.append(Event(block + b"\n\n", block[6:], None))
            else:
                events.append(self._parse(block + b"\n\n"))
        return events

    def _split(self, buffer: bytes | bytearray) -> list[Event]:
        events, start = [], 0
        end = self._event_end(buffer, self._scanned)
        while end:
            events.append(self._parse(bytes(buffer[start:end])))
            start, end = end, self._event_end(buffer, end)
        self._hold(buffer, start)
        return events

    def _event_end(self, buffer: bytes | bytearray, start: int) -> int:
        """Where the event ends that is unfinished before `start`; 0 while it has not ended."""
        if not self._carriage_returns:
            found = buffer.find(b"\n\n", start)
            return found + 2 if found >= 0 else 0
        ending = _EVENT_END.search(buffer, start)
        if ending is None or (ending.end() == len(buffer) and buffer.endswith(b"\r")):
            return 0
        return ending.end()

    def _hold(self, buffer: bytes | bytearray, start: int) -> None:
        self._held = bytearray(buffer[start:]) if start or buffer is not self._held else self._held
        self._check_size(len(self._held))
        # An ending has at most four bytes: what lies before them need not be searched again.
        self._scanned = max(0, len(self._held) - 4)
        if self._carriage_returns and start:
            self._carriage_returns = b"\r" in self._held

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise UpstreamWireError("event_too_large")

    def _parse(self, raw: bytes) -> Event:
        self._check_size(len(raw))
        text = raw.removeprefix(_BOM) if self._first else raw
        self._first = False
        data: list[bytes] = []
        event = None
        for line in _LINE_END.split(text):
            name, _, value = line.partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" "))
            elif name == b"event":
                event = value.removeprefix(b" ")
        return Event(raw, b"\n".join(data) if data else None, event)


def content_bytes(event: Event) -> bytes:
    """An event with data as it goes down: as it came, or written anew if it came with anything else.

    What has the size of its plain form has no room for a comment or for another field.
    """
    data, name = event.data or b"", event.event
    head = b"" if name is None else b"event: %b\n" % name
    if len(event.raw) == len(head) + len(data) + 8:
        return event.raw
    return b"%b%b\n" % (head, b"".join(b"data: %b\n" % line for line in data.split(b"\n")))


def event_bytes(event: bytes, data: bytes) -> bytes:
    """One event of our own; `data` is one line (JSON)."""
    return b"event: %b\ndata: %b\n\n" % (event, data)
