"""The parts of one proxy, as a request meets them; made once in `process.py` and passed in.

Counterpart: `visit.py` and `exchange.py`, which use them. Holds no state of a request but the set of those
that run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from sealgate.log import Log
from sealgate.messages.feed import Outcome
from sealgate.proxy.applications import Applications, Known
from sealgate.proxy.breaker import Breakers
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.credentials import Credentials
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.held_keys import HeldKeys
from sealgate.proxy.journal import Journal
from sealgate.proxy.ledger import Ledger
from sealgate.proxy.limits import SessionLimits
from sealgate.proxy.script import Script
from sealgate.proxy.sessions import Sessions
from sealgate.proxy.store import Counts
from sealgate.proxy.telemetry import Telemetry
from sealgate.proxy.upstream import Pool
from sealgate.proxy.wire.write import Field


class ClientSide(Protocol):
    """What an exchange may do with its client's connection."""

    def limit_body(self, limit_bytes: int) -> None:
        """Refuse a larger body (raises `WireError`)."""

    def take_body(self) -> None:
        """Let the body come."""

    def answer(self, status: int, headers: list[Field], body: bytes, shared: tuple[Field, ...] = ...) -> None:
        """One whole answer; `shared` headers are those that many answers carry."""

    def start(self, headers: list[Field], shared: tuple[Field, ...]) -> None:
        """Begin a streamed 200."""

    def send(self, data: bytes) -> None:
        """The next bytes of the stream."""

    def finish(self, data: bytes) -> None:
        """The last bytes of the stream, and its end."""

    def cut(self) -> None:
        """Close at once: there is nobody to tell."""


class Running(Protocol):
    """An exchange between admission and its outcome."""

    deadline_s: float
    """Monotonic; `time_passed` is called once it is over."""
    credential: tuple[str, int]
    """(credential, version) that it runs on; version 0 until it is opened."""

    def time_passed(self, now_s: float) -> None:
        """The deadline is over."""

    def revoke_unless(self, application: str, now: Known | None) -> None:
        """An application changed or is gone: end, if what this rests on is."""

    def end_with(self, error: ProxyError) -> None:
        """End now, with this error."""


@dataclass(slots=True)
class Parts:
    """Everything that a request needs."""

    config: ProxyConfig
    log: Log
    limits: SessionLimits
    counts: Counts
    applications: Applications
    sessions: Sessions
    keys: HeldKeys
    credentials: Credentials
    journal: Journal
    pool: Pool
    script: Script
    breakers: Breakers = field(default_factory=Breakers)
    failed_tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (error, what followed)."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    telemetry: Telemetry | None = None
    """Takes each exchange that ended; None where no collector is named."""
    running: set[Running] = field(default_factory=set)
    draining: bool = False
    """Who is connected is still served; nobody else comes, and each answer ends its connection."""
    stopped: bool = False
    """The time for that is over."""

    @property
    def ledger(self) -> Ledger:
        """What is counted, as this process knows it."""
        return self.counts.ledger

    def cut_credential(self, credential: str) -> int:
        """End what runs on a revoked credential; gives how many that were."""
        return self._cut([each for each in self.running if each.credential[0] == credential], "revoked")

    def cut_all(self) -> int:
        """End everything that still runs, at the end of the drain."""
        return self._cut(list(self.running), "stopped")

    def application_changed(self, application: str, now: Known | None) -> None:
        """End what rests on something that is no longer there."""
        for each in list(self.running):
            each.revoke_unless(application, now)

    def check_deadlines(self, now_s: float) -> None:
        """Tell those whose time is over."""
        for each in [each for each in self.running if now_s >= each.deadline_s]:
            each.time_passed(now_s)

    def _cut(self, running: list[Running], code: str) -> int:
        for each in running:
            each.end_with(ProxyError(code))
        return len(running)
