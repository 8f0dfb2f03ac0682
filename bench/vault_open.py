"""How long a proxy waits for a key: opens one credential over the vault's socket, again and again.

A vault of its own in a temporary folder and process, with `--stored` credentials in its database. Vault and
asking end have a core each, where there are two. Prints the median and the 99th percentile of one open at a
time, opens per second with 32 under way, and the vault's own processor time per open in both, which says more
than the others on a machine that is busy with something else.

    python -m bench.vault_open --stored 1000 --opens 5000
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import json
import multiprocessing
import os
import secrets
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TypeVar

import msgspec
import uvloop

from sealgate.envelope import Context, SealingPublicKey, encode_text, seal
from sealgate.ids import new_id
from sealgate.messages.client import Client
from sealgate.messages.frames import PROTOCOL, Hello
from sealgate.messages.opening import CredentialChanged, Open, OpeningReply
from sealgate.messages.slot import SlotArena
from sealgate.messages.tickets import IssueTicket, TicketIssued, TicketReply
from sealgate.vault.config import VaultConfig
from sealgate.vault.pages import Receipt, TicketView
from sealgate.vault.process import DESK_SOCKET, OPENER_SOCKET, run

LOOPBACK = "127.0.0.1"
HOST = "vault.localhost"
ORIGIN = "https://api.openai.com"
UNDER_WAY = 32

Answer = TypeVar("Answer", bound=msgspec.Struct)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, default=200)
    parser.add_argument("--opens", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sgb") as folder:
        config = _config(Path(folder))
        spawning = multiprocessing.get_context("spawn")
        process = spawning.Process(target=_run_quietly, args=(config,), daemon=True)
        process.start()
        pin_apart(process.pid or 0)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                result = runner.run(_measure(config, process.pid or 0, options.stored, options.opens))
        finally:
            process.terminate()
            process.join(10)
    sys.stdout.write(json.dumps(result) + "\n")


def _run_quietly(config: VaultConfig) -> None:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    run(config)


def pin_apart(vault: int) -> None:
    """The last core for the vault, the first for us: who asks is not to be measured with who answers."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(vault, {cores[-1]})
    os.sched_setaffinity(0, {cores[0]})


def processor_s(pid: int) -> float:
    """What a process has used, all its threads (proc(5), schedstat)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


async def _measure(config: VaultConfig, pid: int, stored: int, opens: int) -> dict[str, float]:
    organization, application = new_id("org"), new_id("app")
    desk, desk_task = await _connected(config, DESK_SOCKET, TicketReply)
    wanted = [await _deposited(config, desk, organization, application) for _ in range(stored)]
    proxy, proxy_task = await _connected(config, OPENER_SOCKET, OpeningReply | CredentialChanged)
    arena = SlotArena()

    async def one(number: int) -> float:
        slot = arena.take()
        credential = wanted[number % len(wanted)]
        request = Open(
            organization=organization,
            application=application,
            credential=credential,
            provider="openai",
            origin=ORIGIN,
        )
        began = time.perf_counter()
        await proxy.ask(request, slot=slot)
        ended = time.perf_counter()
        slot.wipe()
        return ended - began

    for number in range(200):
        await one(number)
    spent_s = processor_s(pid)
    single = sorted([await one(number) for number in range(opens)])
    single_s = processor_s(pid) - spent_s
    spent_s, began = processor_s(pid), time.perf_counter()
    for at in range(0, opens, UNDER_WAY):
        await asyncio.gather(*(one(at + number) for number in range(UNDER_WAY)))
    elapsed_s, together_s = time.perf_counter() - began, processor_s(pid) - spent_s
    desk_task.cancel()
    proxy_task.cancel()
    return {
        "stored": stored,
        "p50_ms": round(statistics.median(single) * 1000, 3),
        "p99_ms": round(single[int(opens * 0.99)] * 1000, 3),
        "vault_processor_ms": round(single_s / opens * 1000, 3),
        "vault_processor_together_ms": round(together_s / opens * 1000, 3),
        "opens_per_s": round(opens / elapsed_s),
    }


async def _deposited(config: VaultConfig, desk: Client, organization: str, application: str) -> str:
    # Few tickets may be out at a time, so each is used before the next is taken.
    order = IssueTicket(
        organization=organization,
        organization_name="Bench",
        application=application,
        application_name="Bench",
        provider="openai",
        origin=ORIGIN,
    )
    issued = await desk.ask(order)
    assert isinstance(issued, TicketIssued)
    seen = _post(config, "/deposit/ticket", TicketView, {"ticket": issued.ticket})
    _post(config, "/deposit", Receipt, {"ticket": issued.ticket, "envelope": _envelope(seen)})
    return issued.credential


def _envelope(seen: TicketView) -> str:
    offered = seen.keys[0]
    context = Context(
        instance=seen.instance,
        organization=seen.organization.id,
        application=seen.application.id,
        credential=seen.credential,
        version=seen.version,
        provider=seen.provider.id,
        origin=seen.origin,
        key_id=_unbase64(offered.key_id),
    )
    key = b"sk-sim-" + secrets.token_hex(20).encode()
    return encode_text(seal(key, SealingPublicKey(_unbase64(offered.public_key), offered.suite), context))


def _post(config: VaultConfig, path: str, answer: type[Answer], body: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", config.port, timeout=10)
    headers = {"host": HOST, "origin": config.public_url, "content-type": "application/json"}
    connection.request("POST", path, msgspec.json.encode(body), headers)
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{path} answered {response.status}")
    return msgspec.json.decode(raw, type=answer)


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def _connected(config: VaultConfig, socket: str, replies: object) -> tuple[Client, asyncio.Task[None]]:
    there = asyncio.Event()
    hello = Hello(protocol=PROTOCOL, instance=config.instance, process="bench")
    client = Client(config.runtime_dir / socket, hello, replies, on_connected=there.set)
    task = asyncio.create_task(client.run())
    async with asyncio.timeout(15):
        await there.wait()
    return client, task


def _config(folder: Path) -> VaultConfig:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port = int(probe.getsockname()[1])
    return VaultConfig(
        instance=new_id("inst"),
        data_dir=folder / "data",
        runtime_dir=folder,
        host=LOOPBACK,
        port=port,
        admin_port=0,
        hosts=(HOST,),
        public_url=f"http://{HOST}",
        console_url="http://console.localhost:8700",
        desk_uids=(os.geteuid(),),
        opener_uids=(os.geteuid(),),
        opens_per_minute=10_000_000,
    )


if __name__ == "__main__":
    main()
