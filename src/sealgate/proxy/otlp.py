"""Spans and metrics as OTLP/HTTP's JSON: bytes for a collector. Pure.

Counterpart: `telemetry.py`, which sends them. The form is OpenTelemetry's protocol 1.x: identifiers in
hexadecimal, 64-bit numbers as text. Our own, since the SDK follows variables of the environment
(docs/decisions/0016-traces-and-metrics.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sealgate.proxy.spans import Attributes, Span, Value

Json = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

CLIENT: Final = 3
ERROR: Final = 2
CUMULATIVE: Final = 2
_SCOPE: Final[Json] = {"name": "sealgate.proxy"}
_encode = msgspec.json.Encoder().encode


class Point(msgspec.Struct, frozen=True):
    """One series of a histogram."""

    attributes: Attributes
    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


class Distribution(msgspec.Struct, frozen=True):
    """A histogram with all its series."""

    name: str
    unit: str
    points: Sequence[Point]


class Sum(msgspec.Struct, frozen=True):
    """A count that only grows, with all its series."""

    name: str
    unit: str
    points: Sequence[tuple[Attributes, int]]


def traces(resource: Attributes, spans: Iterable[Span]) -> bytes:
    """The body of a request to `/v1/traces`."""
    within: Json = {"scope": _SCOPE, "spans": [_span(each) for each in spans]}
    return _encode({"resourceSpans": [{"resource": _resource(resource), "scopeSpans": [within]}]})


def metrics(
    resource: Attributes,
    distributions: Iterable[Distribution],
    sums: Iterable[Sum],
    since_ns: int,
    now_ns: int,
) -> bytes:
    """The body of a request to `/v1/metrics`; everything is counted since `since_ns`."""
    times: dict[str, Json] = {"startTimeUnixNano": str(since_ns), "timeUnixNano": str(now_ns)}
    found: list[Json] = [_distribution(each, times) for each in distributions if each.points]
    found += [_sum(each, times) for each in sums if each.points]
    within: Json = {"scope": _SCOPE, "metrics": found}
    return _encode({"resourceMetrics": [{"resource": _resource(resource), "scopeMetrics": [within]}]})


def _resource(attributes: Attributes) -> Json:
    return {"attributes": _attributes(attributes)}


def _span(span: Span) -> Json:
    told: dict[str, Json] = {
        "traceId": span.trace.hex(),
        "spanId": span.span.hex(),
        "name": span.name,
        "kind": CLIENT,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
        "status": {"code": ERROR} if span.failed else {},
    }
    return {**told, "parentSpanId": span.parent.hex()} if span.parent else told


def _distribution(histogram: Distribution, times: Mapping[str, Json]) -> Json:
    points: list[Json] = [
        {
            **times,
            "attributes": _attributes(each.attributes),
            "count": str(sum(each.counts)),
            "sum": each.total,
            "bucketCounts": [str(count) for count in each.counts],
            "explicitBounds": list(each.bounds),
        }
        for each in histogram.points
    ]
    kept: Json = {"aggregationTemporality": CUMULATIVE, "dataPoints": points}
    return {"name": histogram.name, "unit": histogram.unit, "histogram": kept}


def _sum(counted: Sum, times: Mapping[str, Json]) -> Json:
    points: list[Json] = [
        {**times, "attributes": _attributes(attributes), "asInt": str(count)}
        for attributes, count in counted.points
    ]
    kept: Json = {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": points}
    return {"name": counted.name, "unit": counted.unit, "sum": kept}


def _attributes(attributes: Attributes) -> Json:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Value) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
