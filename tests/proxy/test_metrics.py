"""The page for Prometheus: its format by the book, bounded labels, and nothing of anybody's content."""

from __future__ import annotations

import re

import pytest

from sealgate.messages.feed import Outcome, UsageRecord
from sealgate.proxy.measures import Histogram, Measures
from tests.proxy.world import KEY, World

# Text exposition format 0.0.4.
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)")
LABELS = {"outcome", "endpoint", "direction", "le"}


class Page:
    """A parsed page. Parsing fails for whatever `promtool check metrics` would refuse."""

    def __init__(self, text: str) -> None:
        assert text.endswith("\n")
        self.kinds: dict[str, str] = {}
        self.values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self._helped: set[str] = set()
        family = ""
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                assert family not in self._helped, f"{family} stands twice"
                assert len(line.split(" ", 3)[3]) > 3
                self._helped.add(family)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == family
                assert kind in {"counter", "gauge", "histogram"}
                assert (kind == "counter") == name.endswith("_total")
                self.kinds[name] = kind
            else:
                self._sample(line, family)
        self._check_histograms()

    def _sample(self, line: str, family: str) -> None:
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        suffix = name.removeprefix(family)
        allowed = {"_bucket", "_sum", "_count"} if self.kinds[family] == "histogram" else {""}
        assert name.startswith(family), line
        assert suffix in allowed, line
        pairs = frozenset(re.findall(r'([a-z_]+)="([^"]*)"', labels or ""))
        assert {label for label, _ in pairs} <= LABELS, line
        assert (name, pairs) not in self.values, f"{line} stands twice"
        self.values[name, pairs] = float(value)

    def _check_histograms(self) -> None:
        for family in (name for name, kind in self.kinds.items() if kind == "histogram"):
            series: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
            for (name, labels), value in self.values.items():
                if name == f"{family}_bucket":
                    bound = float(dict(labels)["le"])
                    series.setdefault(labels - {("le", dict(labels)["le"])}, []).append((bound, value))
            for labels, buckets in series.items():
                counts = [count for _, count in sorted(buckets)]
                assert counts == sorted(counts), family
                assert sorted(buckets)[-1] == (float("inf"), self.values[f"{family}_count", labels])
                assert (f"{family}_sum", labels) in self.values

    def value(self, name: str, **labels: str) -> float:
        return self.values[f"sealgate_proxy_{name}", frozenset(labels.items())]


async def page(world: World) -> Page:
    answer = await world.admin("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Page(answer.body.decode())


async def test_an_idle_proxy_has_a_page_that_parses(world: World) -> None:
    found = await page(world)
    assert found.value("running") == 0
    assert found.value("vault_connected") == 1
    assert found.value("resident_memory_bytes") > 1e6


async def test_exchanges_are_counted_and_timed_by_endpoint(world: World) -> None:
    for _ in range(3):
        await world.chat()
    found = await page(world)
    assert found.value("requests_total", outcome="completed") == 3
    assert found.value("exchanges_total", endpoint="chat.completions", outcome="completed") == 3
    assert found.value("duration_seconds_count", endpoint="chat.completions") == 3
    assert found.value("tokens_total", endpoint="chat.completions", direction="output") > 0
    assert found.value("credentials_held") == 1
    assert found.value("upstream_idle") == 1


def test_the_first_byte_is_timed_where_there_was_one() -> None:
    measures = Measures()
    for first_byte_ms in (0, 120):
        measures.settled(
            UsageRecord(
                *(1, "req", 0.0, "org", "app", "pseudonym", "chat.completions", "", "gpt-sim"),
                *(Outcome.COMPLETED, 200, 10, 5, 0, False, first_byte_ms, 900),
            )
        )
    samples = list(measures.first_bytes["chat.completions"].samples("x", {}))
    assert ("x_count", {}, 1) in samples
    assert ("x_sum", {}, 0.12) in samples


async def test_nothing_of_a_request_reaches_the_page(world: World) -> None:
    await world.chat()
    browser = await world.browser(world.running.port)
    browser.send(b"GET /v1/canary-path HTTP/1.1\r\nhost: localhost\r\nuser-agent: canary-agent\r\n\r\n")
    await browser.answer()
    body = (await world.admin("/metrics")).body
    host = world.provider.origin.removeprefix("https://").encode()
    for secret in (KEY.encode(), b"canary", b"user-1", world.application.encode(), host, b"127.0.0.1"):
        assert secret not in body


async def test_every_outcome_has_its_series_from_the_start(world: World) -> None:
    found = await page(world)
    for outcome in Outcome:
        assert found.value("requests_total", outcome=outcome.value) == 0


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.05, "0.1"), (0.1, "0.1"), (0.1001, "0.5"), (0.5, "0.5"), (9.0, "+Inf")]
)
def test_a_value_counts_in_the_first_bucket_that_holds_it(value: float, bucket: str) -> None:
    histogram = Histogram((0.1, 0.5))
    histogram.observe(value)
    counts = [count for name, _, count in histogram.samples("x", {}) if name == "x_bucket"]
    bounds = [labels["le"] for name, labels, _ in histogram.samples("x", {}) if name == "x_bucket"]
    assert bounds[counts.index(1)] == bucket
