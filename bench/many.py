"""Many clients at once: thousands that hold a stream and do nothing, and a thousand that leave in the middle.

Counterparts: `installation.py` is what they ask; the provider here notes when each of its streams was ended.

    .venv/bin/python bench/many.py [--held 9900] [--leaving 1000]

All numbers are bounded; the limit of open files is raised only as far as the system lets us.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.correct import length_of
from bench.installation import Installation
from bench.rows import Amount, Figures, held_streams
from bench.scene import Scene, free_port

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{"index":0,"delta":{"content":"Sh"},"finish_reason":null}]}\n\n'
AT_ONCE = 50


class Provider(asyncio.Protocol):
    """Begins every stream and never ends one; notes under the prompt's number when it was ended for it."""

    ended: dict[int, float]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._held, self._number = cast(asyncio.Transport, transport), b"", -1

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if found and len(body) >= length_of(head):
            self._held = b""
            self._number = int(json.loads(body)["messages"][0]["content"].rpartition(" ")[2])
            self._transport.write(HEAD + b"%x\r\n%b\r\n" % (len(EVENT), EVENT))

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.setdefault(self._number, time.monotonic())


async def client(port: int, token: str, number: int) -> asyncio.StreamWriter:
    """A stream of which the first event is here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(
        {"model": "bench", "stream": True, "messages": [{"role": "user", "content": f"stream {number}"}]}
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await reader.readuntil(b"data: ")
    return writer


async def leaving(provider_port: int, port: int, tokens: list[str], count: int) -> list[float]:
    """Open them all, then let one after the other leave; seconds until the provider knew, for each."""
    ended: dict[int, float] = {}
    kind = type("Noting", (Provider,), {"ended": ended})
    server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", provider_port, backlog=1024)
    writers: list[asyncio.StreamWriter] = []
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(count, first + AT_ONCE))
        writers += await asyncio.gather(*(client(port, tokens[n % len(tokens)], n) for n in numbers))
    took: list[float] = []
    for number, writer in enumerate(writers):
        left_s = time.monotonic()
        writer.transport.abort()
        while number not in ended and time.monotonic() < left_s + 5:  # noqa: ASYNC110 - every turn looks
            await asyncio.sleep(0)
        took.append(ended.get(number, left_s + 5) - left_s)
    server.close()
    return took


def leave(scene: Scene, count: int) -> Figures:
    """How long the provider goes on for clients that have left."""
    provider_port = free_port()
    origin = f"http://127.0.0.1:{provider_port}"
    with Installation(scene.folder / "leaving", origin, scene.other) as installation:
        installation.start_proxy({scene.core})
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            took = runner.run(leaving(provider_port, installation.port, installation.tokens(64), count))
    cuts = statistics.quantiles(took, n=100)
    return {"streams": count, "p50_ms": 1e3 * cuts[49], "p99_ms": 1e3 * cuts[98], "most_ms": 1e3 * max(took)}


def main() -> None:
    """Both, printed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--held", type=int, default=9_900)
    parser.add_argument("--leaving", type=int, default=1_000)
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="sg-") as name, Scene(Path(name)) as scene:
        found["left"] = leave(scene, arguments.leaving)
        for tls in (False, True):
            with scene.installation(tls=tls) as installation:
                amount = Amount(held=arguments.held, held_tls=min(arguments.held, 5_000))
                found["held tls" if tls else "held"] = held_streams(scene, installation, amount, tls=tls)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
