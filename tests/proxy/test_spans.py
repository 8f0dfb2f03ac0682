"""A span says what the usage row says, but for who; a caller's trace is taken over only if well-formed."""

from __future__ import annotations

import msgspec
import pytest

from sealgate.messages.feed import Outcome, UsageRecord
from sealgate.proxy.endpoints import PATHS, PREFIXES, Kind
from sealgate.proxy.spans import ATTRIBUTES, OPERATIONS, parse_traceparent, span_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
RECORD = UsageRecord(
    1, "req_1", 1_700_000_000.5, "org_1", "app_1", "a-pseudonym", "chat.completions", "", "gpt-test",
    Outcome.COMPLETED, 200, 12, 34, 5, False, 20, 1_500, 0, 0, "cred_1", "google",
    "https://provider.example", 1,
)  # fmt: skip
IDS = bytes(range(24))


def test_a_well_formed_trace_is_taken_over() -> None:
    parent = parse_traceparent(GOOD.encode())
    assert parent is not None
    span = span_of(RECORD, parent, IDS)
    assert (span.trace.hex(), span.parent.hex(), span.span) == (TRACE, SPAN, IDS[16:])


@pytest.mark.parametrize(
    ("value", "sampled"),
    [(f"00-{TRACE}-{SPAN}-00", False), (f"00-{TRACE}-{SPAN}-03", True), (f"cc-{TRACE}-{SPAN}-01-new", True)],
    ids=["not kept", "other flags", "a later version"],
)
def test_flags_and_later_versions_are_read_as_the_standard_says(value: str, sampled: bool) -> None:
    parent = parse_traceparent(value.encode())
    assert parent is not None
    assert parent.sampled is sampled


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        GOOD.upper(),
        f" {GOOD}",
        f"{GOOD}\n",
        f"{GOOD},{GOOD}",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-" + "x" * 65,
        f"cc-{TRACE}-{SPAN}-01-" + "x" * 100_000,
        f"00-{TRACE}-{SPAN}-01\0",
        "ada@example.org",
        "'; drop table spans; --",
        f"00-{TRACE}-{SPAN}-01 ",
        f"00-{'４' * 32}-{SPAN}-01",
    ],
)
def test_a_hostile_trace_is_ignored(value: str) -> None:
    assert parse_traceparent(value.encode()) is None


def test_without_a_callers_trace_a_span_begins_one() -> None:
    span = span_of(RECORD, parse_traceparent(None), IDS)
    assert (span.trace, span.span, span.parent) == (IDS[:16], IDS[16:], b"")


def test_a_span_has_the_times_and_figures_of_the_record_under_the_conventions_names() -> None:
    span = span_of(RECORD, None, IDS)
    assert span.name == "chat gpt-test"
    assert span.start_ns == 1_700_000_000_500_000_000
    assert span.end_ns - span.start_ns == 1_500_000_000
    assert not span.failed
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gpt-test",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 34,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "server.address": "provider.example",
        "server.port": 443,
        "http.response.status_code": 200,
    }
    assert expected.items() <= span.attributes.items()


def test_a_span_never_says_who_asked() -> None:
    span = span_of(RECORD, None, IDS)
    assert "a-pseudonym" not in repr(span)
    assert not [name for name in ATTRIBUTES if "user" in name or "pseudonym" in name]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_failed_is_an_error_of_its_outcomes_name(outcome: Outcome) -> None:
    span = span_of(msgspec.structs.replace(RECORD, outcome=outcome), None, IDS)
    well = outcome in (Outcome.COMPLETED, Outcome.CANCELLED)
    assert span.failed is not well
    assert span.attributes.get("error.type") == (None if well else outcome.value)


def test_every_endpoint_that_is_forwarded_has_an_operation() -> None:
    endpoints = [*(path.endpoint for path in PATHS.values()), *(each.endpoint for each in PREFIXES.values())]
    forwarded = {each.name for each in endpoints if each.kind is Kind.PROVIDER}
    assert set(OPERATIONS) == forwarded
