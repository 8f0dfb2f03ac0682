"""One message head: the guard that it must pass, why it did not, and its fields as llhttp reads them.

Counterpart: requests.py and responses.py give it bytes and judge what the fields mean.
llhttp alone lets a good deal pass (odd names, versions, bytes): it sees no head that the guard refused.
"""

import re
from collections.abc import Callable
from typing import Final

import httptools

from sealgate.proxy.wire.errors import WireFault
from sealgate.proxy.wire.events import Headers, WireLimits

# RFC 9110 §5.6.2 token without `_`: CGI-like peers read `a_b` and `a-b` as one name, so one could pose
# as the other.
NAME: Final = rb"[!#$%&'*+\-.^`|~0-9A-Za-z]++"
# RFC 9110 §5.5: no control byte but HTAB; obs-text is let through, since only an allow-list goes further.
VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]*+"
FIELDS: Final = rb"(?:\r\n" + NAME + rb":" + VALUE + rb")*\r\n\r\n"

# Fields with one value: two of them is a way to show one reader one message and another reader another.
SINGLE: Final = frozenset(
    {
        b"access-control-request-headers",
        b"access-control-request-method",
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"idempotency-key",
        b"location",
        b"origin",
        b"retry-after",
        b"transfer-encoding",
    }
)

_HEAD_END: Final = b"\r\n\r\n"
_STRAY: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?=[^\n])|(?<!\r)\n")
_NAME: Final = re.compile(NAME)
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,14}")


class HeadBuffer:
    """Collects a head until its empty line, refusing stray bytes and excess size as soon as they show."""

    __slots__ = ("_fault", "_held", "_limits")

    def __init__(self, limits: WireLimits, fault: WireFault) -> None:
        self._limits = limits
        self._fault = fault
        self._held = b""

    def __bool__(self) -> bool:
        return bool(self._held)

    def take(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head with its empty line and the bytes after it, or None while it is incomplete."""
        seen = len(self._held)
        if seen:
            data = self._held + data
        end = data.find(_HEAD_END, seen - 3 if seen > 3 else 0) + 4
        if 4 <= end <= self._limits.head_bytes:
            self._held = b""
            return data[:end], data[end:]
        limit = self._limits.head_bytes
        if _STRAY.search(data[:limit], seen - 1 if seen else 0):
            raise self._fault("control_byte")
        if len(data) > limit:
            raise self._fault("head_too_large")
        self._held = data
        return None


class FieldSink:
    """What llhttp calls back: a dictionary's own setter, twice as fast as a Python function per field."""

    __slots__ = ("on_header",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self.on_header = fields.__setitem__


Tokenizer = type[httptools.HttpRequestParser] | type[httptools.HttpResponseParser]


def read_fields(head: bytes, limits: WireLimits, fault: WireFault, tokenizer: Tokenizer) -> Headers:
    """The fields of a head that passed its guard, as llhttp reads them. Raises for too many or repeated ones.

    A parser is made for each head and sees nothing else: an `Upgrade` cannot change how the body is read.
    """
    count = head.count(b"\r") - 2
    if count > limits.header_fields:
        raise fault("too_many_headers")
    fields: dict[bytes, bytes] = {}
    if not _tokenize(head, fields, tokenizer):
        # The rules for lengths mostly have a better name for what llhttp dislikes.
        content_length(_join_repeated(head, fault), False, fault)
        raise fault("header_malformed")
    headers = Headers(zip(map(bytes.lower, fields), map(bytes.strip, fields.values()), strict=True))
    return headers if len(headers) == count else _join_repeated(head, fault)


def _tokenize(head: bytes, fields: dict[bytes, bytes], tokenizer: Tokenizer) -> bool:
    """Fill `fields`; False where llhttp refuses. Its exceptions end here: they may quote what they read."""
    try:
        tokenizer(FieldSink(fields)).feed_data(head)
    except httptools.HttpParserUpgrade:
        return True
    except httptools.HttpParserError:
        return False
    return True


def _join_repeated(head: bytes, fault: WireFault) -> Headers:
    """The fields of a head in which a name occurs twice. Raises `header_duplicate` where it must not."""
    headers = Headers()
    for line in head[:-4].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip()
        if name in headers:
            if name in SINGLE:
                raise fault("header_duplicate")
            value = b"%b, %b" % (headers[name], value)
        headers[name] = value
    return headers


def media_type(headers: Headers) -> bytes:
    """The content type in lower case, without parameters (RFC 9110 §8.3.1); empty where there is none."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip(b" \t").lower()


def content_length(headers: Headers, http10: bool, fault: WireFault) -> int | None:
    """The announced length; -1 for a chunked body; None where nothing is announced (RFC 9112 §6).

    Together, listed, signed, spaced, zero-padded or otherwise unusual is refused: parsers differ there.
    """
    length = headers.get(b"content-length")
    encoding = headers.get(b"transfer-encoding")
    if encoding is not None:
        if length is not None:
            raise fault("length_conflict")
        if http10 or encoding.lower() != b"chunked":
            raise fault("transfer_encoding")
        return -1
    if length is None:
        return None
    if not _LENGTH.fullmatch(length):
        raise fault("content_length")
    return int(length)


def keeps_alive(headers: Headers, http10: bool) -> bool:
    """Whether the sender means to go on; HTTP/1.0 never does here."""
    connection = headers.get(b"connection")
    return not http10 and (connection is None or b"close" not in connection.lower())


def head_fault(head: bytes, first_line_fault: Callable[[bytes], str | None]) -> str:
    """The code of the first thing wrong in a head that failed its guard; the caller judges the first line."""
    if _STRAY.search(head):
        return "control_byte"
    first, *lines = head[:-4].split(b"\r\n")
    faults = (first_line_fault(first), *map(_line_fault, lines))
    return next((code for code in faults if code), "header_malformed")


def _line_fault(line: bytes) -> str | None:
    name, colon, _ = line.partition(b":")
    if not colon or not name or line[0] in b" \t" or name[-1] in b" \t":
        return "header_malformed"
    return None if _NAME.fullmatch(name) else "header_name"
