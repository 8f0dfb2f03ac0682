"""What we write is what our own strict readers accept, and a key leaves no trace in its buffer."""

from __future__ import annotations

import copy
import pickle

import pytest

from sealgate.proxy.wire.events import BodyPart, RequestEnd, RequestHead, ResponseEnd, ResponseHead
from sealgate.proxy.wire.responses import ResponseReader
from sealgate.proxy.wire.write import (
    CONTINUE,
    LAST_CHUNK,
    SecretRequest,
    chunk,
    request_bytes,
    response_head,
)
from tests.proxy.wire.playbook import request_reader

HOST = b"proxy.localhost"
KEY = b"sk-sim-0123456789abcdefghij"


def fill(request: SecretRequest, length_bytes: int = 2) -> memoryview:
    headers = [(b"accept", b"text/event-stream")]
    return request.fill(b"POST", b"/v1/x", HOST, headers, key=memoryview(KEY), length_bytes=length_bytes)


def test_a_written_request_is_read_as_it_was_meant() -> None:
    message = request_bytes(b"POST", b"/v1/x?y=1", HOST, [(b"accept", b"a/b")], b"{}")
    head, body, end = request_reader().feed(message)
    assert isinstance(head, RequestHead)
    assert (head.target, head.query, head.headers[b"accept"]) == (b"/v1/x", b"y=1", b"a/b")
    assert (body, end) == (BodyPart(b"{}"), RequestEnd())


def test_a_request_with_a_key_is_read_as_it_was_meant() -> None:
    head, body, _ = request_reader().feed(bytes(fill(SecretRequest())) + b"{}")
    assert isinstance(head, RequestHead)
    assert head.headers[b"authorization"] == b"Bearer " + KEY
    assert head.headers[b"accept"] == b"text/event-stream"
    assert body == BodyPart(b"{}")


def test_a_wiped_buffer_holds_nothing_of_the_key() -> None:
    request = SecretRequest()
    view = fill(request)
    assert KEY in bytes(view)
    request.wipe()
    assert bytes(view) == bytes(len(view))


def test_filling_again_leaves_nothing_of_a_longer_request() -> None:
    request = SecretRequest()
    longer = request.fill(b"POST", b"/", HOST, [(b"x", b"y" * 900)], key=memoryview(KEY), length_bytes=0)
    fill(request)
    assert KEY not in bytes(longer[500:])


def test_a_key_goes_by_whatever_header_its_provider_reads() -> None:
    request = SecretRequest()
    key = bytearray(b"azure-key-0123456789")
    view = request.fill(
        b"POST", b"/", HOST, [], key=memoryview(key), length_bytes=0, key_field=(b"api-key", b"")
    )
    assert bytes(view).endswith(b"\r\napi-key: azure-key-0123456789\r\n\r\n")
    assert b"authorization" not in bytes(view)


def test_a_request_with_a_key_does_not_show_copy_or_pickle_it() -> None:
    request = SecretRequest()
    fill(request)
    assert repr(request) == "SecretRequest(filled)"
    with pytest.raises(TypeError):
        pickle.dumps(request)
    with pytest.raises(TypeError):
        copy.copy(request)


def test_a_head_larger_than_the_buffer_is_refused_and_writes_nothing() -> None:
    request = SecretRequest(64)
    with pytest.raises(ValueError, match="the buffer has 64"):
        fill(request)
    assert repr(request) == "SecretRequest(wiped)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x", b"a\r\ny: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\x00"),
        (b"x\r\ny", b"a"),
        (b"x y", b"a"),
        (b"x_y", b"a"),
        (b"", b"a"),
    ],
)
def test_a_header_that_could_end_its_line_is_never_written(name: bytes, value: bytes) -> None:
    with pytest.raises(ValueError, match="could end"):
        request_bytes(b"GET", b"/", HOST, [(name, value)], b"")
    with pytest.raises(ValueError, match="could end"):
        response_head(200, [(name, value)], length_bytes=0)


@pytest.mark.parametrize("target", [b"/a b", b"/a\r\n", b"a", b"/\x00"])
def test_a_target_that_could_end_its_line_is_never_written(target: bytes) -> None:
    with pytest.raises(ValueError, match="could end"):
        request_bytes(b"GET", target, HOST, [], b"")


def test_a_response_with_a_length_is_read_as_it_was_meant() -> None:
    message = response_head(404, [(b"content-type", b"application/json")], length_bytes=2) + b"{}"
    head, body, end = ResponseReader().feed(message)
    assert isinstance(head, ResponseHead)
    assert (head.status, head.headers[b"content-type"]) == (404, b"application/json")
    assert (body, end) == (BodyPart(b"{}"), ResponseEnd(True, True))


def test_a_chunked_response_is_read_as_it_was_meant() -> None:
    message = response_head(200, [], chunked=True) + chunk(b"a" * 20) + chunk(b"") + chunk(b"b") + LAST_CHUNK
    assert ResponseReader().feed(message)[1:] == [BodyPart(b"a" * 20 + b"b"), ResponseEnd(True, True)]


def test_a_response_without_framing_ends_with_its_connection() -> None:
    reader = ResponseReader()
    reader.feed(response_head(200, []) + b"{}")
    assert reader.eof() == [ResponseEnd(False, False)]


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_that_has_no_body_has_no_framing_and_keeps_its_connection(status: int) -> None:
    head = response_head(status, [], chunked=True)
    assert b"transfer-encoding" not in head
    assert b"content-length" not in head
    assert ResponseReader().feed(head)[1:] == [ResponseEnd(True, True)]


def test_a_response_on_a_connection_that_is_not_kept_says_so() -> None:
    assert b"\r\nconnection: close\r\n" in response_head(200, [], length_bytes=0, keep_alive=False)
    assert b"connection" not in response_head(200, [], length_bytes=0)


def test_continue_is_an_interim_response() -> None:
    assert ResponseReader().feed(CONTINUE) == []
