"""Traces and metrics reach a collector without content, and a collector that fails holds nothing up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.proxy import telemetry
from sealgate.proxy.telemetry_config import TelemetryConfig
from tests.proxy.collector import Collector, a_collector
from tests.proxy.test_spans import RECORD
from tests.proxy.world import KEY, World, prompt, until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with a_collector() as running:
        yield running


async def start(world: World, collector: Collector, **changes: object) -> None:
    values = {"endpoint": collector.endpoint, "spans_every_s": 0.01, "metrics_every_s": 0.02, **changes}
    await world.start_proxy(telemetry=TelemetryConfig(**values))  # type: ignore[arg-type]
    await world.connected()


async def test_an_exchange_leaves_one_span_with_the_answers_request_id(
    stopped: World, collector: Collector
) -> None:
    await start(stopped, collector)
    answer = await stopped.chat(traceparent=f"00-{TRACE}-{SPAN}-01")
    await until(lambda: len(collector.spans()) == 1)
    (span,) = collector.spans()
    assert (span["traceId"], span["parentSpanId"], span["kind"]) == (TRACE, SPAN, 3)
    assert span["attributes"]["sealgate.request"] == answer.headers["x-request-id"]
    usage = answer.json()["usage"]
    assert span["attributes"]["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert span["attributes"]["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"])


async def test_a_callers_trace_does_not_go_to_the_provider(stopped: World, collector: Collector) -> None:
    await start(stopped, collector)
    await stopped.chat(traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="a=b", baggage="user=ada")
    assert not {"traceparent", "tracestate", "baggage"} & set(stopped.provider.calls[-1].headers)


async def test_a_trace_that_is_not_to_be_kept_leaves_no_span_and_is_counted(
    stopped: World, collector: Collector
) -> None:
    await start(stopped, collector)
    await stopped.chat(traceparent=f"00-{TRACE}-{SPAN}-00")
    await until(lambda: "gen_ai.client.operation.duration" in collector.metrics())
    assert not collector.spans()


async def test_no_part_of_traces_leaves_metrics_alone(stopped: World, collector: Collector) -> None:
    await start(stopped, collector, traces=0.0)
    await stopped.chat()
    await until(lambda: "gen_ai.client.token.usage" in collector.metrics())
    assert not collector.spans()


async def test_the_sums_are_of_every_exchange_and_outcome(stopped: World, collector: Collector) -> None:
    await start(stopped, collector)
    for _ in range(3):
        await stopped.chat()
    await stopped.chat(token="x")
    await until(lambda: _requests(collector).get("completed") == 3)
    assert _requests(collector)["refused_session"] == 1
    points = collector.metrics()["gen_ai.client.operation.duration"]["histogram"]["dataPoints"]
    assert [int(each["count"]) for each in points] == [3]
    (point,) = points
    assert sum(map(int, point["bucketCounts"])) == 3
    assert len(point["bucketCounts"]) == len(point["explicitBounds"]) + 1


def _requests(collector: Collector) -> dict[str, int]:
    found = collector.metrics().get("sealgate.requests", {"sum": {"dataPoints": []}})
    return {
        each["attributes"][0]["value"]["stringValue"]: int(each["asInt"])
        for each in found["sum"]["dataPoints"]
    }


async def test_nothing_of_content_key_token_or_person_reaches_a_collector(
    stopped: World, collector: Collector
) -> None:
    await start(stopped, collector)
    token = stopped.token(user="canary-user")
    for model in ("gpt-test", "echo-401", "rate", "html-500", "truncated", "reset", "garbage"):
        await stopped.chat(prompt(model), token=token, x_request_id="canary-id", traceparent="canary-trace")
    browser = await stopped.stream(token=token)
    browser.close()
    await until(lambda: len(collector.spans()) >= 8)
    sent = b"".join(body for _path, body in collector.bodies)
    await until(lambda: len(stopped.console.usage) > 0)
    record = stopped.records()[0]
    for canary in (
        b"canary",
        b"Short",
        KEY.encode(),
        token.encode(),
        b"acme-corp",
        b"127.0.0.1:",
        b"larkspur",
    ):
        assert canary not in sent, canary
    assert record.pseudonym.encode() not in sent
    assert record.request.encode() in sent  # the hunt can find


async def test_what_ends_with_the_proxy_is_sent_before_it_stops(stopped: World, collector: Collector) -> None:
    await start(stopped, collector, spans_every_s=600.0)
    await stopped.chat()
    assert not collector.spans()
    await stopped.stop_proxy()
    assert len(collector.spans()) == 1


async def test_a_collector_that_is_away_holds_nobody_up_and_gets_everything_later(
    stopped: World, collector: Collector
) -> None:
    collector.status = 503
    await start(stopped, collector)
    assert (await stopped.chat()).status == 200
    await until(lambda: collector.tries > 3)
    assert stopped.log.getvalue().count("telemetry_lost") == 1
    assert "code=status_503" in stopped.log.getvalue()
    collector.status = 200
    await until(lambda: len(collector.spans()) == 1)
    await until(lambda: "telemetry_delivered dropped=0" in stopped.log.getvalue())


async def test_what_a_collector_refuses_for_good_is_dropped_and_counted(
    stopped: World, collector: Collector
) -> None:
    collector.status = 400
    await start(stopped, collector)
    await stopped.chat()
    made = stopped.running.parts.telemetry
    assert made is not None
    await until(lambda: made.dropped == 1)
    assert b"sealgate_proxy_telemetry_dropped 1" in (await stopped.admin("/metrics")).body


async def test_more_than_fits_is_dropped_and_counted(
    stopped: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "ENDED_MOST", 2)
    monkeypatch.setattr(telemetry, "SPANS_MOST", 1)
    await start(stopped, collector, spans_every_s=600.0)
    made = stopped.running.parts.telemetry
    assert made is not None
    for _ in range(5):
        made.ended(RECORD, None)
    assert made.dropped == 3
    await stopped.stop_proxy()
    assert len(collector.spans()) == 1
    assert made.dropped == 4


async def test_the_collectors_token_is_read_from_its_file_and_never_written(
    stopped: World, collector: Collector, tmp_path: Path
) -> None:
    headers = tmp_path / "headers"
    headers.write_text("authorization: Bearer canary-collector\n\nx-scope-orgid: one\n")
    await start(stopped, collector, headers_file=headers)
    await until(lambda: bool(collector.headers))
    assert collector.headers[0]["authorization"] == "Bearer canary-collector"
    assert collector.headers[0]["x-scope-orgid"] == "one"
    headers.write_text("canary broken\n")
    await until(lambda: "code=headers_file" in stopped.log.getvalue())
    assert "canary" not in stopped.log.getvalue()


async def test_series_are_bounded_whatever_models_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "SERIES_MOST", 3)
    series = telemetry.Series("x", "s", (1.0,))
    for number in range(10):
        series.observe({"gen_ai.request.model": f"m{number}"}, 0.5)
    told = series.told()
    assert [each.attributes["gen_ai.request.model"] for each in told.points] == ["m0", "m1", "m2", "_OTHER"]
    assert sum(sum(each.counts) for each in told.points) == 10


async def test_without_a_collector_nothing_is_made(world: World) -> None:
    assert world.running.parts.telemetry is None
    await world.chat()
