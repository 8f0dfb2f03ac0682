"""One message head: the grammar that it must pass, and its fields.

Counterparts: requests.py and responses.py give it bytes and judge what the fields mean; faults.py says why
one did not pass. Nothing is read of a head that the grammar refused, so what is read has one meaning only.
"""

import re
from typing import Final

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
_BLANKS: Final = b" \t"
STRAY: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?=[^\n])|(?<!\r)\n")
LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,14}")


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
        if STRAY.search(data[:limit], seen - 1 if seen else 0):
            raise self._fault("control_byte")
        if len(data) > limit:
            raise self._fault("head_too_large")
        self._held = data
        return None


def read_fields(head: bytes, limits: WireLimits, fault: WireFault) -> Headers:
    """The fields of a head that passed its guard: each line is a name, a colon and a value, and nothing else.

    Raises for too many, and `header_duplicate` where a name stands twice that must not.
    """
    lines = head[:-4].split(b"\r\n")
    if len(lines) > limits.header_fields + 1:
        raise fault("too_many_headers")
    headers = Headers()
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        name = name.lower()
        value = value.strip(_BLANKS)
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
    if not LENGTH.fullmatch(length):
        raise fault("content_length")
    return int(length)


def keeps_alive(headers: Headers, http10: bool) -> bool:
    """Whether the sender means to go on; HTTP/1.0 never does here."""
    connection = headers.get(b"connection")
    return not http10 and (connection is None or b"close" not in connection.lower())
