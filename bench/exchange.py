"""How long one request takes in our own code: real parts, no sockets and no TLS.

A client's transport that swallows and a provider's that answers at once stand at both ends of one loop.

    .venv/bin/python bench/exchange.py [--stream] [--budgets] [--profile] [--requests 20000]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import math
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.installation import BUDGETS
from bench.proxy import BENCH_LIMITS, STREAM_ANSWER, WHOLE_ANSWER
from tests.proxy.world import World, a_world, prompt, until

from sealgate.log import NullLog
from sealgate.proxy.events import EVENTS
from sealgate.proxy.process import Proxy
from sealgate.proxy.server import ClientConnection
from sealgate.proxy.upstream import Upstream

SLICES = 300
"""The best of many short ones is what a quiet machine would need, on a busy one too."""


class Sink:
    """A transport that takes everything; `answers` are what comes back after a request."""

    def __init__(self, protocol: Any = None) -> None:
        self.protocol, self.written = protocol, 0

    def write(self, data: bytes) -> None:
        self.written += len(data)

    def writelines(self, parts: tuple[Any, ...]) -> None:
        raw = bytes(parts[1])
        self.protocol.data_received(STREAM_ANSWER if b'"stream":true' in raw else WHOLE_ANSWER)

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False

    def abort(self) -> None: ...

    def close(self) -> None: ...


async def measure(world: World, arguments: argparse.Namespace) -> None:
    """One connection at each end, one request after another."""
    proxy = Proxy(world.config, NullLog(EVENTS))
    world.proxy = proxy
    await proxy.start()
    await world.connected()
    world.publish(BENCH_LIMITS, rules={"budgets": BUDGETS} if arguments.budgets else {})
    assert (await world.chat()).status == 200
    await until(lambda: proxy.parts.applications.ids()[0][1] == 2)
    body = prompt(stream=True) if arguments.stream else prompt()
    body["messages"][0]["content"] = "Shorten this. " * 64
    raw = world.request(body, token=world.token())
    connection = ClientConnection(proxy.listener)
    connection.connection_made(cast(asyncio.Transport, Sink()))
    pool = proxy.parts.pool
    upstream = Upstream(pool, pool.way_out.origin(world.provider.origin))
    upstream.connection_made(cast(asyncio.Transport, Sink(upstream)))
    upstream.idle.clear()
    pool.give_back(upstream)
    profiler = cProfile.Profile()
    best_s = math.inf
    for _ in range(SLICES):
        await asyncio.sleep(0)
        if arguments.profile:
            profiler.enable()
        began_s = time.process_time()
        for _ in range(arguments.requests // SLICES):
            connection.data_received(raw)
        best_s = min(best_s, (time.process_time() - began_s) / (arguments.requests // SLICES))
        profiler.disable()
    print(f"{1e6 * best_s:.1f} µs per request, {dict(proxy.parts.outcomes)}")  # noqa: T201
    if arguments.profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
        sys.stdout.write(by_part(pstats.Stats(profiler)))


PARTS = {
    "HTTP, both ways: reading, checking, writing": ("proxy/wire/", "httptools", "'re.Pattern'"),
    "the client's end and the provider's": ("proxy/server.py", "proxy/upstream.py", "proxy/departure.py"),
    "the exchange itself: its states, its one outcome": (
        "proxy/exchange.py",
        "proxy/visit.py",
        "proxy/trying.py",
    ),
    "session, rights, limits of a minute": ("proxy/sessions.py", "proxy/admission.py", "proxy/limits.py"),
    "the request by its table": ("policy/", "proxy/asking.py", "proxy/dialects.py", "'msgspec.json"),
    "budgets": (
        "proxy/spending.py",
        "proxy/ledger.py",
        "proxy/lines.py",
        "proxy/costs.py",
        "proxy/allowances.py",
        "proxy/store.py",
    ),
    "metering, and the watch for the key": (
        "proxy/metering.py",
        "relay.py",
        "key_watch.py",
        "reported_errors.py",
        "usage_bounds.py",
    ),
    "the journal and what is measured": (
        "proxy/epoch.py",
        "proxy/segments.py",
        "proxy/journal.py",
        "proxy/accounting.py",
        "proxy/measures.py",
        "crc32",
        "msgpack",
    ),
    "the key and its slot": ("held_keys.py", "messages/slot.py"),
}


def by_part(stats: Any) -> str:
    """Own time and calls of a request by part, as a table; what no part names is "the rest"."""
    spent: dict[str, list[float]] = {name: [0.0, 0.0] for name in (*PARTS, "the rest")}
    total = calls = 0.0
    for (file, _line, function), (_direct, count, own_s, *_more) in stats.stats.items():
        where = f"{file} {function}"
        if "bench/" in where or "time.process_time" in where:
            continue
        part = next(
            (name for name, marks in PARTS.items() if any(mark in where for mark in marks)), "the rest"
        )
        spent[part][0] += own_s
        spent[part][1] += count
        total, calls = total + own_s, calls + count
    rows = "".join(
        f"| {name} | {100 * own_s / total:.0f} % | {100 * count / calls:.0f} % |\n"
        for name, (own_s, count) in sorted(spent.items(), key=lambda item: -item[1][0])
    )
    return f"| part | time | calls |\n|---|---|---|\n{rows}\n"


async def main(arguments: argparse.Namespace) -> None:
    """Make the world around it."""
    with tempfile.TemporaryDirectory() as name:
        async with a_world(Path(name)) as world:
            await measure(world, arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--budgets", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--requests", type=int, default=9_000)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(parser.parse_args()))
