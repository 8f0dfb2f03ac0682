"""The demo while it runs: keepers first (provider, vault), then the key, then the servers.

`start_keepers`, `deposit_and_seed`, `start_servers`, `stop`: in this order, once each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sealgate.console.seed import Seeded
from sealgate.demo.deposit import active_credential, deposit
from sealgate.demo.house import House
from sealgate.demo.programs import programs, write_newsletter_config
from sealgate.demo.seeding import refer, seed_console, take_ticket
from sealgate.log import LineLog
from sealgate.messages.tickets import CredentialRow
from sealgate.supervisor import EVENTS, Supervisor


class Running:
    """A supervisor with the demo's programs. `on_line` gets every log line of every process."""

    def __init__(self, house: House, on_line: Callable[[str], None]) -> None:
        self._house = house
        self._programs = programs(house)
        self._supervisor = Supervisor(LineLog("supervisor", EVENTS, _Lines(on_line)), on_line)
        self._stopped = False

    @property
    def refused(self) -> asyncio.Event:
        """Set once a program refused its configuration."""
        return self._supervisor.refused

    async def start_keepers(self) -> None:
        """Start what holds things: the simulated provider, if there is one, and the vault."""
        await self._start(*(name for name in ("simulator", "vault") if name in self._programs))

    async def start_servers(self) -> None:
        """Start what people talk to; the console first, so that the proxy begins with what it says today."""
        await self._start("console")
        await self._start("proxy", "newsletter")

    async def deposit_and_seed(self, key: bytes) -> tuple[Seeded, CredentialRow]:
        """Seed the console, and deposit the key unless the application has it already.

        A simulated key is as good as any other; a real one takes the place of the one before it.
        """
        house = self._house
        seeded = await seed_console(house)
        row = await active_credential(house, seeded)
        other = row is not None and row.last_four != key[-4:].decode("ascii")
        if row is None or (other and not house.provider.simulated):
            ticket = await take_ticket(house, seeded)
            await asyncio.to_thread(deposit, house.settings.vault.url, ticket, key)
            row = await active_credential(house, seeded)
        assert row is not None, "the vault accepted a key and does not list it"
        await refer(house, row)
        write_newsletter_config(house, seeded.application)
        return seeded, row

    def pids(self) -> list[int]:
        """Process ids of everything that runs."""
        found = (self._supervisor.pid(name) for name in self._programs)
        return [pid for pid in found if pid is not None]

    async def stop(self) -> None:
        """Drain everything; safe to call twice."""
        if not self._stopped:
            self._stopped = True
            await self._supervisor.stop()

    async def _start(self, *names: str) -> None:
        for name in names:
            self._supervisor.start(self._programs[name])
        await self._supervisor.ready(names)


class _Lines:
    """The part of a text stream that the line log needs, as a callback per line."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line

    def write(self, text: str) -> None:
        self._on_line(text.rstrip("\n"))

    def flush(self) -> None:
        """Nothing is held back."""
