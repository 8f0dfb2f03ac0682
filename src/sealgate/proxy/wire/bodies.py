"""How a body is delimited: by length, by chunks or by the end of the connection (RFC 9112 §6, §7).

Counterpart: requests.py and responses.py choose one by the head. Each gives payload and what follows it.
Must find the same end as every other reader: nothing lenient, no trailers, bounded chunk extensions.
"""

import re
from typing import Final

from sealgate.proxy.wire.errors import WireFault

Taken = tuple[bytes, bytes | None]
"""Payload, and the bytes after the body's end or None while it has not come."""

# A size line with the CR LF that ends the chunk before it; sizes stay under 4 GiB.
_NEXT_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})(;[\t\x20-\x7e\x80-\xff]*+)?\r\n")
_SIZE_LINE: Final = re.compile(rb"\r\n" + _NEXT_SIZE_LINE.pattern)
# The longest beginning of such a line.
_SIZE_LINE_BEGINNING: Final = re.compile(
    rb"(?:\r(?:\n(?:[0-9A-Fa-f]{1,8}(;[\t\x20-\x7e\x80-\xff]*+)?(?:\r\n?)?)?)?)?"
)


class LengthBody:
    """A body of `remaining` bytes."""

    __slots__ = ("remaining",)

    def __init__(self, length_bytes: int) -> None:
        self.remaining = length_bytes

    def take(self, data: bytes) -> Taken:
        left = self.remaining - len(data)
        if left > 0:
            self.remaining = left
            return data, None
        if left == 0:
            self.remaining = 0
            return data, b""
        payload, rest = data[: self.remaining], data[self.remaining :]
        self.remaining = 0
        return payload, rest


class CloseBody:
    """A body that the connection's end delimits."""

    __slots__ = ()

    def take(self, data: bytes) -> Taken:
        return data, None


class ChunkedBody:
    """A chunked body. `limit_bytes` bounds its payload (None: no bound), judged when a size is announced."""

    __slots__ = ("_extensions", "_fault", "_held", "_last", "_left", "announced", "limit_bytes")

    def __init__(self, fault: WireFault, extension_bytes: int, limit_bytes: int | None = None) -> None:
        self._fault = fault
        self._extensions = extension_bytes
        self.limit_bytes = limit_bytes
        self.announced = 0
        self._left = 0
        self._last = False
        # Pretends that a chunk has just ended, so that every size line begins with CR LF.
        self._held = b"\r\n"

    def take(self, data: bytes) -> Taken:
        at, parts = self._resume(data), []
        if at < 0:
            data, at, self._held = self._held + data, 0, b""
        size = len(data)
        while True:
            if self._left:
                part = data[at : at + self._left]
                parts.append(part)
                self._left -= len(part)
                at += len(part)
            if self._last:
                return _joined(parts), self._close(data[at:])
            if at == size:
                return _joined(parts), None
            line = _SIZE_LINE.match(data, at)
            if line is None:
                self._hold(data[at:])
                return _joined(parts), None
            self._open(line)
            at = line.end()

    def _resume(self, data: bytes) -> int:
        """Where to go on in `data`, or -1 if what is held must come before it.

        The usual read begins at a size line: it is read in place, sparing a copy of everything behind it.
        """
        if not self._held:
            return 0
        line = _NEXT_SIZE_LINE.match(data) if self._held == b"\r\n" else None
        if line is None:
            return -1
        self._held = b""
        self._open(line)
        return line.end()

    def _open(self, line: re.Match[bytes]) -> None:
        if line[2]:
            self._extensions -= len(line[2])
            if self._extensions < 0:
                raise self._fault("chunk_extensions")
        self._left = int(line[1], 16)
        self._last = self._left == 0
        self.announced += self._left
        if self.limit_bytes is not None and self.announced > self.limit_bytes:
            raise self._fault("body_too_large")

    def _hold(self, beginning: bytes) -> None:
        """Keep the beginning of a size line; what fits the grammar decides, however it was split."""
        fitting = _SIZE_LINE_BEGINNING.match(beginning)
        if fitting is None:
            raise self._fault("chunk_framing")
        if len(fitting[1] or b"") > self._extensions:
            raise self._fault("chunk_extensions")
        if fitting.end() != len(beginning):
            raise self._fault("chunk_framing")
        self._held = beginning

    def _close(self, data: bytes) -> bytes | None:
        """After the last size: exactly one CR LF. Anything else is a trailer, a header that came late."""
        if not b"\r\n".startswith(data[:2]):
            raise self._fault("trailers")
        if len(data) < 2:
            self._held = data
            return None
        return data[2:]


def _joined(parts: list[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)


Body = LengthBody | ChunkedBody | CloseBody
