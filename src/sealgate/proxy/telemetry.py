"""Sends traces and metrics to the collector that the operator names: of exchanges that ended, in batches.

Counterparts: `exchange.py` hands over each record as it ends, `spans.py` and `otlp.py` say what is sent. An
exchange pays one append; the rest happens in a thread. What a collector does not take in time is dropped and
counted: it never holds up a request, and never holds more memory than the bounds here.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from typing import Final

from sealgate.log import Log
from sealgate.messages.feed import Outcome, UsageRecord
from sealgate.proxy import otlp
from sealgate.proxy.egress import tls_context
from sealgate.proxy.spans import Parent, Span, operation, parse_traceparent, provider, span_of
from sealgate.proxy.telemetry_config import TelemetryConfig, parse_collector

ENDED_MOST: Final = 10_000
SPANS_MOST: Final = 4_096
SPANS_AT_ONCE: Final = 512
SERIES_MOST: Final = 1_000
OTHER: Final = "_OTHER"
TOKENS: Final = tuple(float(4**power) for power in range(14))
SECONDS: Final = tuple(0.01 * 2**power for power in range(14))
"""The bounds that OpenTelemetry's conventions for generative AI recommend."""
_LATER: Final = frozenset({429, 502, 503, 504})
_ANSWER_MOST_BYTES: Final = 65_536

Ended = tuple[UsageRecord, bytes | None]
Key = tuple[tuple[str, str], ...]


class NotDeliveredError(Exception):
    """The collector did not take it; `str` is a code for the log. `final`: nor will it later."""

    def __init__(self, code: str, *, final: bool = False) -> None:
        super().__init__(code)
        self.final = final


class Series:
    """Counts by attributes, up to so many; further ones are counted as of another model."""

    def __init__(self, name: str, unit: str, bounds: tuple[float, ...]) -> None:
        self._name, self._unit, self._bounds = name, unit, bounds
        self._kept: dict[Key, tuple[list[int], list[float]]] = {}

    def observe(self, attributes: Mapping[str, str], value: float) -> None:
        """One more value."""
        key = tuple(attributes.items())
        if key not in self._kept and len(self._kept) >= SERIES_MOST:
            key = tuple({**attributes, "gen_ai.request.model": OTHER}.items())
        counts, total = self._kept.setdefault(key, ([0] * (len(self._bounds) + 1), [0.0]))
        counts[bisect_left(self._bounds, value)] += 1
        total[0] += value

    def told(self) -> otlp.Distribution:
        """For the collector."""
        points = [
            otlp.Point(dict(key), self._bounds, counts, total[0])
            for key, (counts, total) in self._kept.items()
        ]
        return otlp.Distribution(self._name, self._unit, points)


