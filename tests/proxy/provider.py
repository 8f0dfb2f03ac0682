"""A provider for tests: HTTP/1.1 over TLS with an authority of its own; it can stall, cut and garble.

It answers by the model's name (`FAULTS`), records what was asked, and tells when a call ended.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from tests.proxy.provider_endpoints import (
    MODELS as ENDPOINT_MODELS,
)
from tests.proxy.provider_endpoints import (
    WORDS,
    opening,
    response,
    stream_of,
    typed,
    whole_answer,
    words,
)
from tests.proxy.provider_media import media_answer, read_form


@dataclass
class Call:
    """One request as the provider saw it."""

    target: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    ended_by: str = ""
    ended_s: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, how: str) -> None:
        self.ended_by, self.ended_s = how, time.monotonic()
        self.over.set()


def event(content: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": None}
    choice.update(more)
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], "usage": None}
    return b"data: %b\n\n" % json.dumps(chunk).encode()


USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 4,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 3},
}
USAGE_EVENT = b"data: %b\n\n" % json.dumps({"id": "chatcmpl-1", "choices": [], "usage": USAGE}).encode()
DONE = b"data: [DONE]\n\n"
STREAM = b"".join([*(event(word) for word in WORDS), event(finish_reason="stop"), USAGE_EVENT, DONE])
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}
    ],
    "usage": USAGE,
}


class Provider:
    """Listens on a free port of this machine; `gate` holds a `wait-*` model's stream until it is set."""

    def __init__(self, folder: Path, *, tls: bool = True) -> None:
        authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("provider.localhost", "provider.test").configure_cert(self._context)
        self.calls: list[Call] = []
        self.connections = 0
        self.gate = asyncio.Event()
        self.started = asyncio.Event()
        self.raw_requests: list[bytes] = []
        self.failures, self.retry_after = 0, ""
        """What the model `flaky` does."""
        self.close_on_request = False
        """Drop the connection on which the next request comes, as a provider would that had closed it."""
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._context, limit=4 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def origin(self) -> str:
        return f"https://provider.localhost:{self.port}"

    async def close(self) -> None:
        self._server.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        try:
            while await self._serve_one(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        if self.close_on_request:
            self.close_on_request = False
            writer.transport.abort()
            return False
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        raw = await reader.readexactly(int(headers["content-length"]))
        self.raw_requests.append(head + raw)
        kind = headers.get("content-type", "")
        body = read_form(kind, raw) if kind.startswith("multipart/") else json.loads(raw)
        call = Call(lines[0].split(" ")[1], headers, body, number)
        self.calls.append(call)
        answer = FAULTS.get(call.body["model"], _normal)
        leaving = asyncio.ensure_future(reader.read(1))
        answering = asyncio.ensure_future(_run(answer, self, call, writer))
        await asyncio.wait({leaving, answering}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done() or not call.over.is_set():
            answering.cancel()
            call.end("client_left")
            return False
        keep = answering.result()
        if not keep or leaving.done():
            leaving.cancel()
            return False
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        return True


async def _run(answer: Answer, provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    keep = await answer(provider, call, writer)
    await writer.drain()
    call.end("completed")
    return keep


Answer = Callable[[Provider, Call, asyncio.StreamWriter], Awaitable[bool]]


def head(status: int, content_type: str, *more: str, length: int | None = None) -> bytes:
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-type: {content_type}",
        framing,
        "openai-organization: acme-corp",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(status: int, content_type: str, body: bytes, *more: str) -> bytes:
    return head(status, content_type, *more, length=len(body)) + body


def error(status: int, code: str, message: str, *more: str) -> bytes:
    body = {"error": {"message": message, "type": "x", "param": None, "code": code}}
    return whole(status, "application/json", json.dumps(body).encode(), *more)


async def _normal(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    media = media_answer(call.target, call.body)
    if media is not None:
        writer.write(head(200, media[0]) + chunk(media[1]) + b"0\r\n\r\n")
        return True
    if not call.body.get("stream"):
        answer = whole_answer(call.target, call.body["model"], WHOLE)
        writer.write(whole(200, "application/json", json.dumps(answer).encode()))
        return True
    writer.write(head(200, "text/event-stream"))
    writer.write(chunk(stream_of(call.target, call.body["model"], STREAM)))
    writer.write(b"0\r\n\r\n")
    return True


async def _wait(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    """Half of the stream, then nothing until the gate opens."""
    writer.write(head(200, "text/event-stream") + chunk(event("Short") + event(" and")))
    await writer.drain()
    provider.started.set()
    await provider.gate.wait()
    writer.write(chunk(event(" clear.") + event(finish_reason="stop") + USAGE_EVENT + DONE) + b"0\r\n\r\n")
    return True


async def _wait_responses(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    """Half of a stream of the Responses API, then nothing until the gate opens."""
    writer.write(head(200, "text/event-stream") + chunk(opening() + words("Short", " and")))
    await writer.drain()
    provider.started.set()
    await provider.gate.wait()
    writer.write(chunk(typed("response.completed", 5, response=response())) + b"0\r\n\r\n")
    return True


async def _slow_end(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    """The whole stream with its end marker; the framing ends when the gate opens."""
    writer.write(head(200, "text/event-stream") + chunk(STREAM))
    await writer.drain()
    provider.started.set()
    await provider.gate.wait()
    writer.write(b"0\r\n\r\n")
    return True


async def _hang(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    provider.started.set()
    await asyncio.Event().wait()
    return False


async def _reset(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(head(200, "text/event-stream") + chunk(event("Short")))
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.transport.abort()
    return False


async def _sound_reset(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(head(200, "audio/mpeg") + chunk(b"ID3" * 100))
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.transport.abort()
    return False


async def _sound_unframed(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 X\r\ncontent-type: audio/mpeg\r\nconnection: close\r\n\r\nID3")
    return False


async def _reset_at_once(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


async def _truncated(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(head(200, "text/event-stream") + chunk(event("Short")) + b"0\r\n\r\n")
    return True


async def _flaky(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    """Overloaded for `failures` requests, then as usual."""
    if not provider.failures:
        return await _normal(provider, call, writer)
    provider.failures -= 1
    after = [f"retry-after: {provider.retry_after}"] if provider.retry_after else []
    writer.write(error(503, "server_is_overloaded", "acme-corp is busy", *after))
    return True


async def _flood(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(head(200, "text/event-stream"))
    piece = chunk(event("x" * 4000))
    for _ in range(40_000):
        writer.write(piece)
        await writer.drain()
    writer.write(chunk(DONE) + b"0\r\n\r\n")
    return True


async def _flood_responses(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(head(200, "text/event-stream") + chunk(opening()))
    piece = chunk(words("x" * 4000))
    for _ in range(40_000):
        writer.write(piece)
        await writer.drain()
    return True


def _says(raw: Callable[[Call], bytes], *, keep: bool = True) -> Answer:
    async def answer(provider: Provider, call: Call, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw(call))
        return keep

    return answer


def _echo(call: Call) -> str:
    return call.headers["authorization"]


FAULTS: dict[str, Answer] = {
    "wait": _wait,
    "resp-wait": _wait_responses,
    "slow-end": _slow_end,
    "hang": _hang,
    "reset": _reset,
    "reset-at-once": _reset_at_once,
    "sound-reset": _sound_reset,
    "sound-unframed": _sound_unframed,
    "truncated": _truncated,
    "flood": _flood,
    "resp-flood": _flood_responses,
    "echo-401": _says(
        lambda call: error(401, "invalid_api_key", f"Incorrect: {_echo(call)}", f"x-echo: {_echo(call)}")
    ),
    "quota": _says(lambda call: error(429, "insufficient_quota", "acme-corp has no money")),
    "rate": _says(lambda call: error(429, "rate_limit_exceeded", "org acme-corp", "retry-after: 7")),
    "html-500": _says(lambda call: whole(500, "text/html", b"<html>acme-corp failed</html>")),
    "html-200": _says(lambda call: whole(200, "text/html", b"<html>captive acme-corp</html>")),
    "redirect": _says(lambda call: whole(302, "text/html", b"", "location: https://elsewhere.example/")),
    "too-long": _says(lambda call: error(400, "context_length_exceeded", "acme-corp too long")),
    "bad-400": _says(lambda call: error(400, "other", f"acme-corp {_echo(call)}")),
    "no-model": _says(lambda call: error(404, "model_not_found", "acme-corp has no such model")),
    "garbage": _says(lambda call: b"\x00\x01 not http\r\n\r\n", keep=False),
    "smuggle": _says(
        lambda call: b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        keep=False,
    ),
    "flaky": _flaky,
    "late-504": _says(lambda call: whole(504, "text/html", b"<html>acme-corp is late</html>")),
    "error-first": _says(
        lambda call: (
            head(200, "text/event-stream")
            + chunk(b'data: {"error":{"message":"acme-corp broke","code":null}}\n\n')
            + b"0\r\n\r\n"
        )
    ),
    "error-event": _says(
        lambda call: (
            head(200, "text/event-stream")
            + chunk(event("Short") + b'data: {"error":{"message":"acme-corp broke","code":null}}\n\n')
            + b"0\r\n\r\n"
        )
    ),
    "broken-json": _says(lambda call: whole(200, "application/json", b'{"choices": [')),
}
MODELS = ("gpt-test", *FAULTS, *ENDPOINT_MODELS)
