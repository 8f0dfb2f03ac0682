"""What can be wrong with bytes on either hop, as two literal tables: code, status, words, hint.

Counterpart: proxy/errors.py, which dresses a `WireError` in the provider's error shape.
A fault never quotes what it read: a header may be a secret and a body is somebody's prompt.
"""

from typing import Final

# code → (HTTP status, message, hint). The connection is closed after each of them.
REQUEST_FAULTS: Final[dict[str, tuple[int, str, str]]] = {
    "control_byte": (
        400,
        "The request head has a bare CR, a bare LF, a NUL or another control byte.",
        "End each line with CR LF and keep control bytes out of headers.",
    ),
    "request_line": (400, "The request line is malformed.", "Send `METHOD /path HTTP/1.1`."),
    "method_unknown": (
        400,
        "The method is unknown.",
        "Use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.",
    ),
    "version_unsupported": (400, "The protocol version is not supported.", "Speak HTTP/1.1."),
    "target_form": (
        400,
        "The request target is not a plain path.",
        "Send a path that starts with `/`, without scheme, host or fragment.",
    ),
    "header_malformed": (
        400,
        "A header line is malformed.",
        "Send `Name: value`: no space before the colon, no folded lines.",
    ),
    "header_name": (
        400,
        "A header name has a byte that is not allowed, such as an underscore.",
        "Use letters, digits and hyphens in header names.",
    ),
    "header_duplicate": (
        400,
        "A header that may occur once occurs twice.",
        "Send Host, Authorization, Content-Type, Content-Length and the like once.",
    ),
    "host_missing": (400, "The Host header is missing or malformed.", "Send one Host header."),
    "host_unknown": (
        421,
        "This host name is not served here.",
        "Use the proxy's own name, or add this one to its host names.",
    ),
    "content_length": (400, "The Content-Length is not one plain decimal number.", "Send digits only, once."),
    "transfer_encoding": (
        400,
        "The Transfer-Encoding is not `chunked` on HTTP/1.1.",
        "Send `chunked` once, or a Content-Length.",
    ),
    "length_conflict": (400, "Content-Length and Transfer-Encoding occur together.", "Send one of them."),
    "expectation": (417, "The expectation is not known.", "Send `Expect: 100-continue` or nothing."),
    "chunk_framing": (
        400,
        "The chunked body is malformed.",
        "Send sizes in plain hexadecimal and CR LF after each chunk.",
    ),
    "chunk_extensions": (400, "The chunk extensions are too long.", "Send chunks without extensions."),
    "trailers": (400, "The chunked body has trailers.", "Send those fields as headers."),
    "pipelined": (400, "A second request came before the first was answered.", "Wait for each answer."),
    "truncated": (400, "The request ended early.", "Send the whole body that was announced."),
    "slow_request": (408, "The request took too long to arrive.", "Try again on a better connection."),
    "body_too_large": (413, "The body is too large.", "Send less text at a time, or a smaller file."),
    "head_too_large": (431, "The request head is too large.", "Send fewer or shorter headers."),
    "too_many_headers": (431, "The request has too many headers.", "Send fewer headers."),
}

# code → what the upstream did. Never told to an end user in these words.
RESPONSE_FAULTS: Final[dict[str, str]] = {
    "control_byte": "bare CR, bare LF, NUL or another control byte in the response head",
    "status_line": "malformed status line",
    "version_unsupported": "protocol version other than HTTP/1.0 or HTTP/1.1",
    "status_unexpected": "status 101, or too many interim responses",
    "header_malformed": "malformed header line",
    "header_name": "byte that is not allowed in a header name",
    "header_duplicate": "header that may occur once occurs twice",
    "content_length": "Content-Length is not one plain decimal number",
    "transfer_encoding": "Transfer-Encoding is not `chunked` on HTTP/1.1",
    "length_conflict": "Content-Length and Transfer-Encoding together",
    "chunk_framing": "malformed chunked body",
    "chunk_extensions": "chunk extensions too long",
    "trailers": "trailers after a chunked body",
    "unsolicited": "bytes that belong to no request",
    "truncated": "connection ended inside a response",
    "head_too_large": "response head too large",
    "too_many_headers": "too many headers",
    "event_too_large": "server-sent event too large",
    "event_malformed": "server-sent event that is not the JSON it should be",
}


class WireError(Exception):
    """The client's fault: answer with `status`, then close its connection.

    `code` is a key of REQUEST_FAULTS; `status`, `message` and `hint` come from there.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.status, self.message, self.hint = REQUEST_FAULTS[code]


class UpstreamWireError(Exception):
    """The upstream's fault: close its connection and never reuse it.

    `code` is a key of RESPONSE_FAULTS and `message` its words (for logs, not for end users).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = RESPONSE_FAULTS[code]


WireFault = type[WireError] | type[UpstreamWireError]
"""Whose fault a broken rule is: guards that both hops share are given one of the two."""
