"""What is measured of exchanges: counts and histograms by endpoint, in memory, without content.

Counterparts: `journal.py` tells of every exchange that settles, `metrics.py` shows it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from sealgate.messages.feed import Outcome, UsageRecord

DURATION_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
FIRST_BYTE_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Sample = tuple[str, Mapping[str, str], float]


class Histogram:
    """Counts of values up to each bound, as Prometheus wants them: cumulative when they are shown."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def samples(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        """Every bucket, the sum and the count."""
        total = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            yield f"{name}_bucket", {**labels, "le": "+Inf" if bound == float("inf") else f"{bound:g}"}, total
        yield f"{name}_sum", labels, self._sum
        yield f"{name}_count", labels, total


class Measures:
    """What is measured of exchanges that settle, by endpoint."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, Outcome]] = Counter()
        self.tokens: Counter[tuple[str, str]] = Counter()
        self.durations: dict[str, Histogram] = defaultdict(partial(Histogram, DURATION_S))
        self.first_bytes: dict[str, Histogram] = defaultdict(partial(Histogram, FIRST_BYTE_S))

    def settled(self, record: UsageRecord) -> None:
        """An exchange that was forwarded has its outcome."""
        endpoint = record.endpoint
        self.outcomes[endpoint, record.outcome] += 1
        self.tokens[endpoint, "input"] += record.input_tokens
        self.tokens[endpoint, "output"] += record.output_tokens
        self.durations[endpoint].observe(record.duration_ms / 1000)
        if record.first_byte_ms:
            self.first_bytes[endpoint].observe(record.first_byte_ms / 1000)
