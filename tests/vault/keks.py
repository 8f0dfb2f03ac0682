"""Rings of KEKs for the vault's tests: a still vault with some organizations, and what is wrapped by what."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.operating import KekReport
from sealgate.vault.approvals import Action, Approvals
from sealgate.vault.events import EVENTS
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.kek_changes import KekChanges
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.proposals import Proposals
from tests.vault.deployment import Addresses, canary_key, ticket_order, vault_config
from tests.vault.still import StillVault

Answer = TypeVar("Answer")


class Everything:
    """Approves whatever is asked, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def require(self, action: Action, subject: str) -> str:
        self.asked.append(f"{action.value}:{subject}")
        return ""

    def use_up(self, proposal: str) -> None:
        """Nothing to note."""


class Ring:
    """A still vault whose KEKs can be changed; `with` closes it."""

    def __init__(
        self, folder: Path, kek: KekConfig | None = None, *, approvals: Approvals | None = None
    ) -> None:
        self.log = io.StringIO()
        config = vault_config(folder)
        log = LineLog("vault", EVENTS, self.log)
        foundation = lay_foundation(config.data_dir, config.instance, log, kek)
        self.vault = StillVault(folder, foundation)
        self.ring = foundation.kek
        self.keks = foundation.keks
        administrators = self.vault.stores.administrators
        self.proposals = Proposals(
            config.instance, config.public_url, foundation, administrators, clock=self.vault.clock, log=log
        )
        self.changes = KekChanges(
            config.instance,
            foundation,
            approvals or self.proposals,
            clock=self.vault.clock,
            log=log,
            again_after_s=0.0,
        )

    def __enter__(self) -> Ring:
        return self

    def __exit__(self, *_error: object) -> None:
        self.vault.foundation.close()

    def do(self, change: Callable[[KekChanges], Awaitable[Answer]]) -> Answer:
        """Ask for one change and wait until nothing is being wrapped anew."""

        async def act() -> Answer:
            answer = await change(self.changes)
            await self.changes.settled()
            return answer

        return asyncio.run(act())

    def rotate(self) -> KekReport:
        self.do(lambda changes: changes.rotate(""))
        return self.report()

    def resume(self) -> KekReport:
        """What the process does at its start."""

        async def act() -> KekReport:
            self.changes.resume()
            await self.changes.settled()
            return await self.changes.report()

        return asyncio.run(act())

    def report(self) -> KekReport:
        return asyncio.run(self.changes.report())

    def counts(self) -> dict[str, int]:
        """Rows by the version that they name."""
        return {each.version: each.rows for each in self.report().items if each.rows}


class Kept:
    """Keys that were deposited, and who may ask for them."""

    def __init__(self, vault: StillVault, organizations: int = 3) -> None:
        self.keys: list[tuple[Addresses, str, bytes]] = []
        for _ in range(organizations):
            at, key = Addresses(new_id("org"), new_id("app")), canary_key()
            self.keys.append((at, vault.deposit(ticket_order(at), key), key))

    def all_open(self, vault: StillVault) -> bool:
        """True if each comes out as it went in, pseudonym keys and all."""
        return all(vault.opens(at, credential) == key for at, credential, key in self.keys)
