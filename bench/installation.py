"""A whole installation for a measurement: real vault, real console, real proxy, every promise on.

Counterpart: `gateways.py`, which measures its proxy beside others. The key is sealed and deposited as a developer
does it; sessions are signed as a host's back end does it. Only the provider is a stand-in (`provider.c`).
"""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from sealgate import settings as settings_file
from sealgate.console.applications import services
from sealgate.console.applications.policies import starting_policy
from sealgate.console.audit.services import Editing
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database
from sealgate.console.seed import Seeded
from sealgate.demo.deposit import active_credential, deposit
from sealgate.demo.house import House, open_house
from sealgate.demo.ports import Ports, settle
from sealgate.demo.provider import DemoProvider
from sealgate.demo.seeding import refer, seed_console, take_ticket
from sealgate.policy.budgets import Budget
from sealgate.policy.document import Limits
from sealgate.session import SessionSigner

KEY = b"sk-bench-4f1c9a77e02b46c8d1"
MODELS = ("bench", "bench-idle", "bench-paced-2", "bench-paced-5", "bench-paced-10", "bench-paced-20")
LIMITS = Limits(requests_per_minute=100_000, concurrent_streams=1_000, retries=0, idle_s=300.0)
BUDGETS = (
    Budget(scope="user", measure="tokens", window="day", most=10**14),
    Budget(scope="application", measure="tokens", window="month", most=10**15),
)
START_S = 30.0
TICKS_S = os.sysconf("SC_CLK_TCK")


class Installation:
    """One installation in a folder of its own; the keepers run on `core`, the proxy wherever it is put."""

    def __init__(self, folder: Path, origin: str, core: int, authority: Path | None = None) -> None:
        provider = DemoProvider(simulated=True, origin=origin, folder="", models=MODELS)
        free = settle(Ports(**{field.name: 0 for field in msgspec.structs.fields(Ports)}))
        self.house: House = open_house(folder, free, provider)
        self.core = core
        egress = msgspec.structs.replace(
            self.house.settings.egress,
            ca_file=str(authority or ""),
            dangerously_allow_plain_http_to_loopback=origin.startswith("http:"),
        )
        vault = msgspec.structs.replace(
            self.house.settings.vault,
            dangerously_allow_plain_http_to_loopback=True,
            opens_per_minute=10_000_000,
        )
        self._settings = msgspec.structs.replace(self.house.settings, egress=egress, vault=vault)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._write(self._settings)

    def __enter__(self) -> Self:
        self.run("vault", self.core)
        answers(self.house.ports.vault, "/healthz", "vault.localhost")
        self.seeded = asyncio.run(self._seed())
        self.run("console", self.core)
        answers(self.house.ports.console, "/healthz", "console.localhost")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in ("proxy", "console", "vault"):
            self.stop(name)

    @property
    def port(self) -> int:
        """Of the proxy."""
        return self.house.ports.proxy

    def start_proxy(
        self, cores: set[int], *, limits: Mapping[str, Any] | None = None, then: bool = True, **proxy: Any
    ) -> int:
        """Start it on these cores, ready to answer unless `then` is false; gives its process id."""
        changed = msgspec.structs.replace(
            self._settings,
            proxy=msgspec.structs.replace(self._settings.proxy, **proxy),
            limits=msgspec.structs.replace(self._settings.limits, **(limits or {})),
        )
        self._write(changed)
        pid = self.run("proxy", *cores)
        if then:
            answers(self.house.ports.admin, "/-/connected", "localhost")
        return pid

    def run(self, name: str, *cores: int) -> int:
        """One process; what it says goes to a file of its own."""
        command = (sys.executable, "-m", "sealgate", "run", name, "--config", str(self.house.settings_path))
        with (self.house.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(pinned(set(cores), command), stdout=out, stderr=out)
        self._running[name] = process
        return process.pid

    def stop(self, name: str) -> None:
        """End one process and wait for it."""
        process = self._running.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def tokens(self, count: int) -> list[str]:
        """Session tokens of as many users, each for an hour."""
        signer = SessionSigner(
            self.seeded.application, self.house.settings.instance, self.house.signing_key()
        )
        rights = ("action:*", "api:*", "prompt")
        return [signer.token(f"user-{n}", permissions=rights, lifetime_s=3_600) for n in range(count)]

    def _write(self, settings: settings_file.Settings) -> None:
        settings_file.write(settings, self.house.settings_path)

    async def _seed(self) -> Seeded:
        seeded = await seed_console(self.house)
        await asyncio.to_thread(set_policy, self.house.settings.console_config(), seeded)
        ticket = await take_ticket(self.house, seeded)
        await asyncio.to_thread(deposit, self.house.settings.vault.url, ticket, KEY)
        row = await active_credential(self.house, seeded)
        assert row is not None
        await refer(self.house, row)
        return seeded


def set_policy(config: ConsoleConfig, seeded: Seeded) -> None:
    """Limits and budgets that count everything and refuse nothing."""
    policy = msgspec.structs.replace(starting_policy(MODELS), limits=LIMITS, budgets=BUDGETS)

    async def write() -> None:
        database = Database(config.database_path)
        try:
            async with database.writing() as tx:
                edit = Editing(tx, seeded.organization, None, time.time())
                await services.set_policy(edit, seeded.application, policy, "limits.changed")
        finally:
            await database.close()

    asyncio.run(write())


def pinned(cores: set[int], command: tuple[str, ...]) -> tuple[str, ...]:
    """The command on these cores alone."""
    return ("taskset", "-c", ",".join(str(core) for core in sorted(cores)), *command) if cores else command


def answers(port: int, path: str, host: str, within_s: float = START_S) -> None:
    """Wait until somebody answers 200 there."""
    end = time.monotonic() + within_s
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path, headers={"host": host})
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if time.monotonic() > end:
            raise TimeoutError(f"nothing answers {path} on port {port} within {within_s:.0f} s")
        time.sleep(0.01)


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def processor_s(pid: int) -> float:
    """Time on a core so far, of a process and all that it started (proc(5), fields 14 and 15)."""
    spent = 0.0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        spent += (int(fields[11]) + int(fields[12])) / TICKS_S
    return spent


def memory_kb(pid: int, kind: str = "Pss") -> int:
    """Memory that is its own, and its share of what is not; `Pss_Anon`: without files that it has mapped."""
    total = 0
    for each in family(pid):
        lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    return total
