"""The operator's port: is it alive, is it ready, and what has it done; without content.

Counterpart: a supervisor or a load balancer. On loopback by default. Must never show a key or a person.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, cast

import msgspec

from sealgate.proxy.applications import Known
from sealgate.proxy.breaker import Breaker
from sealgate.proxy.lines import described
from sealgate.proxy.metrics import metrics_page
from sealgate.proxy.parts import Parts
from sealgate.proxy.pool_counts import Count, pool_counts
from sealgate.proxy.spending import now
from sealgate.proxy.wire.errors import WireError
from sealgate.proxy.wire.events import RequestEnd, RequestHead, WireLimits
from sealgate.proxy.wire.requests import RequestReader
from sealgate.proxy.wire.write import response_head

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Page = Callable[["Admin"], tuple[int, Json]]
LIMITS_SHOWN: Final = 50
APPLICATIONS_SHOWN: Final = 1_000
METRICS: Final = b"/metrics"
TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"
_encode = msgspec.json.Encoder().encode


class Admin:
    """What the pages show. `connected` tells of the vault and the console."""

    def __init__(
        self, parts: Parts, connected: Callable[[], Mapping[str, bool]], host_names: frozenset[bytes]
    ) -> None:
        self.parts, self.connected, self.host_names = parts, connected, host_names

    def connection(self) -> AdminConnection:
        """The protocol of a new connection."""
        return _Connection(self)

    def answer(self, method: bytes, target: bytes) -> tuple[int, Json | bytes]:
        """Status and body of one request; a body of bytes is the page for Prometheus."""
        refused = self.refused(method, target)
        if refused is not None:
            return refused
        if target == METRICS:
            return 200, metrics_page(self.parts, self.connected())
        return PAGES[target].page(self)

    @staticmethod
    def refused(method: bytes, target: bytes) -> tuple[int, Json] | None:
        """Why there is no such page; None where there is one."""
        if target not in PAGES and target != METRICS:
            return 404, {"error": "not_found", "pages": [path.decode() for path in (*PAGES, METRICS)]}
        return None if method in (b"GET", b"HEAD") else (405, {"error": "method_not_allowed"})


def _health(_admin: Admin) -> tuple[int, Json]:
    return 200, {"status": "ok"}


def _ready(admin: Admin) -> tuple[int, Json]:
    """Ready means: takes requests. A vault that is away does not flip it: held keys serve on, and others
    would be refused no better elsewhere."""
    connected: dict[str, Json] = dict(admin.connected())
    journal = admin.parts.journal.ready()
    informed = admin.parts.applications.informed
    ready = journal and informed and not admin.parts.draining
    return (200 if ready else 503), {
        "ready": ready,
        "draining": admin.parts.draining,
        "journal": journal,
        "informed": informed,
        "connected": connected,
    }


def _connected(admin: Admin) -> tuple[int, Json]:
    """Ready, and connected to both: a start on one machine is over. Later on, `/readyz` is the one to ask."""
    connected = admin.connected()
    whole = all(connected.values()) and _ready(admin)[0] == 200
    return (200 if whole else 503), dict(connected)


def _outcomes(admin: Admin) -> tuple[int, Json]:
    counted: dict[str, Json] = {
        outcome.value: count for outcome, count in sorted(admin.parts.outcomes.items())
    }
    return 200, {"running": len(admin.parts.running), "outcomes": counted}


def _pool(admin: Admin) -> tuple[int, Json]:
    """By origin: connections, where its name was found, and the credentials that are left alone there."""
    parts, now_s = admin.parts, time.monotonic()
    counts, addresses = pool_counts(parts.pool), parts.pool.way_out.addresses
    breakers: dict[str, list[Json]] = {}
    for (origin, credential, model), breaker in parts.breakers.shown(now_s):
        breakers.setdefault(origin, []).append(_breaker(credential, model, breaker, now_s))
    origins: dict[str, Json] = {}
    for origin in sorted({*counts, *breakers}):
        count = counts.get(origin, Count())
        origins[origin] = {
            "idle": count.idle,
            "busy": count.busy,
            "addresses": list(addresses.get(origin, ())),
            "breakers": breakers.get(origin, []),
        }
    return 200, {
        "origins": origins,
        "connecting": len(parts.pool.connecting),
        "credentials_held": len(parts.keys),
    }


def _breaker(credential: str, model: str, breaker: Breaker, now_s: float) -> Json:
    left_s = round(breaker.left_s(now_s), 1)
    return {
        "credential": credential,
        "model": model or None,
        "state": breaker.state(now_s).value,
        "left_s": left_s,
        "code": breaker.code,
    }


def _applications(admin: Admin) -> tuple[int, Json]:
    """What is known of each, the least recently used first: ids, revision and age, nothing of their rules."""
    applications = admin.parts.applications
    return 200, {
        "count": len(applications),
        "confirmed_s_ago": round(applications.confirmed_s_ago(), 1),
        "known": [_application(each) for each in itertools.islice(applications.all(), APPLICATIONS_SHOWN)],
    }


def _application(known: Known) -> Json:
    document = known.document
    return {
        "application": document.application,
        "organization": document.organization,
        "version": document.version,
        "age_s": round(time.monotonic() - known.since_s, 1),
        "active": document.active,
        "session_keys": len(known.keys),
        "plans": len(known.plans) - 1,
        "sources": [
            {"credential": way.opening.credential, "origin": way.opening.origin} for way in known.ways
        ],
    }


def _limits(admin: Admin) -> tuple[int, Json]:
    """What budgets count: the keys nearest to their end, by pseudonym; and what was refused."""
    ledger = admin.parts.ledger
    ledger.forget(now())
    top: list[Json] = [
        {**described(key), "used": int(each.used), "held": each.held, "most": each.most}
        for key, each in ledger.top(LIMITS_SHOWN)
    ]
    refused: list[Json] = [
        {"scope": scope, "measure": measure, "window": window, "count": count}
        for (scope, measure, window), count in sorted(ledger.refused.items())
    ]
    return 200, {"counters": len(ledger), "top": top, "refused": refused}


class Shown(NamedTuple):
    """A page, and what the reference says of it."""

    page: Page
    meaning: str


PAGES: Final[Mapping[bytes, Shown]] = {
    b"/healthz": Shown(_health, "It lives."),
    b"/readyz": Shown(_ready, "It takes requests (200) or does not (503), and why."),
    b"/-/connected": Shown(_connected, "Ready, and connected to vault and console: a start is over."),
    b"/-/outcomes": Shown(_outcomes, "Exchanges that run, and requests by how they ended."),
    b"/-/pool": Shown(
        _pool,
        "Per origin: idle and busy connections, the addresses its name had last, credentials that are left "
        "alone and for how long. Opened keys by number.",
    ),
    b"/-/applications": Shown(
        _applications,
        "The applications that it knows: ids, revision, age in seconds, sources; how long ago the console "
        f"confirmed them. The first {APPLICATIONS_SHOWN:,}; none of their rules.",
    ),
    b"/-/limits": Shown(
        _limits, f"The {LIMITS_SHOWN} counts of budgets nearest to their end, by pseudonym; refusals."
    ),
}
METRICS_MEANING: Final = "The same sums for Prometheus."


class AdminConnection(asyncio.Protocol):
    """One request, one answer, closed."""

    def __init__(self, host_names: frozenset[bytes]) -> None:
        self._reader = RequestReader(WireLimits(body_bytes=0), host_names)
        self._head: RequestHead | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """An operator is here."""
        # A cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the request is whole."""
        try:
            events = self._reader.feed(data)
        except WireError as error:
            self.answer(error.status, {"error": error.code})
            return
        for event in events:
            if isinstance(event, RequestHead):
                self._head = event
            elif isinstance(event, RequestEnd) and self._head is not None:
                self.asked(self._head.method, self._head.target)

    def asked(self, method: bytes, target: bytes) -> None:
        """Call `answer`, now or later."""
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        """The operator is gone."""
        self._transport = None

    def answer(self, status: int, body: Json | bytes) -> None:
        """The one answer."""
        if self._transport is None:
            return
        plain = isinstance(body, bytes)
        encoded = body if isinstance(body, bytes) else _encode(body)
        headers = [(b"content-type", TEXT if plain else b"application/json"), (b"cache-control", b"no-store")]
        head = response_head(status, headers, length_bytes=len(encoded), keep_alive=False)
        bodyless = self._head is not None and self._head.method == b"HEAD"
        self._transport.write(head if bodyless else head + encoded)
        self._transport.close()


class _Connection(AdminConnection):
    """What this process knows, at once."""

    def __init__(self, admin: Admin) -> None:
        super().__init__(admin.host_names)
        self._admin = admin

    def asked(self, method: bytes, target: bytes) -> None:
        """Answer."""
        self.answer(*self._admin.answer(method, target))
