"""Events → bytes, both ways: request heads for the upstream, response heads and chunks for the client.

Counterpart: requests.py and responses.py. Heads are built from scratch, never copied from the other hop.
Must never write a name or value that could end a line.
"""

from collections.abc import Iterable

Field = tuple[bytes, bytes]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def request_bytes(method: bytes, target: bytes, host: bytes, headers: Iterable[Field], body: bytes) -> bytes:
    """One whole request without a secret: request line, Host, headers, Content-Length, body (RFC 9112 §3)."""
    raise NotImplementedError


class SecretRequest:
    """A preallocated buffer in which a request head meets a provider key, and that is wiped after use."""

    def __init__(self, size_bytes: int = 4_096) -> None: ...

    def fill(
        self, method: bytes, target: bytes, host: bytes, headers: Iterable[Field], *, key: memoryview, length: int
    ) -> memoryview:
        """Write a head with `authorization: Bearer <key>` and `content-length: <length>`; return the filled part.

        Write the body separately. The returned view is of this buffer: nothing else holds the key.
        """
        raise NotImplementedError

    def wipe(self) -> None:
        """Overwrite what `fill` wrote with zeros."""
        raise NotImplementedError


def response_head(
    status: int, headers: Iterable[Field], *, length: int | None = None, chunked: bool = False, keep_alive: bool = True
) -> bytes:
    """A response head with its framing: `length`, `chunked`, or neither (the connection's end delimits: not kept)."""
    raise NotImplementedError


def chunk(data: bytes) -> bytes:
    """`data` as one chunk (RFC 9112 §7.1); empty data gives nothing, since an empty chunk would end the body."""
    raise NotImplementedError
