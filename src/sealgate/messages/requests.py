"""Takes requests apart, as many as one read brings: sans-io, used by `server`.

Counterpart: `receiver`, which `client` reads replies with. No secret goes this way, so requests need no
place of their own before they arrive; a frame with one ends the link.
"""

from __future__ import annotations

from collections.abc import Iterator

from sealgate.messages.frames import HEADER, FrameError, FrameKind, parse_header
from sealgate.messages.receiver import Frame

READ_BYTES = 16 * 1024
"""What one peer has read at once: some sixty opens, after which the others have their turn."""


class Requests:
    """Gives where the next bytes belong, and the requests that they completed."""

    def __init__(self) -> None:
        self._bytes = bytearray(READ_BYTES)
        self._filled = 0

    def buffer(self) -> memoryview:
        """Where the next bytes of the stream belong; never empty."""
        return memoryview(self._bytes)[self._filled :]

    def advance(self, count: int) -> Iterator[Frame]:
        """`count` bytes were put into `buffer()`; every request that is whole now. Raises `FrameError`."""
        self._filled += count
        view, at = memoryview(self._bytes)[: self._filled], 0
        needed = HEADER.size
        while len(view) - at >= needed:
            body = at + HEADER.size
            length, request_id, kind = parse_header(view[at:body])
            if kind is not FrameKind.REQUEST or length == 0:
                raise FrameError("only requests go this way, and none without a body")
            needed = HEADER.size + length
            if len(view) - at < needed:
                break
            at += needed
            needed = HEADER.size
            yield Frame(kind, request_id, bytes(view[body:at]))
        self._keep(bytes(view[at:]), needed)

    def _keep(self, rest: bytes, needed: int) -> None:
        """What is left is the beginning of the next request, which has `needed` bytes or more."""
        if max(needed, READ_BYTES) != len(self._bytes):
            self._bytes = bytearray(max(needed, READ_BYTES))
        self._bytes[: len(rest)] = rest
        self._filled = len(rest)
