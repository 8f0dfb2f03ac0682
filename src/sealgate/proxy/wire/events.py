"""What the two readers say: heads, body parts and ends, in the order in which they arrive.

Counterpart: requests.py and responses.py make them, the proxy's server.py and upstream.py act on them.
Their repr never shows a header's value, a path or a body.
"""

import msgspec


class WireLimits(msgspec.Struct, frozen=True):
    """Bounds of one message; `head_bytes` counts from its first byte through the empty line."""

    head_bytes: int = 16_384
    header_fields: int = 100
    body_bytes: int = 1_048_576
    chunk_extension_bytes: int = 1_024


class Headers(dict[bytes, bytes]):
    """Lower-case name → value without blanks around; repeated fields are joined with `, ` (RFC 9110 §5.3).

    Fields that may occur once only (Host, Authorization, Content-Type…) never reach here twice.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Headers({', '.join(sorted(name.decode() for name in self))})"


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A request line and its headers, checked.

    `method` is upper-case, `target` the path as sent (still percent-encoded) and `query` what follows `?`.
    `keep_alive` is False for HTTP/1.0 and `Connection: close`. `content_length` is None for a chunked body
    and 0 where none was announced. With `expect_continue`, write `write.CONTINUE` before the body comes.
    With `http10`, answer with a length or by closing, never chunked.
    """

    method: bytes
    target: bytes
    query: bytes
    headers: Headers
    keep_alive: bool
    expect_continue: bool
    content_length: int | None
    http10: bool = False

    def __repr__(self) -> str:
        return f"RequestHead({self.method.decode()}, {self.headers!r})"


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """A final status (200–599) and its headers; interim responses (100, 103) are skipped.

    `content_length` is None for a chunked body and for one that lasts until the connection ends.
    """

    status: int
    headers: Headers
    content_length: int | None

    def __repr__(self) -> str:
        return f"ResponseHead({self.status}, {self.headers!r})"


class BodyPart(msgspec.Struct, frozen=True, gc=False):
    """Body bytes without their framing; never empty."""

    data: bytes

    def __repr__(self) -> str:
        return f"BodyPart({len(self.data)} bytes)"


class RequestEnd(msgspec.Struct, frozen=True, gc=False):
    """The request is whole: answer it, then call `RequestReader.next()`."""


class ResponseEnd(msgspec.Struct, frozen=True, gc=False):
    """The response is over.

    `keep_alive`: the connection may carry another request after `ResponseReader.next()`.
    `complete`: the framing proves that nothing is missing; False where the connection's end was the body's.
    """

    keep_alive: bool
    complete: bool


RequestEvent = RequestHead | BodyPart | RequestEnd
ResponseEvent = ResponseHead | BodyPart | ResponseEnd
