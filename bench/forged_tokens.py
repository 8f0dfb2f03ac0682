"""What a bad credential costs the proxy, beside a good request: our own code, no sockets and no TLS.

.venv/bin/python bench/forged_tokens.py [--requests 180]
"""

from __future__ import annotations

import argparse
import asyncio
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import uvloop
from bench.exchange import Sink
from bench.proxy import BENCH_LIMITS
from tests.proxy.world import World, a_world, prompt, until

from sealgate.ids import new_id
from sealgate.log import NullLog
from sealgate.proxy.events import EVENTS
from sealgate.proxy.forgeries import AT_ONCE, Forgeries
from sealgate.proxy.process import Proxy
from sealgate.proxy.server import ClientConnection
from sealgate.proxy.upstream import Upstream
from sealgate.session import SigningKey

ROUNDS = 7
GOOD = "good, seen before"


def credentials(world: World) -> Mapping[str, Callable[[int], str]]:
    """Tokens by what is wrong with them, made from the number of the request."""
    good = world.token()
    head, payload, signature = good.split(".")
    stranger, nowhere = SigningKey.generate(), world.token(application=new_id("app"))
    other = world.token(key=stranger)
    fresh = [world.token(user=f"user-{number}") for number in range(2_000)]

    def forged(number: int) -> str:
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
        pair = last[number % 32] + last[number // 32 % 32] + last[number // 1024 % 32]
        return f"{head}.{payload}.{pair}{signature[3:]}"

    return {
        GOOD: lambda _number: good,
        "good, a new session": lambda number: fresh[number % len(fresh)],
        "forged signature": forged,
        "key id of a stranger": lambda _number: other,
        "unknown application": lambda _number: nowhere,
        "forged signature, in a flood": forged,
        "garbage": lambda number: f"x{number}",
        "too long": lambda _number: "a" * 9_000,
        "no token at all": lambda _number: "",
    }


async def measure(world: World, count: int) -> None:
    """Every kind in turn; the best of several rounds."""
    proxy = world.proxy = Proxy(world.config, NullLog(EVENTS))
    await proxy.start()
    await world.connected()
    world.publish(BENCH_LIMITS)
    assert (await world.chat()).status == 200
    await until(lambda: proxy.parts.applications.ids()[0][1] == 2)
    pool = proxy.parts.pool
    upstream = Upstream(pool, pool.way_out.origin(world.provider.origin))
    upstream.connection_made(cast(asyncio.Transport, Sink(upstream)))
    upstream.idle.clear()
    pool.give_back(upstream)
    body = prompt()
    body["messages"][0]["content"] = "Shorten this. " * 64
    kinds = {
        name: [world.request(body, token=make(number) or " ") for number in range(count)]
        for name, make in credentials(world).items()
    }
    best_s = dict.fromkeys(kinds, math.inf)
    for _ in range(ROUNDS):
        for name, requests in kinds.items():
            best_s[name] = min(
                best_s[name], await one(proxy, requests, world.application, flood="flood" in name)
            )
    for name, spent_s in best_s.items():
        print(f"{1e6 * spent_s:7.1f} µs  {spent_s / best_s[GOOD]:5.2f}  {name}")  # noqa: T201


async def one(proxy: Proxy, requests: list[bytes], application: str, *, flood: bool) -> float:
    """Processor time for each request."""
    proxy.parts.sessions._verified.clear()
    proxy.parts.sessions.forgeries = Forgeries()
    if flood:
        for _ in range(2 * AT_ONCE):
            proxy.parts.sessions.forgeries.found(application, time.time())
    connections = []
    for _ in requests:
        connection = ClientConnection(proxy.listener)
        connection.connection_made(cast(asyncio.Transport, Sink()))
        connections.append(connection)
    began_s = time.process_time()
    for connection, raw in zip(connections, requests, strict=True):
        connection.data_received(raw)
    spent_s = time.process_time() - began_s
    for connection in connections:
        connection.connection_lost(None)
    await asyncio.sleep(0)
    return spent_s / len(requests)


async def main(arguments: argparse.Namespace) -> None:
    """Make the world around it."""
    with tempfile.TemporaryDirectory() as name:
        async with a_world(Path(name)) as world:
            await measure(world, arguments.requests)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=180)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(parser.parse_args()))
