"""A vault that is full: how soon it listens, how fast it opens, and how long a big erasure takes.

Counterpart: `vault_open`, which measures a small one, and pins both ends as this one does. Fills a folder with `--stored` credentials, ten to an
organization, each row sealed as the vault seals it; then starts a vault on it in a process of its own, and
asks over its socket. Nothing but the filling goes past the vault's own doors.

    python -m bench.vault_scale --stored 100000 --opens 20000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop
from bench.vault_open import ORIGIN, UNDER_WAY, _config, _connected, pin_apart, processor_s
from msgspec import Struct
from tests.up_running import free_ports

from sealgate import settings as settings_file
from sealgate.envelope import Context, seal
from sealgate.ids import new_id
from sealgate.log import NullLog
from sealgate.messages.client import Client
from sealgate.messages.erasing import Erase, Erased, ErasureKind
from sealgate.messages.opening import CredentialChanged, Open, OpeningReply
from sealgate.messages.slot import SlotArena
from sealgate.messages.tickets import TicketReply
from sealgate.vault.anchor_summary import Entry
from sealgate.vault.config import VaultConfig
from sealgate.vault.events import EVENTS
from sealgate.vault.foundation import Foundation, lay_foundation
from sealgate.vault.keyring import SealingKeys
from sealgate.vault.process import DESK_SOCKET, OPENER_SOCKET
from sealgate.vault.rowseal import SealedTable
from sealgate.vault.schema import CREDENTIALS, VERSIONS
from sealgate.vault.stores import Stores, build_stores
from sealgate.vault.versions import CredentialRecord, VersionRecord

OF_ONE_ORGANIZATION = 10
NOW_S = time.time()


class Stored(Struct, frozen=True):
    """Whose a credential is."""

    organization: str
    application: str
    credential: str


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--opens", type=int, default=20_000)
    parser.add_argument("--biggest", type=int, default=10_000, help="credentials of the organization erased")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sgb") as folder:
        config = msgspec.structs.replace(_config(Path(folder)), data_dir=Path(folder) / "vault")
        began = time.perf_counter()
        stored = fill(config, options.stored - options.biggest, OF_ONE_ORGANIZATION)
        biggest = fill(config, options.biggest, options.biggest)
        filled_s = time.perf_counter() - began
        result = {
            "stored": options.stored,
            "filled_s": round(filled_s, 1),
            "vault_db_mb": _megabytes(config.data_dir / "vault.db"),
            "anchor_mb": _megabytes(config.data_dir / "anchor"),
        }
        for attempt in ("first_start_s", "second_start_s"):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                result |= runner.run(_measure(config, stored, options.opens, attempt))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result |= runner.run(_erase(config, stored, biggest[0].organization, len(biggest)))
    sys.stdout.write(json.dumps(result) + "\n")


def fill(config: VaultConfig, count: int, of_one: int) -> list[Stored]:
    """Put credentials into a stopped vault's files, without waiting for the disk."""
    log = NullLog(EVENTS)
    waits, os.fsync = os.fsync, lambda _descriptor: None
    try:
        base = lay_foundation(config.data_dir, config.instance, log)
        stores = build_stores(config, base, lambda _notice: 0, log)
        base.database._driver.execute("PRAGMA synchronous = OFF")
        filled = []
        for at in range(0, count, of_one):
            filled += _fill(config.instance, base, stores, min(of_one, count - at))
            asyncio.run(base.witness.shorten())  # where it is long: a vault that runs looks twice a minute
        base.close()
    finally:
        os.fsync = waits
    return filled


def _fill(instance: str, base: Foundation, stores: Stores, count: int) -> list[Stored]:
    """One organization; its credentials in one transaction, with the mark of the last and a line for each."""
    credentials = SealedTable(CREDENTIALS, CredentialRecord, base.seal)
    versions = SealedTable(VERSIONS, VersionRecord, base.seal)
    organization, application = new_id("org"), new_id("app")
    keys = stores.keyring.current(organization, NOW_S)
    names = [new_id("cred") for _ in range(count)]
    sealed = [_sealed(instance, organization, application, name, keys) for name in names]
    for name in names[:-1]:
        base.witness._anchor.append(Entry(base.witness._number + 1, name, 1, "active"))
        base.witness._number += 1
    with base.witness.change(names[-1], 1, "active") as connection:
        connection.executemany(CREDENTIALS.insert, [credentials.row(record) for record, _ in sealed])
        connection.executemany(VERSIONS.insert, [versions.row(version) for _, version in sealed])
    return [Stored(organization, application, name) for name in names]


def _sealed(
    instance: str, organization: str, application: str, name: str, keys: SealingKeys
) -> tuple[CredentialRecord, VersionRecord]:
    pair = keys.preferred
    context = Context(
        instance=instance,
        organization=organization,
        application=application,
        credential=name,
        version=1,
        provider="openai",
        origin=ORIGIN,
        key_id=pair.key_id,
    )
    envelope = seal(b"sk-sim-" + secrets.token_hex(20).encode(), pair.public, context)
    record = CredentialRecord(
        name, organization, application, "openai", ORIGIN, "active", 1, 1, 1, None, None, None
    )
    return record, VersionRecord(name, 1, 1, pair.key_id, envelope, "aaaa-bbbb-cccc-dddd", "wxyz", NOW_S)


