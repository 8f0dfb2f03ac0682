"""How many requests one proxy process serves, with every promise on, and where the time goes.

The proxy runs in a process of its own, pinned to one core, with a vault and a console that speak the real
messages; `wrk` and the provider share the other. Numbers are for comparing two versions on one machine.

    .venv/bin/python bench/proxy.py [--stream] [--profile] [--seconds 8] [--connections 64]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import json
import multiprocessing
import os
import pstats
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

import msgspec
import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.proxy.provider import STREAM, WHOLE
from tests.proxy.world import World, a_world, prompt, until

from sealgate.log import LineLog
from sealgate.policy.document import Limits
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.events import EVENTS
from sealgate.proxy.process import Proxy

BENCH_LIMITS = Limits(requests_per_minute=100_000, concurrent_streams=1_000)
BODY = json.dumps(WHOLE).encode()
WHOLE_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
STREAM_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n0\r\n\r\n" % (len(STREAM), STREAM)
)


class Mock(asyncio.Protocol):
    """Answers each request as soon as its last byte is here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._held = cast(asyncio.Transport, transport), b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]):
            self._transport.write(STREAM_ANSWER if b'"stream":true' in body else WHOLE_ANSWER)
            self._held = b""


def run_proxy(encoded: bytes, core: int, ports: multiprocessing.connection.Connection, profile: bool) -> None:
    """The child: one proxy until it is told to stop."""
    os.sched_setaffinity(0, {core})
    config = msgspec.json.decode(encoded, type=ProxyConfig, dec_hook=lambda kind, value: kind(value))

    async def serve() -> None:
        proxy = Proxy(config, LineLog("proxy", EVENTS))
        await proxy.start()
        started_s = time.process_time()
        ports.send((proxy.port, proxy.admin_port))
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        while not ports.poll():  # noqa: ASYNC110 - a pipe has no event
            await asyncio.sleep(0.1)
        profiler.disable()
        used_s = time.process_time() - started_s
        served = sum(proxy.parts.outcomes.values())
        print(f"processor time: {1e6 * used_s / max(1, served):.0f} µs per request, over {served}")  # noqa: T201
        await proxy.stop()
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(45)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


async def _measure(world: World, port: int, arguments: argparse.Namespace, core: int, folder: Path) -> str:
    body = prompt(stream=True) if arguments.stream else prompt()
    body["messages"][0]["content"] = "Shorten this. " * 64
    tokens = ", ".join(f'"{world.token(lifetime_s=3600)}"' for _ in range(64))
    script = folder / "wrk.lua"
    script.write_text(
        f"local tokens = {{{tokens}}}\nlocal n = 0\n"
        f"wrk.method = 'POST'\nwrk.body = [==[{json.dumps(body, separators=(',', ':'))}]==]\n"
        "wrk.headers['content-type'] = 'application/json'\nwrk.headers['Host'] = 'proxy.localhost'\n"
        "request = function()\n  n = n % #tokens + 1\n"
        "  wrk.headers['authorization'] = 'Bearer ' .. tokens[n]\n"
        "  return wrk.format(nil, '/v1/chat/completions')\nend\n"
    )
    command = [
        "taskset",
        "-c",
        str(core),
        "wrk",
        "-t1",
        f"-c{arguments.connections}",
        f"-d{arguments.seconds}s",
    ]
    process = await asyncio.create_subprocess_exec(
        *command, "--latency", "-s", str(script), f"http://127.0.0.1:{port}/", stdout=subprocess.PIPE
    )
    out, _err = await process.communicate()
    return out.decode()


async def bench(arguments: argparse.Namespace) -> None:
    """Everything but the proxy runs here."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with a_world(folder) as world:
            context: ssl.SSLContext = world.provider._context
            await world.provider.close()
            server = await asyncio.get_running_loop().create_server(
                Mock, "127.0.0.1", world.provider.port, ssl=context
            )
            world.publish(BENCH_LIMITS)
            here, there = multiprocessing.Pipe()
            encoded = msgspec.json.encode(world.config, enc_hook=str)
            child = multiprocessing.get_context("spawn").Process(
                target=run_proxy, args=(encoded, cores[0], there, arguments.profile)
            )
            child.start()
            os.sched_setaffinity(0, {cores[-1]})
            await asyncio.to_thread(here.poll, 10)
            port, _admin = here.recv()
            await asyncio.sleep(0.5)
            print(await _measure(world, port, arguments, cores[-1], folder))  # noqa: T201
            here.send("stop")
            await until(lambda: not child.is_alive(), 30)
            outcomes = {each.value for each in world.console.outcomes()}
            print(f"usage counted: {len(world.console.usage)}, outcomes: {sorted(outcomes)}")  # noqa: T201
            server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=64)
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as main:
        main.run(bench(parser.parse_args()))
