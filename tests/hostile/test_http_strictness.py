"""Messages that two parsers could read differently: each is refused, however its bytes are split."""

from __future__ import annotations

import pytest

from sealgate.proxy.wire.errors import REQUEST_FAULTS, RESPONSE_FAULTS
from sealgate.proxy.wire.events import BodyPart, RequestEnd, RequestHead, ResponseHead, WireLimits
from sealgate.proxy.wire.responses import ResponseReader
from tests.proxy.wire.playbook import chunked, every_byte, post, read, reply, request_reader

CHUNKED = b"Transfer-Encoding: chunked"
LIMITS = WireLimits(head_bytes=16_384, header_fields=100, body_bytes=2_048, chunk_extension_bytes=64)

# What both hops refuse: name → (code, header lines after a good first line, body).
FRAMING: dict[str, tuple[str, list[bytes], bytes]] = {
    "length with transfer encoding": ("length_conflict", [b"Content-Length: 5", CHUNKED], b"0\r\n\r\n"),
    "transfer encoding with length": ("length_conflict", [CHUNKED, b"Content-Length: 5"], b"0\r\n\r\n"),
    "two lengths that differ": ("header_duplicate", [b"Content-Length: 5", b"Content-Length: 6"], b"hello!"),
    "two equal lengths": ("header_duplicate", [b"Content-Length: 5", b"content-length: 5"], b"hello"),
    "listed length": ("content_length", [b"Content-Length: 5, 5"], b"hello"),
    "length +3": ("content_length", [b"Content-Length: +3"], b"abc"),
    "length -1": ("content_length", [b"Content-Length: -1"], b"abc"),
    "length 0x3": ("content_length", [b"Content-Length: 0x3"], b"abc"),
    "length 1_0": ("content_length", [b"Content-Length: 1_0"], b"0123456789"),
    "length 3.0": ("content_length", [b"Content-Length: 3.0"], b"abc"),
    "length with a blank inside": ("content_length", [b"Content-Length: 1 0"], b"0123456789"),
    "length with leading zero": ("content_length", [b"Content-Length: 03"], b"abc"),
    "length in other digits": ("content_length", ["Content-Length: ٣".encode()], b"abc"),
    "length without digits": ("content_length", [b"Content-Length:"], b""),
    "length beyond 64 bits": ("content_length", [b"Content-Length: 18446744073709551617"], b"a"),
    "two transfer encodings": ("header_duplicate", [CHUNKED, CHUNKED], b"0\r\n\r\n"),
    "gzip, chunked": ("transfer_encoding", [b"Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
    "chunked, chunked": ("transfer_encoding", [b"Transfer-Encoding: chunked, chunked"], b"0\r\n\r\n"),
    "chunked, identity": ("transfer_encoding", [b"Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
    "identity": ("transfer_encoding", [b"Transfer-Encoding: identity"], b""),
    "xchunked": ("transfer_encoding", [b"Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    "quoted chunked": ("transfer_encoding", [b'Transfer-Encoding: "chunked"'], b"0\r\n\r\n"),
    "vertical tab before chunked": ("control_byte", [b"Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"),
    "blank before colon": ("header_malformed", [b"Content-Length : 5"], b"hello"),
    "tab before colon": ("header_malformed", [b"Transfer-Encoding\t: chunked"], b"0\r\n\r\n"),
    "no colon": ("header_malformed", [b"Content-Length"], b""),
    "no name": ("header_malformed", [b": 5"], b""),
    "folded line": ("header_malformed", [b"X-A: 1", b" 2"], b""),
    "line folded by a tab": ("header_malformed", [b"X-A: 1", b"\tContent-Length: 5"], b"hello"),
    "folded first line": ("header_malformed", [b" X-A: 1"], b""),
    "bare LF between headers": ("control_byte", [b"X-A: 1\nContent-Length: 5"], b"hello"),
    "bare CR in a value": ("control_byte", [b"X-A: 1\rContent-Length: 5"], b"hello"),
    "bare CR in a name": ("control_byte", [b"X\r-A: 1"], b""),
    "two CRs": ("control_byte", [b"X-A: 1\r"], b""),
    "NUL in a value": ("control_byte", [b"X-A: 1\x002"], b""),
    "NUL in a name": ("control_byte", [b"X-\x00A: 1"], b""),
    "escape in a value": ("control_byte", [b"X-A: \x1b[2J"], b""),
    "DEL in a value": ("control_byte", [b"X-A: \x7f"], b""),
    "non-ASCII name": ("header_name", ["Contént-Length: 5".encode()], b"hello"),
    "non-ASCII name in Latin-1": ("header_name", [b"X-\xe9: 1"], b""),
    "underscore in a name": ("header_name", [b"Content_Length: 5"], b"hello"),
    "blank in a name": ("header_name", [b"X A: 1"], b""),
    "bracket in a name": ("header_name", [b"X[A]: 1"], b""),
    "two content types": ("header_duplicate", [b"Content-Type: text/a", b"Content-Type: text/b"], b""),
    "head over 16 KB": ("head_too_large", [b"X-A: " + b"a" * 16_384], b""),
    "head over 16 KB in many fields": (
        "head_too_large",
        [b"X-%d: %s" % (i, b"a" * 400) for i in range(50)],
        b"",
    ),
    "101 fields": ("too_many_headers", [b"X-%d: a" % i for i in range(101)], b""),
    "chunk size +3": ("chunk_framing", [CHUNKED], b"+3\r\nabc\r\n0\r\n\r\n"),
    "chunk size -1": ("chunk_framing", [CHUNKED], b"-1\r\nabc\r\n0\r\n\r\n"),
    "chunk size 0x3": ("chunk_framing", [CHUNKED], b"0x3\r\nabc\r\n0\r\n\r\n"),
    "chunk size 1_0": ("chunk_framing", [CHUNKED], b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
    "chunk size g": ("chunk_framing", [CHUNKED], b"g\r\nabc\r\n0\r\n\r\n"),
    "empty chunk size": ("chunk_framing", [CHUNKED], b"\r\nabc\r\n0\r\n\r\n"),
    "blank before chunk size": ("chunk_framing", [CHUNKED], b" 3\r\nabc\r\n0\r\n\r\n"),
    "blank after chunk size": ("chunk_framing", [CHUNKED], b"3 \r\nabc\r\n0\r\n\r\n"),
    "chunk size beyond 32 bits": ("chunk_framing", [CHUNKED], b"100000003\r\nabc\r\n0\r\n\r\n"),
    "bare LF after chunk size": ("chunk_framing", [CHUNKED], b"3\nabc\r\n0\r\n\r\n"),
    "bare CR after chunk size": ("chunk_framing", [CHUNKED], b"3\rabc\r\n0\r\n\r\n"),
    "bare LF after a chunk": ("chunk_framing", [CHUNKED], b"3\r\nabc\n0\r\n\r\n"),
    "chunk longer than its size": ("chunk_framing", [CHUNKED], b"3\r\nabcd\r\n0\r\n\r\n"),
    "chunk shorter than its size": ("chunk_framing", [CHUNKED], b"3\r\nab\r\n0\r\n\r\n"),
    "control byte in an extension": ("chunk_framing", [CHUNKED], b"3;a\x00b\r\nabc\r\n0\r\n\r\n"),
    "bare LF in an extension": ("chunk_framing", [CHUNKED], b"3;a\nabc\r\n0\r\n\r\n"),
    "one long extension": ("chunk_extensions", [CHUNKED], b"3;" + b"a" * 64 + b"\r\nabc\r\n0\r\n\r\n"),
    "endless extension": ("chunk_extensions", [CHUNKED], b"3;" + b"a" * 100_000),
    "long bad extension": ("chunk_extensions", [CHUNKED], b"3;" + b"a" * 64 + b"\x00\r\nabc\r\n0\r\n\r\n"),
    "many short extensions": ("chunk_extensions", [CHUNKED], b"1;aaaaaaa\r\nx\r\n" * 9 + b"0\r\n\r\n"),
    "extension on the last chunk": ("chunk_extensions", [CHUNKED], b"0;" + b"a" * 64 + b"\r\n\r\n"),
    "trailer": ("trailers", [CHUNKED], b"3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n"),
    "trailer that is a length": ("trailers", [CHUNKED], b"0\r\nContent-Length: 5\r\n\r\n"),
    "bare LF as the end": ("trailers", [CHUNKED], b"0\r\n\n"),
}

# What the request side refuses beside: name → (code, the whole message).
REQUESTS: dict[str, tuple[str, bytes]] = {
    "transfer encoding on HTTP/1.0": (
        "transfer_encoding",
        post(CHUNKED, line=b"POST / HTTP/1.0", body=b"0\r\n\r\n"),
    ),
    "no host": ("host_missing", b"GET / HTTP/1.1\r\n\r\n"),
    "no host on HTTP/1.0": ("host_missing", b"GET / HTTP/1.0\r\n\r\n"),
    "empty host": ("host_missing", b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    "two hosts": ("header_duplicate", post(b"Host: evil.example")),
    "two equal hosts": ("header_duplicate", post(b"host: proxy.localhost")),
    "host not ours": ("host_unknown", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    "host that begins with ours": (
        "host_unknown",
        b"GET / HTTP/1.1\r\nHost: proxy.localhost.evil.example\r\n\r\n",
    ),
    "host with a final dot": ("host_unknown", b"GET / HTTP/1.1\r\nHost: proxy.localhost.\r\n\r\n"),
    "host with user": ("host_missing", b"GET / HTTP/1.1\r\nHost: proxy.localhost@evil.example\r\n\r\n"),
    "host with a path": ("host_missing", b"GET / HTTP/1.1\r\nHost: proxy.localhost/x\r\n\r\n"),
    "listed hosts": ("host_missing", b"GET / HTTP/1.1\r\nHost: proxy.localhost, evil.example\r\n\r\n"),
    "host with a bad port": ("host_missing", b"GET / HTTP/1.1\r\nHost: proxy.localhost:80x\r\n\r\n"),
    "two authorizations": ("header_duplicate", post(b"Authorization: Bearer a", b"authorization: Bearer b")),
    "absolute form": ("target_form", post(line=b"GET http://proxy.localhost/ HTTP/1.1")),
    "absolute form elsewhere": ("target_form", post(line=b"GET https://evil.example/ HTTP/1.1")),
    "authority form": ("target_form", post(line=b"GET proxy.localhost:80 HTTP/1.1")),
    "asterisk form": ("target_form", post(line=b"OPTIONS * HTTP/1.1")),
    "fragment": ("target_form", post(line=b"GET /a#b HTTP/1.1")),
    "backslash in the target": ("target_form", post(line=b"GET /a\\b HTTP/1.1")),
    "non-ASCII target": ("target_form", post(line="GET /é HTTP/1.1".encode())),
    "relative target": ("target_form", post(line=b"GET a/b HTTP/1.1")),
    "blank in the target": ("request_line", post(line=b"GET /a b HTTP/1.1")),
    "two blanks": ("request_line", post(line=b"GET  / HTTP/1.1")),
    "tab for a blank": ("request_line", post(line=b"GET\t/ HTTP/1.1")),
    "no version": ("request_line", post(line=b"GET /")),
    "no target": ("request_line", post(line=b"GET HTTP/1.1")),
    "empty line first": ("request_line", b"\r\n" + post(line=b"GET / HTTP/1.1")),
    "blank first": ("request_line", post(line=b" GET / HTTP/1.1")),
    "bare LF in the request line": ("control_byte", b"GET / HTTP/1.1\nHost: proxy.localhost\n\n"),
    "NUL in the request line": ("control_byte", post(line=b"GET /\x00 HTTP/1.1")),
    "a TLS greeting": ("control_byte", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "CONNECT": ("method_unknown", post(line=b"CONNECT proxy.localhost:80 HTTP/1.1")),
    "TRACE": ("method_unknown", post(line=b"TRACE / HTTP/1.1")),
    "PROPFIND": ("method_unknown", post(line=b"PROPFIND / HTTP/1.1")),
    "an RTSP method": ("method_unknown", post(line=b"DESCRIBE / HTTP/1.1")),
    "a method in lower case": ("method_unknown", post(line=b"post / HTTP/1.1")),
    "an RTSP version": ("version_unsupported", post(line=b"GET / RTSP/1.0")),
    "HTTP/2.0": ("version_unsupported", post(line=b"GET / HTTP/2.0")),
    "the HTTP/2 preface": ("version_unsupported", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/1.2": ("version_unsupported", post(line=b"GET / HTTP/1.2")),
    "HTTP/0.9": ("version_unsupported", post(line=b"GET / HTTP/0.9")),
    "HTTP/01.1": ("version_unsupported", post(line=b"GET / HTTP/01.1")),
    "http/1.1 in lower case": ("version_unsupported", post(line=b"GET / http/1.1")),
    "pipelined request": ("pipelined", post(line=b"GET / HTTP/1.1") * 2),
    "pipelined after a length": ("pipelined", post(b"Content-Length: 2", body=b"{}GET")),
    "pipelined after chunks": ("pipelined", post(CHUNKED, body=chunked(b"{}") + b"GET / HTTP/1.1\r\n")),
    "empty line after a body": ("pipelined", post(b"Content-Length: 2", body=b"{}\r\n")),
    "empty line after chunks": ("pipelined", post(CHUNKED, body=chunked(b"{}") + b"\r\n")),
    "byte after Connection: close": (
        "pipelined",
        post(b"Connection: close", b"Content-Length: 2", body=b"{}x"),
    ),
    "announced body over the limit": ("body_too_large", post(b"Content-Length: 2049")),
    "announced body far over the limit": ("body_too_large", post(b"Content-Length: 999999999999999")),
    "chunks over the limit": ("body_too_large", post(CHUNKED, body=chunked(*[b"x" * 1_000] * 3))),
    "one chunk over the limit": ("body_too_large", post(CHUNKED, body=b"ffffffff\r\n")),
    "unknown expectation": ("expectation", post(b"Expect: 200-ok")),
    "two expectations": ("header_duplicate", post(b"Expect: 100-continue", b"Expect: 100-continue")),
}

# What the response side refuses beside.
RESPONSES: dict[str, tuple[str, bytes]] = {
    "transfer encoding on HTTP/1.0": (
        "transfer_encoding",
        reply(CHUNKED, line=b"HTTP/1.0 200 OK", body=b"0\r\n\r\n"),
    ),
    "HTTP/2.0": ("version_unsupported", reply(line=b"HTTP/2.0 200 OK")),
    "HTTP/1.2": ("version_unsupported", reply(line=b"HTTP/1.2 200 OK")),
    "another protocol": ("status_line", reply(line=b"ICY 200 OK")),
    "status of two digits": ("status_line", reply(line=b"HTTP/1.1 20 OK")),
    "status of four digits": ("status_line", reply(line=b"HTTP/1.1 2000 OK")),
    "status +20": ("status_line", reply(line=b"HTTP/1.1 +20 OK")),
    "status 099": ("status_line", reply(line=b"HTTP/1.1 099 OK")),
    "status 600": ("status_line", reply(line=b"HTTP/1.1 600 OK")),
    "two blanks": ("status_line", reply(line=b"HTTP/1.1  200 OK")),
    "a page for a status line": ("status_line", b"<html></html>\r\n\r\n"),
    "empty line first": ("status_line", b"\r\n" + reply()),
    "bare LF": ("control_byte", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    "bare CR in the reason": ("control_byte", reply(line=b"HTTP/1.1 200 O\rK")),
    "switching protocols": ("status_unexpected", reply(b"Upgrade: h2c", line=b"HTTP/1.1 101 Switching")),
    "endless interim responses": ("status_unexpected", reply(line=b"HTTP/1.1 103 Early Hints") * 20),
    "a second response": ("unsolicited", reply(b"Content-Length: 0") * 2),
    "byte after a length": ("unsolicited", reply(b"Content-Length: 2", body=b"{}x")),
    "byte after chunks": ("unsolicited", reply(CHUNKED, body=chunked(b"{}") + b"x")),
    "body with 204": ("unsolicited", reply(b"Content-Length: 2", line=b"HTTP/1.1 204 No", body=b"{}")),
    "body with 304": ("unsolicited", reply(CHUNKED, line=b"HTTP/1.1 304 No", body=chunked(b"{}"))),
    "two locations": ("header_duplicate", reply(b"Location: /a", b"Location: /b")),
}


def request_cases() -> dict[str, tuple[str, bytes]]:
    shared = {name: (code, post(*fields, body=body)) for name, (code, fields, body) in FRAMING.items()}
    return shared | REQUESTS


def response_cases() -> dict[str, tuple[str, bytes]]:
    shared = {name: (code, reply(*fields, body=body)) for name, (code, fields, body) in FRAMING.items()}
    return shared | RESPONSES


@pytest.mark.parametrize(("code", "message"), request_cases().values(), ids=request_cases())
def test_a_request_is_refused_whole_and_byte_by_byte(code: str, message: bytes) -> None:
    whole, whole_code = read(request_reader(LIMITS), [message])
    _, bytewise_code = read(request_reader(LIMITS), every_byte(message))
    assert (whole, whole_code, bytewise_code) == ([], code, code)
    assert 400 <= REQUEST_FAULTS[code][0] < 500


@pytest.mark.parametrize(("code", "message"), response_cases().values(), ids=response_cases())
def test_a_response_is_refused_whole_and_byte_by_byte(code: str, message: bytes) -> None:
    whole, whole_code = read(ResponseReader(LIMITS), [message])
    _, bytewise_code = read(ResponseReader(LIMITS), every_byte(message))
    assert (whole, whole_code, bytewise_code) == ([], code, code)


def test_every_fault_of_the_request_table_has_its_case() -> None:
    elsewhere = {"truncated", "slow_request"}
    assert {code for code, _ in request_cases().values()} == set(REQUEST_FAULTS) - elsewhere


def test_every_fault_of_the_response_table_has_its_case() -> None:
    elsewhere = {"truncated", "event_too_large", "event_malformed"}
    assert {code for code, _ in response_cases().values()} == set(RESPONSE_FAULTS) - elsewhere


ACCEPTED: dict[str, bytes] = {
    "no body": post(line=b"GET /healthz HTTP/1.1"),
    "value with blanks around": post(b"Content-Length: \t 2 \t", body=b"{}"),
    "empty value": post(b"X-A:", b"Content-Length: 2", body=b"{}"),
    "obs-text in a value": post("X-City: São Paulo".encode(), b"Content-Length: 2", body=b"{}"),
    "CHUNKED in capitals": post(b"TRANSFER-ENCODING: Chunked", body=chunked(b"{}")),
    "short extension": post(CHUNKED, body=b"2;a=b\r\n{}\r\n0;c\r\n\r\n"),
    "capital hexadecimal": post(CHUNKED, body=b"A\r\n0123456789\r\n0\r\n\r\n"),
    "padded chunk size": post(CHUNKED, body=b"00000002\r\n{}\r\n0\r\n\r\n"),
    "host with a port": b"GET / HTTP/1.1\r\nHost: PROXY.localhost:8702\r\n\r\n",
    "host as an address": b"GET / HTTP/1.1\r\nHost: [::1]:8702\r\n\r\n",
    "100 fields": post(*[b"X-%d: a" % i for i in range(99)]),
    "body at the limit": post(b"Content-Length: 2048", body=b"x" * 2_048),
    "h2c with a length": post(
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        b"Content-Length: 2",
        body=b"{}",
    ),
    "h2c with chunks": post(b"Connection: Upgrade", b"Upgrade: h2c", CHUNKED, body=chunked(b"{", b"}")),
    "h2c without a body": post(b"Connection: Upgrade", b"Upgrade: h2c", line=b"GET / HTTP/1.1"),
    "websocket": post(b"Connection: Upgrade", b"Upgrade: websocket", line=b"GET / HTTP/1.1"),
}


@pytest.mark.parametrize("message", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_merely_unusual_is_read_alike_whole_and_byte_by_byte(message: bytes) -> None:
    whole = read(request_reader(LIMITS), [message])
    assert whole == read(request_reader(LIMITS), every_byte(message))
    events, code = whole
    assert code is None
    assert isinstance(events[0], RequestHead)
    assert isinstance(events[-1], RequestEnd)


@pytest.mark.parametrize("name", ["h2c with a length", "h2c with chunks"])
def test_an_offered_upgrade_is_ignored_and_the_body_read(name: str) -> None:
    events, _ = read(request_reader(LIMITS), [ACCEPTED[name]])
    assert events[1] == BodyPart(b"{}")


def test_an_upgrade_offered_by_the_upstream_is_ignored() -> None:
    message = reply(b"Connection: Upgrade", b"Upgrade: h2,h2c", b"Content-Length: 2", body=b"{}")
    events, code = read(ResponseReader(), [message])
    assert code is None
    assert isinstance(events[0], ResponseHead)
    assert events[1] == BodyPart(b"{}")
