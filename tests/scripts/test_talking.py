"""Talking over HTTP: where a token may go, what an answer may be, and what is told when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealgate.listening.certificates import TlsFiles
from sealgate.scripts.consoles import read_token
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.talking import Connection, RefusedError, check_url
from tests.listening.making import DAY, make_files

TOKEN = "sgt_" + "t" * 43


@pytest.mark.parametrize(
    "url",
    [
        "http://console.example.com",
        "http://10.0.0.7:8700",
        "ftp://console.example.com",
        "console.example.com",
        "https://",
        "https://a@console.example.com",
        "https://console.example.com/path",
        "https://console.example.com?x=1",
        "https://console.example.com:port",
        "https://[::1",
        "",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(ScriptError) as refused:
        check_url(url)
    assert refused.value.exit_code is Exit.CONFIGURATION
    assert refused.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://console.example.com",
        "https://console.example.com:8443/",
        "http://console.localhost:8700",
        "http://127.0.0.1:8700",
        "http://[::1]:8700",
    ],
)
def test_https_and_this_machine_are_good(url: str) -> None:
    assert check_url(url).hostname


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@contextlib.asynccontextmanager
async def answering(*raws: bytes, tls: TlsFiles | None = None) -> AsyncIterator[Connection]:
    """A server on this machine that says exactly these, one for each connection, the last again and again."""
    left = list(raws)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1) == b"\x16":  # a TLS handshake, whatever it says
            await reader.read(65_536)
        else:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=_server_side(tls))
    async with server:
        port = server.sockets[0].getsockname()[1]
        scheme = "https" if tls else "http"
        yield Connection(f"{scheme}://console.localhost:{port}", {"authorization": f"Bearer {TOKEN}"})


def _server_side(files: TlsFiles | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


ANSWERS = {
    "nothing": (b"", Exit.UNAVAILABLE),
    "no http": (b"SSH-2.0-x\r\n\r\n", Exit.UNAVAILABLE),
    "html": (b"HTTP/1.1 502 X\r\ncontent-length: 6\r\n\r\n<html>", Exit.UNAVAILABLE),
    "redirect": (
        b"HTTP/1.1 308 X\r\nlocation: http://evil.example\r\ncontent-length: 0\r\n\r\n",
        Exit.UNAVAILABLE,
    ),
    "cut": (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", Exit.UNAVAILABLE),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_none_is_told_without_the_token(name: str) -> None:
    raw, code = ANSWERS[name]
    async with answering(raw) as connection:
        with pytest.raises(ScriptError) as refused:
            await asyncio.to_thread(connection.ask, "GET", "/x")
    assert refused.value.exit_code is code
    assert TOKEN not in str(refused.value)
    assert "hint:" in str(refused.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Exit.NOT_ALLOWED),
        (403, Exit.NOT_ALLOWED),
        (404, Exit.FAILED),
        (409, Exit.FAILED),
        (412, Exit.CONFLICT),
        (422, Exit.DATA),
        (429, Exit.UNAVAILABLE),
        (503, Exit.UNAVAILABLE),
    ],
)
async def test_an_error_keeps_its_words_and_gets_an_exit_code(status: int, code: Exit) -> None:
    body = b'{"error":{"code":"c","message":"What.","hint":"Do.","field":"a.b"}}'
    raw = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)
    async with answering(raw) as connection:
        with pytest.raises(RefusedError) as refused:
            await asyncio.to_thread(connection.ask, "GET", "/x")
    assert (refused.value.exit_code, refused.value.field) == (code, "a.b")
    assert str(refused.value) == "What. hint: Do."


async def test_who_is_asked_to_wait_waits_and_says_it_again() -> None:
    answers = [
        b"HTTP/1.1 429 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    ]
    async with answering(*answers) as connection:
        assert (await asyncio.to_thread(connection.ask, "GET", "/x")).body == b"{}"


async def test_a_wait_that_is_too_long_is_told_at_once() -> None:
    body = b'{"error":{"code":"rate_limited","message":"Too many.","hint":"Wait."}}'
    raw = b"HTTP/1.1 429 X\r\nretry-after: 3600\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with answering(raw) as connection:
        with pytest.raises(RefusedError, match="Too many"):
            await asyncio.to_thread(connection.ask, "GET", "/x")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ScriptError, match="cannot be reached: connection refused"):
        Connection("http://127.0.0.1:9", {}).ask("GET", "/")


TLS_FAULTS = {
    "not trusted": ({}, False, "self-signed certificate"),
    "expired": ({"begins_in": -9 * DAY, "ends_in": -DAY}, True, "expired"),
    "another name": ({"names": ("vault.localhost",)}, True, "not valid for"),
}


@pytest.mark.parametrize("name", TLS_FAULTS)
async def test_a_certificate_that_is_not_good_is_told_with_what_to_do(tmp_path: Path, name: str) -> None:
    changes, trusted, words = TLS_FAULTS[name]
    files = make_files(tmp_path, "console.localhost", **changes)  # type: ignore[arg-type]
    async with answering(OK, tls=files) as connection:
        there = Connection(connection.origin, {}, files.certificate if trusted else None)
        with pytest.raises(ScriptError, match="its certificate is not good") as refused:
            await asyncio.to_thread(there.ask, "GET", "/x")
    assert words.lower() in refused.value.message.lower()
    assert refused.value.exit_code is Exit.UNAVAILABLE
    assert "--ca-file" in refused.value.hint


async def test_an_authority_of_ones_own_is_trusted_where_it_is_named(tmp_path: Path) -> None:
    files = make_files(tmp_path, "console.localhost")
    async with answering(OK, tls=files) as connection:
        there = Connection(connection.origin, {}, files.certificate)
        assert (await asyncio.to_thread(there.ask, "GET", "/x")).body == b"{}"


async def test_a_server_without_tls_is_told_as_that() -> None:
    async with answering(OK) as connection:
        plain = Connection(connection.origin.replace("http:", "https:"), {})
        with pytest.raises(ScriptError, match="does not speak TLS") as refused:
            await asyncio.to_thread(plain.ask, "GET", "/x")
    assert "port for https" in refused.value.hint
    assert "_ssl.c" not in str(refused.value)


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    other = "sgt_" + "o" * 43
    assert read_token(file, {"SEALGATE_TOKEN": other}) == TOKEN
    assert read_token(None, {"SEALGATE_TOKEN": other}) == other


@pytest.mark.parametrize("text", ["", "sgt_short", "sk-proj-" + "x" * 40, TOKEN + TOKEN, "é" * 47])
def test_what_is_no_token_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(ScriptError) as refused:
        read_token(file, {})
    assert refused.value.exit_code is Exit.CONFIGURATION
    assert not text or text not in str(refused.value)


def test_no_token_at_all_is_refused_with_both_ways_to_give_one(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="SEALGATE_TOKEN"):
        read_token(None, {})
    with pytest.raises(ScriptError, match="Cannot read"):
        read_token(tmp_path / "absent", {})
