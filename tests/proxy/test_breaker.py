"""The breaker: a pure machine, driven through every order of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.proxy.breaker import (
    BREAKERS_KEPT,
    FAILURES,
    FIRST_REST_S,
    LONGEST_REST_S,
    Breaker,
    Breakers,
    Key,
    State,
)

KEY: Key = ("https://a.example", "cred_a", "gpt-a")
OTHER_MODEL: Key = (*KEY[:2], "gpt-b")
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


def failing(breakers: Breakers, key: Key, *, whole: bool, times: int = FAILURES) -> bool:
    """So many failures in a row; True if the last one opened it."""
    last = None
    for _ in range(times):
        last = breakers.failed(key, 0.0, "provider_error", whole=whole)
    return last is not None


@pytest.mark.parametrize("whole", [True, False])
def test_what_never_failed_or_works_again_is_not_kept(whole: bool) -> None:
    breakers = Breakers()
    assert not breakers.succeeded(KEY, 0.0)
    assert failing(breakers, KEY, whole=whole)
    assert (breakers.opened, breakers.open_count(0.0), len(breakers)) == (1, 1, 1)
    assert breakers.succeeded(KEY, FIRST_REST_S)
    assert (len(breakers), breakers.resting(KEY, 0.0)) == (0, None)


def test_one_credential_that_fails_leaves_its_neighbours_at_the_same_origin_alone() -> None:
    breakers = Breakers()
    failing(breakers, KEY, whole=True)
    assert breakers.resting(KEY, 0.0) is not None
    assert breakers.resting((KEY[0], "cred_b", KEY[2]), 0.0) is None


def test_one_model_that_fails_leaves_the_others_of_its_credential_alone() -> None:
    breakers = Breakers()
    assert failing(breakers, KEY, whole=False)
    assert breakers.enter(KEY, 0.0) is not None
    assert breakers.enter(OTHER_MODEL, 0.0) is None


def test_a_credential_that_fails_is_left_alone_with_every_model() -> None:
    breakers = Breakers()
    assert failing(breakers, KEY, whole=True)
    assert breakers.enter(KEY, 0.0) is not None
    assert breakers.enter(OTHER_MODEL, 0.0) is not None
    assert breakers.open_count(0.0) == 1


def test_a_model_that_works_says_nothing_of_one_that_does_not() -> None:
    breakers = Breakers()
    failing(breakers, KEY, whole=False, times=FAILURES - 1)
    breakers.succeeded(OTHER_MODEL, 0.0)
    assert failing(breakers, KEY, whole=False, times=1)


def test_a_try_at_a_credential_that_its_model_spoils_leaves_the_place_to_another() -> None:
    breakers = Breakers()
    failing(breakers, KEY, whole=True)
    assert breakers.enter(KEY, FIRST_REST_S) is None
    assert breakers.enter(OTHER_MODEL, FIRST_REST_S) is not None, "one at a time"
    breakers.failed(KEY, FIRST_REST_S, "provider_error", whole=False)
    assert breakers.enter(OTHER_MODEL, FIRST_REST_S) is None


@given(
    st.lists(st.tuples(st.sampled_from("asl"), st.booleans(), st.booleans(), st.floats(0, 40)), max_size=60)
)
def test_whatever_two_models_do_every_rest_ends_and_no_place_stays_taken(
    steps: list[tuple[str, bool, bool, float]],
) -> None:
    breakers, now_s = Breakers(), 0.0
    for how, first, whole, passed_s in steps:
        now_s += passed_s
        key = KEY if first else OTHER_MODEL
        if breakers.enter(key, now_s) is not None:
            continue
        if how == "a":
            breakers.failed(key, now_s, "provider_error", whole=whole)
        elif how == "s":
            breakers.succeeded(key, now_s)
        else:
            breakers.left(key)
    later_s = now_s + LONGEST_REST_S
    assert breakers.enter(KEY, later_s) is None


def test_a_flood_of_credentials_that_fail_takes_bounded_room() -> None:
    breakers = Breakers()
    for number in range(BREAKERS_KEPT + 5):
        breakers.failed((KEY[0], str(number), ""), 0.0, "provider_error", whole=True)
    assert len(breakers) == BREAKERS_KEPT
