"""`Retry-After` in every form that a provider may send it, and in those that it may not."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from sealgate.policy.document import Limits
from sealgate.proxy.provider_errors import RETRY_AFTER_LIMIT_S, from_response, seconds_asked
from sealgate.proxy.wire.events import Headers
from tests.proxy.world import World, prompt

SAID = "Wed, 21 Oct 2026 07:28:00 GMT"
ASKED: dict[str, float | None] = {
    "0": 0.0,
    "7": 7.0,
    "0.4": 0.4,
    "007": 7.0,
    "999999999": 999_999_999.0,
    "Wed, 21 Oct 2026 07:28:30 GMT": 30.0,
    "Wed, 21 Oct 2026 07:27:00 GMT": 0.0,
    "Mon, 31 Feb 2026 07:28:30 GMT": None,
    "Wed, 21 Oct 2026 07:28:30 +0200": None,
    "Wednesday, 21-Oct-26 07:28:30 GMT": None,
    "": None,
    "-7": None,
    "+7": None,
    "7s": None,
    "1e3": None,
    "7, 8": None,
    "soon": None,
    "٣": None,
    "nan": None,
    "9" * 40: None,
}


@pytest.mark.parametrize("value", ASKED)
def test_only_what_the_standard_allows_is_a_number_of_seconds(value: str) -> None:
    headers = Headers({b"retry-after": value.encode(), b"date": SAID.encode()})
    assert seconds_asked(headers) == ASKED[value]
    told = from_response(429, headers, b"{}").retry_after_s
    assert told is not None
    assert 1 <= told <= RETRY_AFTER_LIMIT_S, "the client is always told a time that makes sense"


def test_a_date_without_the_providers_own_clock_is_measured_by_ours() -> None:
    headers = Headers({b"retry-after": formatdate(time.time() + 100, usegmt=True).encode()})
    asked_s = seconds_asked(headers)
    assert asked_s is not None
    assert 90 < asked_s <= 100


@pytest.mark.parametrize("status", [400, 401, 500, 502])
def test_other_answers_tell_no_time(status: int) -> None:
    assert from_response(status, Headers({b"retry-after": b"7"}), b"{}").retry_after_s is None


def test_a_key_without_credit_is_not_worth_waiting_for() -> None:
    body = b'{"error": {"code": "insufficient_quota"}}'
    assert from_response(429, Headers({b"retry-after": b"7"}), body).retry_after_s is None


@pytest.mark.parametrize(("asked", "calls"), [("0", 2), ("", 2), ("garbage", 2), ("3600", 1), (None, 1)])
async def test_we_wait_a_little_ourselves_and_leave_the_rest_to_the_client(
    world: World, asked: str | None, calls: int
) -> None:
    world.publish(Limits(retries=1, requests_per_minute=1_000))
    world.provider.failures = 1
    world.provider.retry_after = formatdate(time.time() + 60, usegmt=True) if asked is None else asked
    answer = await world.chat(prompt("flaky"))
    assert len(world.provider.calls) == calls
    assert answer.status == (200 if calls == 2 else 502)
