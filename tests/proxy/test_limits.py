"""The allowance of a session, with time as a parameter."""

from __future__ import annotations

import pytest

from sealgate.policy.document import Limits
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.limits import SessionLimits

LIMITS = Limits(requests_per_minute=20, concurrent_streams=3)


def use(of: SessionLimits, now_s: float, limits: Limits = LIMITS) -> None:
    of.release(of.take("app", "sid", limits, now_s))


def test_a_minutes_allowance_may_be_used_at_once_and_no_more() -> None:
    of = SessionLimits()
    for _ in range(20):
        use(of, 100.0)
    with pytest.raises(ProxyError) as caught:
        use(of, 100.0)
    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after_s == 3


def test_waiting_as_long_as_told_is_long_enough() -> None:
    of = SessionLimits()
    for _ in range(20):
        use(of, 100.0)
    use(of, 103.0)
    with pytest.raises(ProxyError):
        use(of, 103.0)


def test_over_any_length_of_time_the_rate_holds() -> None:
    of, allowed = SessionLimits(), 0
    for step in range(6_000):
        try:
            use(of, 100.0 + step / 10)
        except ProxyError:
            continue
        allowed += 1
    assert allowed == 20 + 600 * 20 // 60 - 1 or allowed == 20 + 600 * 20 // 60


def test_a_refused_request_uses_nothing() -> None:
    of = SessionLimits()
    for _ in range(20):
        use(of, 100.0)
    for _ in range(100):
        with pytest.raises(ProxyError):
            use(of, 100.0)
    use(of, 103.0)


def test_streams_are_counted_until_they_are_given_back() -> None:
    of = SessionLimits()
    held = [of.take("app", "sid", LIMITS, 1.0) for _ in range(3)]
    with pytest.raises(ProxyError, match="too_many_streams"):
        of.take("app", "sid", LIMITS, 1.0)
    of.release(held[0])
    of.take("app", "sid", LIMITS, 1.0)


def test_sessions_and_applications_do_not_share() -> None:
    of = SessionLimits()
    one = Limits(requests_per_minute=1)
    for application, sid in (("a", "s"), ("a", "t"), ("b", "s")):
        of.release(of.take(application, sid, one, 1.0))


def test_what_is_left_is_told_without_using_it() -> None:
    of = SessionLimits()
    assert of.remaining("app", "sid", LIMITS, 100.0).requests == 20
    use(of, 100.0)
    left = of.remaining("app", "sid", LIMITS, 100.0)
    assert (left.requests, left.reset_s, left.streams) == (19, 3, 3)
    assert of.remaining("app", "sid", LIMITS, 103.0).requests == 20


def test_an_allowance_is_forgotten_only_when_it_is_whole_again() -> None:
    of = SessionLimits()
    use(of, 100.0)
    of.forget_idle(101.0)
    assert len(of) == 1
    of.forget_idle(104.0)
    assert len(of) == 0
