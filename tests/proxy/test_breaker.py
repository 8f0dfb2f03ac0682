"""The breaker: a pure machine, driven through every order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealgate.proxy.breaker import (
    BREAKERS_KEPT,
    FAILURES,
    FIRST_REST_S,
    LONGEST_REST_S,
    Breaker,
    Breakers,
    State,
)

KEY = ("https://a.example", "cred_a")
STEPS = st.lists(
    st.tuples(st.sampled_from(["enter", "succeeded", "failed", "left"]), st.floats(0, 40, allow_nan=False)),
    max_size=60,
)


def opened(now_s: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(now_s, "provider_error")
    return breaker


@given(STEPS)
def test_whatever_happens_it_rests_when_open_tries_one_when_half_open_and_ends_every_rest(
    steps: list[tuple[str, float]],
) -> None:
    breaker, now_s, inside = Breaker(), 0.0, 0
    for what, passed_s in steps:
        now_s += passed_s
        before, resting = breaker.state(now_s), breaker.left_s(now_s) > 0
        if what == "enter":
            entered = breaker.enter(now_s)
            assert entered is not resting
            inside += entered
            if before is State.HALF_OPEN:
                assert breaker.left_s(now_s) > 0, "one at a time"
        elif inside:
            inside -= 1
            if what == "left":
                breaker.left()
                assert breaker.state(now_s) is before
            elif what == "succeeded":
                closed = breaker.succeeded(now_s)
                assert closed is (before is State.HALF_OPEN)
                assert breaker.state(now_s) is (State.OPEN if before is State.OPEN else State.CLOSED)
            else:
                began = breaker.failed(now_s, "provider_error")
                assert not (began and before is State.OPEN)
                if before is State.HALF_OPEN:
                    assert began
                if began:
                    assert breaker.state(now_s) is State.OPEN
        assert 0 <= breaker.left_s(now_s) <= LONGEST_REST_S
        assert breaker.state(now_s + LONGEST_REST_S) is not State.OPEN


def test_it_opens_after_failures_in_a_row_and_a_success_begins_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        assert not breaker.failed(0.0, "provider_error")
    breaker.succeeded(0.0)
    for _ in range(FAILURES - 1):
        assert not breaker.failed(0.0, "provider_error")
    assert breaker.failed(0.0, "provider_timeout")
    assert (breaker.state(0.0), breaker.code) == (State.OPEN, "provider_timeout")


def test_each_failed_try_doubles_the_rest_up_to_the_longest() -> None:
    breaker, now_s, rests = opened(), 0.0, []
    for _ in range(8):
        rests.append(breaker.left_s(now_s))
        now_s += rests[-1]
        assert breaker.enter(now_s)
        assert breaker.failed(now_s, "provider_error")
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_try_that_told_nothing_leaves_its_place_to_another() -> None:
    breaker = opened()
    assert breaker.enter(FIRST_REST_S)
    assert not breaker.enter(FIRST_REST_S)
    breaker.left()
    assert breaker.enter(FIRST_REST_S)


def test_what_never_failed_or_works_again_is_not_kept() -> None:
    breakers = Breakers()
    assert not breakers.succeeded(KEY, 0.0)
    for _ in range(FAILURES):
        last = breakers.failed(KEY, 0.0, "provider_error")
    assert last is not None
    assert (breakers.opened, breakers.open_count(0.0), len(breakers)) == (1, 1, 1)
    assert breakers.succeeded(KEY, FIRST_REST_S)
    assert (len(breakers), breakers.find(KEY)) == (0, None)


def test_one_credential_that_fails_leaves_its_neighbours_at_the_same_origin_alone() -> None:
    breakers = Breakers()
    for _ in range(FAILURES):
        breakers.failed(KEY, 0.0, "provider_rejected_key")
    assert breakers.find((KEY[0], "cred_b")) is None


def test_a_flood_of_credentials_that_fail_takes_bounded_room() -> None:
    breakers = Breakers()
    for number in range(BREAKERS_KEPT + 5):
        breakers.failed((KEY[0], str(number)), 0.0, "provider_error")
    assert len(breakers) == BREAKERS_KEPT
