"""Why a head did not pass its grammar: the code of the first thing wrong in it.

Counterparts: requests.py and responses.py, which ask after a refusal; errors.py, where each code has its row.
"""

import re
from collections.abc import Callable
from typing import Final

from sealgate.proxy.wire.heads import NAME, STRAY

METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
_NAME: Final = re.compile(NAME)
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VERSION: Final = re.compile(rb"[A-Za-z]+/[0-9.]+")
_STATUS_VERSION: Final = re.compile(rb"HTTP/[0-9.]+ [0-9]{3}(?: .*)?")


def head_fault(head: bytes, first_line_fault: Callable[[bytes], str | None]) -> str:
    """The code of the first thing wrong in a head that failed; the caller judges the first line."""
    if STRAY.search(head):
        return "control_byte"
    first, *lines = head[:-4].split(b"\r\n")
    faults = (first_line_fault(first), *map(_line_fault, lines))
    return next((code for code in faults if code), "header_malformed")


def request_line_fault(line: bytes, passes: Callable[[bytes], object]) -> str | None:
    """What is wrong in a request line; `passes` tells whether it would, in a head without fields."""
    parts = line.split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]):
        return "request_line"
    method, _, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        return "version_unsupported" if _VERSION.fullmatch(version) else "request_line"
    if method not in METHODS:
        return "method_unknown"
    return None if passes(line + b"\r\n\r\n") else "target_form"


def status_line_fault(line: bytes, passes: Callable[[bytes], object]) -> str | None:
    """What is wrong in a status line."""
    if passes(line + b"\r\n\r\n"):
        return None
    if _STATUS_VERSION.fullmatch(line) and not line.startswith((b"HTTP/1.0 ", b"HTTP/1.1 ")):
        return "version_unsupported"
    return "status_line"


def _line_fault(line: bytes) -> str | None:
    name, colon, _ = line.partition(b":")
    if not colon or not name or line[0] in b" \t" or name[-1] in b" \t":
        return "header_malformed"
    return None if _NAME.fullmatch(name) else "header_name"
