"""What the console does at start and once a day: deletes what is too old, prices usage, checks the record.

Counterpart: `process`, which runs it beside the pages. A failure is logged by its type and place, and tried
again at the next turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from sealgate.console.audit.checking import AuditReport, check_audit
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database
from sealgate.console.failures import where
from sealgate.console.retention.services import sweep
from sealgate.console.usage.prices import Prices
from sealgate.console.usage.pricing import price_waiting
from sealgate.log import Log

EVERY_S = 86_400.0


class AuditCheck(Struct, frozen=True):
    """What the last check of the record of changes found, and when."""

    report: AuditReport
    at: float


class Housekeeping:
    """One turn at start, one each day, and one whenever it is asked for."""

    def __init__(
        self,
        config: ConsoleConfig,
        database: Database,
        prices: Prices,
        log: Log,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._database = database
        self._prices = prices
        self._log = log
        self._now = now
        self._wanted = asyncio.Event()
        self.last_check: AuditCheck | None = None

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            self._wanted.clear()
            try:
                await self.turn()
            except (SQLAlchemyError, OSError, ValueError) as error:
                self._log("housekeeping_failed", kind=type(error).__name__, where=where(error))
            # Not `wait_for`: until Python 3.12 it forgets a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wanted.wait()

    def ask(self) -> None:
        """Have a turn taken now."""
        self._wanted.set()

    async def turn(self) -> None:
        """Do everything once."""
        swept = await sweep(self._database, self._now())
        self._log("swept", usage=swept.usage, sign_ins=swept.sign_ins, invitations=swept.invitations)
        priced = await price_waiting(self._database, self._prices)
        if priced:
            self._log("usage_priced", rows=priced, table=self._prices.name)
        await self.check()

    async def check(self) -> None:
        """Check the record of changes."""
        report = await asyncio.to_thread(check_audit, self._config)
        self.last_check = AuditCheck(report, self._now())
        if report.sound:
            self._log("audit_whole", entries=report.entries, head=report.end.text())
        else:
            self._log("audit_broken", findings=len(report.findings), fault=report.findings[0].fault.value)
