"""The protocol of Valkey and Redis (RESP2), as far as a limit store needs it: commands out, replies in. Pure.

Counterpart: `store_link.py`, which holds the connection. Ours, because a client library's futures and parsing
would cost more than everything else that a budget does to a request (docs/decisions/0015-a-limit-store.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LIMIT_BYTES: Final = 4 * 1_048_576
"""No reply to anything that is asked here is as long."""
DEPTH_MOST: Final = 4


class StoreError(Exception):
    """The store's own word for what it does not do, such as `NOAUTH`; never a value."""


class BrokenReplyError(Exception):
    """What came is no reply."""


class _Incomplete(Exception):  # noqa: N818 - a turn, not an error
    """The rest is still on its way."""


Reply = int | bytes | None | StoreError | list["Reply"]


def command(parts: Sequence[bytes | str | int]) -> bytes:
    """One command as an array of bulk strings."""
    out = [b"*%d\r\n" % len(parts)]
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        out.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(out)


class ReplyReader:
    """Replies out of bytes that come in pieces."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are whole now; raises `BrokenReplyError`."""
        buffer, at, found = self._buffer + data, 0, list[Reply]()
        try:
            while at < len(buffer):
                reply, at = _reply(buffer, at, 0)
                found.append(reply)
        except _Incomplete:
            pass
        except ValueError as error:
            raise BrokenReplyError from error
        self._buffer = buffer[at:]
        if len(self._buffer) > LIMIT_BYTES:
            raise BrokenReplyError
        return found


def _reply(buffer: bytes, at: int, depth: int) -> tuple[Reply, int]:
    end = buffer.find(b"\r\n", at)
    if end < 0:
        raise _Incomplete
    kind, line, at = buffer[at : at + 1], buffer[at + 1 : end], end + 2
    match kind:
        case b":":
            return int(line), at
        case b"+":
            return line, at
        case b"-":
            return StoreError(_code(line)), at
        case b"$":
            return _bulk(buffer, int(line), at)
        case b"*" if depth < DEPTH_MOST:
            replies: list[Reply] = []
            for _ in range(int(line)):
                reply, at = _reply(buffer, at, depth + 1)
                replies.append(reply)
            return replies, at
    raise BrokenReplyError


def _bulk(buffer: bytes, length: int, at: int) -> tuple[Reply, int]:
    if length < 0:
        return None, at
    if length > LIMIT_BYTES:
        raise BrokenReplyError
    if len(buffer) < at + length + 2:
        raise _Incomplete
    return buffer[at : at + length], at + length + 2


def _code(line: bytes) -> str:
    """The first word: what follows may quote what was sent."""
    word = line.split(b" ", 1)[0].decode("ascii", "replace")
    return word if word.isascii() and word.isalnum() else "ERR"
