"""The audit of a vault that is not running: its parts on real files, for what tests do to them."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from sealgate.log import LineLog
from sealgate.messages.auditing import AuditChecked, CheckAudit
from sealgate.messages.client import Client
from sealgate.messages.operating import OPERATOR_SOCKET, OperatorReply
from sealgate.vault.audit import Audit
from sealgate.vault.audit_check import Examination
from sealgate.vault.audit_queue import AuditedLog, AuditQueue
from sealgate.vault.audit_rows import parse_link
from sealgate.vault.config import VaultConfig
from sealgate.vault.events import EVENTS
from sealgate.vault.foundation import lay_foundation
from tests.vault.deployment import Clock, connected, vault_config

DAY_S = 86_400.0


class StillAudit:
    """Opens the files in a folder; `with` closes them, as a killed process would, without a word."""

    def __init__(self, folder: Path, *, days: float = 400, limit: int = 10_000) -> None:
        self.config = vault_config(folder)
        self.lines = io.StringIO()
        self.clock = Clock()
        self.queue = AuditQueue(self.clock, limit)
        self.log = AuditedLog(LineLog("vault", EVENTS, self.lines), EVENTS, self.queue)
        self.base = lay_foundation(self.config.data_dir, self.config.instance, self.log, None, self.clock)
        self.audit = Audit(
            self.config.data_dir, self.base, self.queue, days=days, clock=self.clock, log=self.log
        )

    def __enter__(self) -> StillAudit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.base.close()

    @property
    def path(self) -> Path:
        return self.config.data_dir / "vault.db"

    @property
    def head(self) -> Path:
        return self.config.data_dir / "audit-head"

    def write(self, count: int) -> None:
        """Entries, in the order of their versions."""
        for number in range(count):
            self.log("deposited", version=number + 1)
        self.audit.flush()

    def found(self, noted: str = "") -> list[tuple[str, int, int]]:
        """What the check finds: (fault, first, last)."""
        examination = self.audit.examine(parse_link(noted) if noted else None)
        return faults(examination)


def faults(examination: Examination) -> list[tuple[str, int, int]]:
    """What an examination finds, once it went through."""
    for _piece in examination.pieces():
        pass
    return [(each.fault.value, each.number, each.until) for each in examination.findings]


def rows(path: Path, event: str = "") -> list[tuple[int, str, Mapping[str, Any]]]:
    """(number, event, fields) of every entry, or of one event's."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT number, event, details FROM audit ORDER BY number").fetchall()
    return [
        (number, name, msgspec.json.decode(details)) for number, name, details in found if event in {"", name}
    ]


def edit(path: Path, *statements: str) -> None:
    """Write into vault.db as somebody who stole its file permissions, but not the KEK."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


async def audit_checked(config: VaultConfig) -> AuditChecked:
    """What a running vault's check finds, asked as its operator."""
    async with operator(config) as client:
        answer = await client.ask(CheckAudit())
    assert isinstance(answer, AuditChecked)
    return answer


@asynccontextmanager
async def operator(config: VaultConfig) -> AsyncIterator[Client]:
    """The operator's connection to a running vault."""
    client, task = await connected(config, OPERATOR_SOCKET, "operator", OperatorReply)
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
