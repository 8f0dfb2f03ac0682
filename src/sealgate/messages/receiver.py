"""Takes bytes apart into frames without copying a secret: sans-io, used by `client` and `server`.

`buffer()` says where the next bytes belong; the socket reads straight into it. A secret part goes into the
slot that was laid out for its request, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from sealgate.messages.frames import HEADER, SECRET_BYTES, FrameError, FrameKind, parse_header


class Frame(Struct, frozen=True):
    """One whole frame; its secret, if any, is in the slot of its request."""

    kind: FrameKind
    request_id: int
    body: bytes


class Receiver:
    """Order: header, then (SECRET only) 512 bytes into a slot, then the body. `FrameError` ends the link."""

    def __init__(self, slot_for: Callable[[int], memoryview | None]) -> None:
        self._slot_for = slot_for
        self._header = memoryview(bytearray(HEADER.size))
        self._kind = FrameKind.REQUEST
        self._request_id = 0
        self._body = memoryview(b"")
        self._body_length = 0
        self._expect_header()

    def buffer(self) -> memoryview:
        """Where the next bytes of the stream belong; never empty."""
        return self._target[self._filled :]

    def advance(self, count: int) -> Frame | None:
        """`count` bytes were put into `buffer()`; gives the frame that they completed, if any."""
        self._filled += count
        if self._filled < len(self._target):
            return None
        return self._next()

    def _expect_header(self) -> None:
        self._target, self._filled, self._next = self._header, 0, self._header_done

    def _header_done(self) -> Frame | None:
        self._body_length, self._request_id, self._kind = parse_header(self._header)
        if self._kind is not FrameKind.SECRET:
            return self._expect_body()
        slot = self._slot_for(self._request_id)
        if slot is None or len(slot) != SECRET_BYTES:
            raise FrameError("a secret came that nobody asked for")
        self._target, self._filled, self._next = slot, 0, self._expect_body
        return None

    def _expect_body(self) -> Frame | None:
        if self._body_length == 0:
            raise FrameError("a frame without a body")
        self._body = memoryview(bytearray(self._body_length))
        self._target, self._filled, self._next = self._body, 0, self._body_done
        return None

    def _body_done(self) -> Frame:
        frame = Frame(self._kind, self._request_id, bytes(self._body))
        self._body = memoryview(b"")
        self._expect_header()
        return frame