class _Running:
    """A vault as the supervisor starts it; `ready_s` is how long it took until somebody could say hello."""

    def __init__(self, config: VaultConfig) -> None:
        self._config = config
        words = ("-m", "sealgate", "run", "vault", "--config", str(_settings(config)))
        self._began = time.perf_counter()
        with Path(os.environ.get("BENCH_LOG", os.devnull)).open("a") as told:
            self.process = subprocess.Popen((sys.executable, *words), stderr=told)
        pin_apart(self.process.pid)
        self.ready_s = 0.0

    async def connected(self, socket: str, replies: object) -> tuple[Client, asyncio.Task[None]]:
        found = await _connected(self._config, socket, replies)
        self.ready_s = self.ready_s or time.perf_counter() - self._began
        return found

    @property
    def megabytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith("VmRSS"))
        return int(line.split()[1]) // 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def _settings(config: VaultConfig) -> Path:
    """The settings that make this configuration, in its folder."""
    folder = config.data_dir.parent
    vault = settings_file.VaultSettings(
        port=config.port, admin_port=free_ports(1)[0], opens_per_minute=config.opens_per_minute
    )
    settings = settings_file.Settings(
        instance=config.instance,
        data_dir=str(folder),
        runtime_dir=str(config.runtime_dir),
        vault=vault,
        proxy=settings_file.ProxySettings(id=new_id("prx")),
    )
    path = folder / "sealgate.toml"
    settings_file.write(settings, path)
    return path


async def _measure(config: VaultConfig, stored: list[Stored], opens: int, attempt: str) -> dict[str, float]:
    vault = _Running(config)
    try:
        proxy, link = await vault.connected(OPENER_SOCKET, OpeningReply | CredentialChanged)
        found = {attempt: round(vault.ready_s, 2)}
        chance = random.Random(7)  # noqa: S311 - a bench
        single, together = chance.choices(stored, k=opens), chance.choices(stored, k=opens)
        found |= await _open(proxy, vault, single, together)
        link.cancel()
        return found
    finally:
        vault.stop()


async def _open(
    proxy: Client, vault: _Running, wanted: list[Stored], others: list[Stored]
) -> dict[str, float]:
    """One at a time, most of which were not read before, and again; then others, 32 under way, and again."""
    arena, pid = SlotArena(), vault.process.pid
    unread = await _singly(proxy, arena, wanted, pid)
    read = await _singly(proxy, arena, wanted, pid)
    unread_s, _ = await _together(proxy, arena, others, pid)
    elapsed_s, together_s = await _together(proxy, arena, others, pid)
    return {
        **{f"{name}_most_not_read": value for name, value in unread.items()},
        **read,
        "vault_processor_together_ms": round(together_s / len(others) * 1000, 3),
        "opens_per_s": round(len(others) / elapsed_s),
        "opens_per_s_most_not_read": round(len(others) / unread_s),
        "memory_mb": vault.megabytes,
    }


async def _singly(proxy: Client, arena: SlotArena, wanted: list[Stored], pid: int) -> dict[str, float]:
    """What one who waits for each sees, and what the vault spends on it."""
    spent_s = processor_s(pid)
    waits = sorted([await _one(proxy, arena, each) for each in wanted])
    spent_s = processor_s(pid) - spent_s
    return {
        "p50_ms": round(statistics.median(waits) * 1000, 3),
        "p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 3),
        "slowest_ms": round(waits[-1] * 1000, 1),
        "vault_processor_ms": round(spent_s / len(wanted) * 1000, 3),
    }


async def _together(proxy: Client, arena: SlotArena, wanted: list[Stored], pid: int) -> tuple[float, float]:
    """Seconds that went by, and that the vault worked."""
    spent_s, began = processor_s(pid), time.perf_counter()
    for at in range(0, len(wanted), UNDER_WAY):
        await asyncio.gather(*(_one(proxy, arena, each) for each in wanted[at : at + UNDER_WAY]))
    return time.perf_counter() - began, processor_s(pid) - spent_s


async def _one(proxy: Client, arena: SlotArena, stored: Stored) -> float:
    slot = arena.take()
    request = Open(
        organization=stored.organization,
        application=stored.application,
        credential=stored.credential,
        provider="openai",
        origin=ORIGIN,
    )
    began = time.perf_counter()
    await proxy.ask(request, slot=slot)
    ended = time.perf_counter()
    slot.wipe()
    return ended - began


async def _erase(
    config: VaultConfig, stored: list[Stored], organization: str, count: int
) -> dict[str, float]:
    """Erase the biggest organization, and see how opens of the others fare meanwhile."""
    vault = _Running(config)
    try:
        proxy, proxy_link = await vault.connected(OPENER_SOCKET, OpeningReply | CredentialChanged)
        desk, desk_link = await vault.connected(DESK_SOCKET, TicketReply)
        arena, waits = SlotArena(), []
        order = Erase(kind=ErasureKind.ORGANIZATION, subject=organization, organization=organization)
        began = time.perf_counter()
        answer = await desk.ask(order, timeout_s=60)
        answered_s = time.perf_counter() - began
        assert isinstance(answer, Erased)
        while not answer.signed:
            waits.append(await _one(proxy, arena, random.choice(stored)))  # noqa: S311 - a bench
            if len(waits) % 200 == 0:
                answer = await desk.ask(order, timeout_s=60)
                assert isinstance(answer, Erased)
        erased_s = time.perf_counter() - began
        proxy_link.cancel()
        desk_link.cancel()
        waits.sort()
        return {
            "erased": count,
            "erasure_answered_s": round(answered_s, 2),
            "erased_s": round(erased_s, 1),
            "open_p99_while_erasing_ms": round(waits[int(len(waits) * 0.99)] * 1000, 2),
            "slowest_open_while_erasing_ms": round(waits[-1] * 1000, 1),
        }
    finally:
        vault.stop()


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)


if __name__ == "__main__":
    main()
