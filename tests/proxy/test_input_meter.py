"""The meter of what only reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.proxy.input_meter import InputMeter
from sealgate.proxy.metering import Verdict


def metered(answer: object, input_bytes: int = 10) -> InputMeter:
    meter = InputMeter(input_bytes=input_bytes)
    assert meter.body(json.dumps(answer).encode()) is Verdict.RELAY
    return meter


def test_what_the_provider_says_counts() -> None:
    usage = metered({"data": [], "usage": {"prompt_tokens": 7, "total_tokens": 7}}).usage()
    assert (usage.input_tokens, usage.output_tokens, usage.estimated, usage.saw_end) == (7, 0, False, True)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": -1}, {"prompt_tokens": 1.5}, "free"],
    ids=["none", "empty", "negative", "fraction", "word"],
)
def test_where_it_is_silent_or_makes_no_sense_the_input_is_estimated(usage: object) -> None:
    meter = metered({"results": [], "usage": usage})
    assert (meter.usage().input_tokens, meter.usage().estimated, meter.saw_end) == (3, True, True)


@pytest.mark.parametrize("data", [b'{"error": {"message": "x"}}', b'{"error": "half'])
def test_what_speaks_of_an_error_is_not_relayed(data: bytes) -> None:
    assert InputMeter(input_bytes=0).body(data) is Verdict.ERROR


def test_an_answer_that_is_no_json_is_never_whole() -> None:
    meter = InputMeter(input_bytes=4)
    meter.body(b'{"data": [')
    assert (meter.saw_end, meter.usage().input_tokens) == (False, 1)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    meter = InputMeter(input_bytes=1)
    meter.body(data)
    assert meter.usage().output_tokens == 0
