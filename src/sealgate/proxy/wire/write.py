"""Heads and chunks as bytes, both ways: requests for the upstream, responses for the client.

Counterpart: requests.py and responses.py. Heads are built from scratch, never copied from the other hop.
Must never write a name or value that could end a line, nor leave a provider key in its buffer.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from sealgate.proxy.wire.heads import FIELDS

Field = tuple[bytes, bytes]

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

_REQUEST: Final = re.compile(rb"[A-Z]+ /[\x21-\x7e]* HTTP/1\.1" + FIELDS)
_RESPONSE: Final = re.compile(rb"HTTP/1\.1 [2-5][0-9]{2} [ -~]*" + FIELDS)
_FIELDS: Final = re.compile(FIELDS)
_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b" % (status, status.phrase.encode()) for status in HTTPStatus
}
_BODILESS: Final = frozenset({204, 304})
BEARER: Final = (b"authorization", b"Bearer ")
"""The header that carries a key, and what stands before it (RFC 6750 §2.1)."""
_HEAD_END: Final = b"\r\n\r\n"
_CLOSING_END: Final = b"\r\nconnection: close\r\n\r\n"
_KEPT: Final = 256
"""Beginnings of heads that are kept: what many heads share is checked once."""


def request_bytes(method: bytes, target: bytes, host: bytes, headers: Iterable[Field], body: bytes) -> bytes:
    """One whole request without a secret: request line, Host, headers, Content-Length, body (RFC 9112 §3)."""
    start = _request_start(method, target, host, ())
    return b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (start, _lines(headers), len(body), body)


@lru_cache(_KEPT)
def _request_start(method: bytes, target: bytes, host: bytes, shared: tuple[Field, ...]) -> bytes:
    """A request line and fields, without an empty line; ValueError for anything that could end a line."""
    return _checked(_REQUEST, b"%b %b HTTP/1.1" % (method, target), ((b"host", host), *shared))


@lru_cache(_KEPT)
def _response_start(status: int, shared: tuple[Field, ...]) -> bytes:
    """A status line and fields, the same way."""
    return _checked(_RESPONSE, _STATUS_LINES[status], shared)


def _lines(fields: Iterable[Field]) -> bytes:
    """Fields, the same way."""
    return _checked(_FIELDS, b"", fields)


def _checked(grammar: re.Pattern[bytes], first: bytes, fields: Iterable[Field]) -> bytes:
    """A first line and fields as they are written; each must have stayed one line."""
    lines = [b"\r\n%b: %b" % field for field in fields]
    head = first + b"".join(lines)
    if head.count(b"\r") != len(lines) or not grammar.fullmatch(head + _HEAD_END):
        raise ValueError("a first line or header has a byte that could end it")
    return head


class SecretRequest:
    """A preallocated buffer in which a request head meets a provider key, and that is wiped after use.

    One of these serves many requests in turn. Nothing here copies the key elsewhere.
    """

    __slots__ = ("_buffer", "_used")

    def __init__(self, size_bytes: int = 4_096) -> None:
        self._buffer = bytearray(size_bytes)
        self._used = 0

    def __repr__(self) -> str:
        return f"SecretRequest({'filled' if self._used else 'wiped'})"

    def __reduce__(self) -> str:
        raise TypeError("a request with a provider key cannot be pickled or copied")

    def fill(
        self,
        method: bytes,
        target: bytes,
        host: bytes,
        headers: Iterable[Field],
        *,
        key: memoryview,
        length_bytes: int,
        key_field: Field = BEARER,
        shared: tuple[Field, ...] = (),
    ) -> memoryview:
        """Write a head with the key after `key_field`, and `content-length`; return the filled part.

        `shared`: headers that many requests have in common. Write the body separately. The view is of this
        buffer: send it, then `wipe`. Raises ValueError for a byte that could end a line (the vault gates the
        key itself) and for a head beyond the buffer.
        """
        own = _lines((*headers, key_field))  # the key's field last: its value follows
        head = b"%b\r\ncontent-length: %d%b" % (
            _request_start(method, target, host, shared),
            length_bytes,
            own,
        )
        start, end = len(head), len(head) + len(key)
        used = end + len(_HEAD_END)
        if used > len(self._buffer):
            raise ValueError(f"the request head takes {used} bytes, the buffer has {len(self._buffer)}")
        self.wipe()
        self._used = used
        view = memoryview(self._buffer)
        view[:start] = head
        view[start:end] = key
        view[end:used] = _HEAD_END
        return view[:used].toreadonly()

    def wipe(self) -> None:
        """Overwrite what `fill` wrote with zeros."""
        used, self._used = self._used, 0
        if used:
            memoryview(self._buffer)[:used] = bytes(used)


def response_head(
    status: int,
    headers: Iterable[Field],
    *,
    length_bytes: int | None = None,
    chunked: bool = False,
    keep_alive: bool = True,
    shared: tuple[Field, ...] = (),
) -> bytes:
    """A response head with its framing: a length, chunked, or neither (the connection's end delimits it).

    `shared`: headers that many answers have in common. 204 and 304 have no body and get no framing (RFC 9110
    §8.6, RFC 9112 §6.1). Says `connection: close` when not kept alive or not framed. ValueError for a byte
    that could end a line.
    """
    head = _response_start(status, shared) + _lines(headers)
    if status in _BODILESS:
        pass
    elif length_bytes is not None:
        head = b"%b\r\ncontent-length: %d" % (head, length_bytes)
    elif chunked:
        head += b"\r\ntransfer-encoding: chunked"
    else:
        keep_alive = False
    return head + (_HEAD_END if keep_alive else _CLOSING_END)


def chunk(data: bytes) -> bytes:
    """`data` as one chunk (RFC 9112 §7.1); nothing for empty data: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
