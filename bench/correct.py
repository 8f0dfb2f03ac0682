"""Right, beside fast: what arrives, what ends, what is counted, and what lies around afterwards.

Counterpart: `compare.py`, whose table shows it for ours and for every gateway that is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from bench.gateways import GATEWAYS, KEY, Gateway, Running
from bench.installation import Installation
from bench.scene import Scene, free_port, say

CANARY = "canary-5b7e21d09c"
EVENTS = (
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":17,"model":"bench","x_new":{"kept":1.50},"choices":'
    b'[{"index":0,"delta":{"content":"Sh\\u00f6rt"},"finish_reason":null}]}\n\n',
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":17,"model":"bench","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":17,"model":"bench","choices":[],"usage":'
    b'{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}\n\n',
    b"data: [DONE]\n\n",
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = {
    "id": "c-1", "object": "chat.completion", "created": 17, "model": "bench",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}  # fmt: skip


class Provider(asyncio.Protocol):
    """Streams byte for byte what stands above; waits for ever where the prompt says so."""

    waiting: set[Provider]
    ended: list[float]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._held = cast(asyncio.Transport, transport), b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found or len(body) < length_of(head):
            return
        self._held = b""
        asked = json.loads(body or b"{}")
        if not asked.get("stream"):
            raw = json.dumps(WHOLE).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(raw), raw)
            )
            return
        wait = "wait" in json.dumps(asked["messages"])
        sent = EVENTS[:1] if wait else EVENTS
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in sent)
        self._transport.write(HEAD + chunks + (b"" if wait else b"0\r\n\r\n"))
        if wait:
            self.waiting.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.waiting:
            self.waiting.discard(self)
            self.ended.append(time.monotonic())


def length_of(head: bytes) -> int:
    """The length that a head announces."""
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)


def everybody(scene: Scene) -> dict[str, dict[str, Any]]:
    """Each gateway's answers by question; None where the question does not apply."""
    found: dict[str, dict[str, Any]] = {}
    for gateway in GATEWAYS:
        if gateway.there:
            with contextlib.suppress(RuntimeError):
                found[gateway.name] = asyncio.run(_one(scene, gateway, free_port()))
    provider_port = free_port()
    with Installation(
        scene.folder / "correct", f"http://127.0.0.1:{provider_port}", scene.other
    ) as installation:
        installation.start_proxy({scene.core})
        token = installation.tokens(1)[0]
        found["Sealgate"] = asyncio.run(_ours(installation, provider_port, token))
        installation.stop("proxy")
        written = [path for path in installation.house.folder.rglob("*") if path.is_file()]
        found["Sealgate"]["no key or prompt in any file"] = not any(_leaks(path) for path in written)
    say(json.dumps(found, indent=1))
    return found


async def _one(scene: Scene, gateway: Gateway, provider_port: int) -> dict[str, Any]:
    waiting: set[Provider] = set()
    ended: list[float] = []
    kind = type("Noting", (Provider,), {"ended": ended, "waiting": waiting})
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", provider_port)
    ends = scene.ends(f"correct-{gateway.name}")
    ends = type(ends)(ends.folder, ends.port, provider_port)
    body = json.dumps({"model": gateway.model, "messages": [{"role": "user", "content": "Hi."}]}).encode()
    running = await asyncio.to_thread(Running, gateway, ends, scene.core, body)
    try:
        asking = Asking(running.port, gateway.path, gateway.headers(ends), gateway.model)
        exact, cancelled = await _both(asking, ended, waiting)
    finally:
        await asyncio.to_thread(running.stop)
        server.close()
    return {"events byte for byte": exact, "provider ended with the client": cancelled,
            "usage counted": None, "no key or prompt in any file": None}  # fmt: skip


async def _ours(installation: Installation, provider_port: int, token: str) -> dict[str, Any]:
    waiting: set[Provider] = set()
    ended: list[float] = []
    kind = type("Noting", (Provider,), {"ended": ended, "waiting": waiting})
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", provider_port)
    asking = Asking(installation.port, "/v1/chat/completions", {"authorization": f"Bearer {token}"}, "bench")
    exact, cancelled = await _both(asking, ended, waiting)
    server.close()
    counted = await _until(lambda: _usage(installation) == [("cancelled", None), ("completed", 13)], 10)
    return {
        "events byte for byte": exact,
        "provider ended with the client": cancelled,
        "usage counted": counted,
    }


def _usage(installation: Installation) -> list[tuple[str, int | None]]:
    """Outcome and tokens of every exchange that the console counted; estimates without their figure."""
    import sqlite3  # noqa: PLC0415

    path = installation.house.settings.console_config().database_path
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "select outcome, estimated, input_tokens + output_tokens from usage"
        ).fetchall()
    return sorted((outcome, None if estimated else tokens) for outcome, estimated, tokens in rows)


class Asking:
    """One client of one gateway."""

    def __init__(self, port: int, path: str, headers: dict[str, str], model: str) -> None:
        self._port, self._path, self._headers, self._model = port, path, headers, model

    async def stream(self, text: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
        """A streamed prompt of which the head of the answer was read."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = json.dumps(
            {"model": self._model, "stream": True, "stream_options": {"include_usage": True},
             "messages": [{"role": "user", "content": f"{CANARY} {text}"}]}
        ).encode()  # fmt: skip
        fields = {"host": "localhost", "content-type": "application/json", "content-length": str(len(body))}
        lines = [f"{name}: {value}\r\n" for name, value in {**fields, **self._headers}.items()]
        writer.write(f"POST {self._path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        return head[9:12], reader, writer


async def _both(
    asking: Asking, ended: list[float], waiting: set[Provider]
) -> tuple[bool, bool] | tuple[None, None]:
    """What arrives, and what ends; nothing of either from somebody who refuses to stream."""
    async with asyncio.timeout(30):
        status, reader, writer = await asking.stream("all")
        if status != b"200":
            return None, None
        raw = b""
        while not raw.endswith(b"0\r\n\r\n"):
            read = await reader.read(65_536)
            if not read:
                break
            raw += read
        writer.close()
        _status, reader, writer = await asking.stream("wait")
        await _until(lambda: bool(waiting), 5)
        await reader.read(10)
        writer.transport.abort()
        cancelled = await _until(lambda: bool(ended), 2)
    return _unchunked(raw) == b"".join(EVENTS), cancelled


def _unchunked(raw: bytes) -> bytes:
    out = b""
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:
            return raw  # it was no stream
        out, raw = out + rest[:length], rest[length + 2 :]
        if not length:
            break
    return out


async def _until(condition: Callable[[], bool], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.005)
    return True


def _leaks(path: Path) -> bool:
    raw = path.read_bytes()
    return KEY.encode() in raw or CANARY.encode() in raw