class Telemetry:
    """`ended` for every exchange; `run` sends until cancelled, `close` sends what is left, once."""

    def __init__(
        self, config: TelemetryConfig, resource: Mapping[str, str], outcomes: Mapping[Outcome, int], log: Log
    ) -> None:
        from importlib.metadata import version

        self._config, self._outcomes, self._log = config, outcomes, log
        self._collector = parse_collector(config.endpoint)
        self._context = tls_context(config.ca_file) if self._collector.tls else None
        self._resource = {
            "service.name": "sealgate-proxy",
            "service.version": version("sealgate"),
            **resource,
        }
        self._since_ns = time.time_ns()
        self._ended: deque[Ended] = deque()
        self._spans: deque[Span] = deque()
        self._tokens = Series("gen_ai.client.token.usage", "{token}", TOKENS)
        self._durations = Series("gen_ai.client.operation.duration", "s", SECONDS)
        self._first_bytes = Series("sealgate.client.time_to_first_byte", "s", SECONDS)
        self._told_s = 0.0
        self._one = asyncio.Lock()
        self.dropped = 0
        self.delivering: bool | None = None
        """Whether the last delivery arrived; None before the first."""

    def ended(self, record: UsageRecord, traceparent: bytes | None) -> None:
        """An exchange has its outcome; never waits."""
        if len(self._ended) < ENDED_MOST:
            self._ended.append((record, traceparent))
        else:
            self.dropped += 1

    async def run(self) -> None:
        """Send what ended, and the sums, at their paces."""
        while True:
            await asyncio.sleep(self._config.spans_every_s)
            now_s = time.monotonic()
            with_metrics = now_s - self._told_s >= self._config.metrics_every_s
            await self._deliver(with_metrics=with_metrics)
            if with_metrics:
                self._told_s = now_s

    async def close(self) -> None:
        """Send everything once more, at the end."""
        await self._deliver(with_metrics=True)

    async def _deliver(self, *, with_metrics: bool) -> None:
        try:
            async with self._one:
                ended, self._ended = self._ended, deque()
                # Of this moment, as what ended is: the loop goes on counting while the thread sends.
                outcomes = dict(self._outcomes) if with_metrics else None
                await asyncio.to_thread(self._send, ended, outcomes)
        except NotDeliveredError as error:
            if self.delivering is not False:
                self._log("telemetry_lost", collector=self._collector.told, code=str(error))
            self.delivering = False
            return
        if self.delivering is False:
            self._log("telemetry_delivered", dropped=self.dropped)
        self.delivering = True

    # In the thread: one at a time, and all that it touches is its own.

    def _send(self, ended: deque[Ended], outcomes: Mapping[Outcome, int] | None) -> None:
        for record, traceparent in ended:
            self._count(record)
            self._keep(record, parse_traceparent(traceparent))
        while self._spans:
            batch = [self._spans[index] for index in range(min(SPANS_AT_ONCE, len(self._spans)))]
            try:
                self._post("/v1/traces", otlp.traces(self._resource, batch))
            except NotDeliveredError as error:
                if error.final:
                    self._give_up(len(batch))
                raise
            for _ in batch:
                self._spans.popleft()
        if outcomes is not None:
            self._post("/v1/metrics", self._metrics(outcomes))

    def _keep(self, record: UsageRecord, parent: Parent | None) -> None:
        """A caller may say that its trace is not kept; that it is, we decide."""
        if (parent is not None and not parent.sampled) or random.random() >= self._config.traces:  # noqa: S311
            return
        if len(self._spans) >= SPANS_MOST:
            self._give_up(1)
        self._spans.append(span_of(record, parent, os.urandom(24)))

    def _give_up(self, count: int) -> None:
        for _ in range(count):
            self._spans.popleft()
        self.dropped += count

    def _count(self, record: UsageRecord) -> None:
        of = {
            "gen_ai.operation.name": operation(record),
            "gen_ai.provider.name": provider(record),
            "gen_ai.request.model": record.model,
        }
        self._tokens.observe({**of, "gen_ai.token.type": "input"}, record.input_tokens)
        self._tokens.observe({**of, "gen_ai.token.type": "output"}, record.output_tokens)
        how = {"error.type": record.outcome.value} if record.outcome is not Outcome.COMPLETED else {}
        self._durations.observe({**of, **how}, record.duration_ms / 1000)
        if record.first_byte_ms:
            self._first_bytes.observe(of, record.first_byte_ms / 1000)

    def _metrics(self, counted: Mapping[Outcome, int]) -> bytes:
        told = [series.told() for series in (self._tokens, self._durations, self._first_bytes)]
        outcomes = [({"sealgate.outcome": each.value}, counted.get(each, 0)) for each in Outcome]
        sums = [
            otlp.Sum("sealgate.requests", "{request}", outcomes),
            otlp.Sum("sealgate.telemetry.dropped", "{exchange}", [({}, self.dropped)]),
        ]
        return otlp.metrics(self._resource, told, sums, self._since_ns, time.time_ns())

    def _post(self, path: str, body: bytes) -> None:
        """One request: no redirect is followed, and no variable of the environment is."""
        import http.client

        to, timeout_s = self._collector, self._config.timeout_s
        connection = (
            http.client.HTTPConnection(to.host, to.port, timeout=timeout_s)
            if self._context is None
            else http.client.HTTPSConnection(to.host, to.port, timeout=timeout_s, context=self._context)
        )
        try:
            connection.request("POST", to.path + path, body, self._headers())
            answer = connection.getresponse()
            answer.read(_ANSWER_MOST_BYTES)
        except ssl.SSLCertVerificationError:
            raise NotDeliveredError("certificate") from None
        except ValueError:  # of a header
            raise NotDeliveredError("headers_file") from None
        except (OSError, http.client.HTTPException) as error:
            raise NotDeliveredError(type(error).__name__) from None
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise NotDeliveredError(f"status_{answer.status}", final=answer.status not in _LATER)

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json", "user-agent": "sealgate"}
        if self._config.headers_file is not None:
            try:
                lines = self._config.headers_file.read_text("ascii").splitlines()
            except (OSError, ValueError):
                raise NotDeliveredError("headers_file") from None
            for line in filter(str.strip, lines):
                name, colon, value = line.partition(":")
                if not colon:
                    raise NotDeliveredError("headers_file")
                headers[name.strip().lower()] = value.strip()
        return headers

    def __repr__(self) -> str:
        return f"<Telemetry {len(self._ended)} ended, {len(self._spans)} spans, {self.dropped} dropped>"
