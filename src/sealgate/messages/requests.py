"""Takes requests apart, as many as one read brings: sans-io, used by `server`.

Counterpart: `receiver`, which `client` reads replies with. No secret goes this way, so requests need no
place of their own before they arrive; a frame with one ends the link.
"""

from __future__ import annotations

from collections.abc import Iterator

from sealgate.messages.frames import BODY_LIMIT_BYTES, HEADER, FrameError, FrameKind

READ_BYTES = 16 * 1024
"""What one peer has read at once: some sixty opens, after which the others have their turn."""
_REQUEST = int(FrameKind.REQUEST)


class Requests:
    """Gives where the next bytes belong, and the requests that they completed."""

    def __init__(self) -> None:
        self._bytes = bytearray(READ_BYTES)
        self._filled = 0

    def buffer(self) -> memoryview:
        """Where the next bytes of the stream belong; never empty."""
        return memoryview(self._bytes)[self._filled :]

    def advance(self, count: int) -> Iterator[tuple[int, memoryview]]:
        """`count` bytes were put into `buffer()`; id and body of every request that is whole now.

        A body is a view: it stands until the next one is asked for. Raises `FrameError`.
        """
        filled = self._filled = self._filled + count
        view, at, needed = memoryview(self._bytes), 0, HEADER.size
        while filled - at >= needed:
            length, request_id, kind = HEADER.unpack_from(view, at)
            if kind != _REQUEST or not 0 < length <= BODY_LIMIT_BYTES:
                raise FrameError("only requests go this way, with a body that is not over the limit")
            needed = HEADER.size + length
            if filled - at < needed:
                break
            yield request_id, view[at + HEADER.size : at + needed]
            at += needed
            needed = HEADER.size
        self._keep(bytes(view[at:filled]), needed)

    def _keep(self, rest: bytes, needed: int) -> None:
        """What is left is the beginning of the next request, which has `needed` bytes or more."""
        if max(needed, READ_BYTES) != len(self._bytes):
            self._bytes = bytearray(max(needed, READ_BYTES))
        self._bytes[: len(rest)] = rest
        self._filled = len(rest)
