"""What Prometheus may know of a proxy: counts, times and states; never content, never who.

Counterparts: `measures.py` counts, `admin.py` shows the page. Labels come from literal tables alone
(outcome, endpoint, direction), so that nothing a client sends can make a series.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from sealgate.messages.feed import Outcome
from sealgate.proxy.measures import Measures, Sample
from sealgate.proxy.parts import Parts
from sealgate.proxy.pool_counts import pool_counts
from sealgate.proxy.store import SharedCounts

PREFIX = "sealgate_proxy_"
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def metrics_page(parts: Parts, connected: Mapping[str, bool]) -> bytes:
    """The text exposition format, version 0.0.4."""
    lines: list[str] = []
    for name, kind, meaning, samples in _families(parts, connected):
        lines += (f"# HELP {PREFIX}{name} {meaning}", f"# TYPE {PREFIX}{name} {kind}")
        lines += (_line(*sample) for sample in samples)
    return ("\n".join(lines) + "\n").encode()


Family = tuple[str, str, str, Iterable[Sample]]


def _families(parts: Parts, connected: Mapping[str, bool]) -> Iterator[Family]:
    measures = parts.journal.measures
    yield (
        "requests_total",
        "counter",
        "Requests by how they ended, those refused at once too.",
        [("requests_total", {"outcome": each.value}, parts.outcomes[each]) for each in Outcome],
    )
    yield (
        "exchanges_total",
        "counter",
        "Exchanges that were begun with a provider, by endpoint and outcome.",
        [
            ("exchanges_total", {"endpoint": endpoint, "outcome": outcome.value}, count)
            for (endpoint, outcome), count in sorted(measures.outcomes.items())
        ],
    )
    yield (
        "tokens_total",
        "counter",
        "Tokens as the provider counts them, or as estimated.",
        [
            ("tokens_total", {"endpoint": endpoint, "direction": direction}, count)
            for (endpoint, direction), count in sorted(measures.tokens.items())
        ],
    )
    yield (
        "budget_refusals_total",
        "counter",
        "Exchanges that were refused or cut because a budget had no room.",
        [
            ("budget_refusals_total", {"scope": scope, "measure": measure, "window": window}, count)
            for (scope, measure, window), count in sorted(parts.ledger.refused.items())
        ],
    )
    yield from _forgeries(parts)
    yield from _tries(parts)
    if isinstance(parts.counts, SharedCounts):
        yield (
            "decided_alone_total",
            "counter",
            "Exchanges that were decided while the limit store was away.",
            [("decided_alone_total", {}, parts.counts.alone)],
        )
    yield from _histograms(measures)
    for name, meaning, value in _gauges(parts, connected):
        yield name, "gauge", meaning, [(name, {}, value)]


def _forgeries(parts: Parts) -> Iterator[Family]:
    forgeries = parts.sessions.forgeries
    for name, meaning, count in (
        ("forged_sessions_total", "Session tokens whose signature was wrong.", forgeries.counted),
        ("unread_sessions_total", "Tokens not looked at, after many such.", forgeries.unread),
    ):
        yield name, "counter", meaning, [(name, {}, count)]


def _tries(parts: Parts) -> Iterator[Family]:
    yield (
        "failed_tries_total",
        "counter",
        "Tries that failed where another might follow, by error and by what followed.",
        [
            ("failed_tries_total", {"code": code, "followed_by": followed}, count)
            for (code, followed), count in sorted(parts.failed_tries.items())
        ],
    )
    yield (
        "breakers_opened_total",
        "counter",
        "How often a credential was left alone at its provider, as it failed.",
        [("breakers_opened_total", {}, parts.breakers.opened)],
    )


def _histograms(measures: Measures) -> Iterator[Family]:
    for name, meaning, histograms in (
        ("duration_seconds", "Time of an exchange from its request to its outcome.", measures.durations),
        ("first_byte_seconds", "Time from the request to the provider's first byte.", measures.first_bytes),
    ):
        samples = [
            sample
            for endpoint, histogram in sorted(histograms.items())
            for sample in histogram.samples(name, {"endpoint": endpoint})
        ]
        yield name, "histogram", meaning, samples


def _gauges(parts: Parts, connected: Mapping[str, bool]) -> Iterator[tuple[str, str, float]]:
    pool = pool_counts(parts.pool).values()
    journal = parts.journal
    yield "running", "Exchanges that run now.", len(parts.running)
    yield "upstream_open", "Connections to providers.", sum(count.idle + count.busy for count in pool)
    yield (
        "upstream_idle",
        "Connections to providers that wait for an exchange.",
        sum(count.idle for count in pool),
    )
    yield "credentials_held", "Provider keys that stand opened in memory.", len(parts.keys)
    yield (
        "breakers_open",
        "Credentials that are left alone at their provider now.",
        parts.breakers.open_count(time.monotonic()),
    )
    yield "applications_known", "Applications whose settings are known.", len(parts.applications)
    yield "budget_counters", "Counts of budgets in memory.", len(parts.ledger)
    if isinstance(parts.counts, SharedCounts):
        yield "limit_store_connected", "1 while the limit store answers.", parts.counts.connected
        yield "limit_store_owed", "Calls' worth of use that it has not counted yet.", parts.counts.owed
    if parts.telemetry is not None:
        yield "telemetry_delivering", "1 while the collector takes traces.", bool(parts.telemetry.delivering)
        yield "telemetry_dropped", "Exchanges that it was not told of in time.", parts.telemetry.dropped
    yield "journal_segments", "Segments of the journal on disk.", journal.segment_count
    yield "journal_ready", "1 if new exchanges find room in the journal.", journal.ready()
    yield "draining", "1 while it stops.", parts.draining
    for name, held in sorted(connected.items()):
        yield f"{name}_connected", f"1 while the {name} can be asked.", held
    yield "resident_memory_bytes", "Memory of the process.", _resident_bytes()
    yield "open_files", "Open files and sockets of the process.", len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    number = int(value) if isinstance(value, bool) else value
    shown = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{PREFIX}{name}{{{shown}}} {number}" if shown else f"{PREFIX}{name} {number}"
