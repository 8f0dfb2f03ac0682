"""The ledger with time as a parameter: held and used together never pass the most."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealgate.policy.budgets import Budget
from sealgate.proxy.allowances import budget_headers
from sealgate.proxy.ledger import Amounts, Ledger, Line, Moment, Reservation, Shortage
from sealgate.proxy.store import LocalCounts


def at(text: str, now_s: float = 0.0) -> Moment:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return Moment(moment.timestamp(), now_s)


NOON = at("2026-11-28T12:00:00")
DAY = Line("utd:app:p", 1, Budget("user", "tokens", "day", 100))
MONTH = Line("aqm:app", 0, Budget("application", "requests", "month", 3))
MINUTE = Line("uti:app:p", 1, Budget("user", "tokens", "minute", 60))
STREAMS = Line("usn:app:p", 3, Budget("user", "streams", "at_once", 2))


def tokens(number: int) -> Amounts:
    return 1, number, 0, 1


def hold(ledger: Ledger, *lines: Line, of: int = 10, now: Moment = NOON) -> Reservation:
    found = ledger.reserve(lines, tokens(of), now)
    assert isinstance(found, Reservation)
    return found


def refusal(ledger: Ledger, *lines: Line, of: int = 10, now: Moment = NOON) -> Shortage:
    found = ledger.reserve(lines, tokens(of), now)
    assert isinstance(found, Shortage)
    return found


def test_what_is_held_is_not_there_for_others() -> None:
    ledger = Ledger()
    hold(ledger, DAY, of=60)
    assert ledger.left(DAY, NOON) == 40
    assert refusal(ledger, DAY, of=41).left == [40]
    hold(ledger, DAY, of=40)


def test_what_was_not_used_is_given_back_and_the_rest_counts() -> None:
    ledger = Ledger()
    held = hold(ledger, DAY, of=100)
    ledger.settle(held, tokens(30), NOON)
    assert ledger.left(DAY, NOON) == 70


def test_all_or_nothing() -> None:
    ledger = Ledger()
    for _ in range(3):
        hold(ledger, MONTH)
    found = refusal(ledger, DAY, MONTH)
    assert found.line is MONTH
    assert ledger.left(DAY, NOON) == 100


def test_settling_twice_gives_back_once() -> None:
    ledger = Ledger()
    held = hold(ledger, DAY, of=100)
    ledger.settle(held, tokens(30), NOON)
    ledger.settle(held, (0, 0, 0, 0), NOON)
    assert ledger.left(DAY, NOON) == 70


def test_the_line_that_frees_last_is_named() -> None:
    ledger = Ledger()
    for _ in range(3):
        hold(ledger, MONTH, DAY, of=30)
    found = refusal(ledger, DAY, MONTH, of=30)
    assert found.line is MONTH
    assert found.frees_s == 2.5 * 86_400


def test_a_day_begins_anew_at_midnight_utc_and_a_month_on_its_first() -> None:
    ledger = Ledger()
    ledger.settle(hold(ledger, DAY, MONTH, of=100), tokens(100), NOON)
    assert ledger.left(DAY, at("2026-11-28T23:59:59")) == 0
    assert ledger.left(DAY, at("2026-11-29T00:00:00")) == 100
    assert ledger.left(MONTH, at("2026-11-30T23:59:59")) == 2
    assert ledger.left(MONTH, at("2026-12-01T00:00:00")) == 3


def test_what_ends_after_midnight_counts_for_the_day_in_which_it_was_held() -> None:
    ledger = Ledger()
    held = hold(ledger, DAY, of=100, now=at("2026-11-28T23:59:59"))
    after = at("2026-11-29T00:00:01")
    hold(ledger, DAY, of=0, now=after)
    ledger.settle(held, tokens(100), after)
    assert ledger.left(DAY, after) == 100


def test_a_clock_that_goes_back_a_day_gives_nothing_twice() -> None:
    ledger = Ledger()
    ledger.settle(hold(ledger, DAY, of=100), tokens(100), NOON)
    assert ledger.left(DAY, at("2026-11-27T12:00:00")) == 0
    assert ledger.left(DAY, NOON) == 0
    assert ledger.left(DAY, at("2026-11-29T12:00:00")) == 100


def test_a_clock_that_was_a_year_ahead_locks_nobody_out_for_a_year() -> None:
    ledger = Ledger()
    ledger.settle(hold(ledger, DAY, of=100, now=at("2027-11-28T12:00:00")), tokens(100), NOON)
    assert ledger.left(DAY, NOON) == 0
    assert ledger.left(DAY, at("2026-11-29T12:00:00")) == 100


def test_a_minutes_allowance_may_be_used_at_once_and_comes_back_bit_by_bit() -> None:
    ledger = Ledger()
    ledger.settle(hold(ledger, MINUTE, of=60), tokens(60), NOON)
    found = refusal(ledger, MINUTE, of=10)
    assert found.frees_s == 10
    hold(ledger, MINUTE, of=10, now=Moment(NOON.at_s, NOON.now_s + 10))


def test_what_a_minute_gives_back_is_only_what_has_not_drained() -> None:
    ledger = Ledger()
    held = hold(ledger, MINUTE, of=60)
    later = Moment(NOON.at_s, NOON.now_s + 30)
    assert ledger.left(MINUTE, later) == 30
    ledger.settle(held, tokens(0), later)
    assert ledger.left(MINUTE, later) == 60
    much_later = Moment(NOON.at_s, NOON.now_s + 100)
    old = hold(ledger, MINUTE, of=60, now=later)
    hold(ledger, MINUTE, of=60, now=Moment(NOON.at_s, NOON.now_s + 95))
    ledger.settle(old, tokens(0), much_later)
    assert ledger.left(MINUTE, much_later) == 5


def test_streams_are_counted_while_they_run() -> None:
    ledger = Ledger()
    first = hold(ledger, STREAMS)
    hold(ledger, STREAMS)
    assert refusal(ledger, STREAMS).line is STREAMS
    ledger.settle(first, tokens(10), NOON)
    hold(ledger, STREAMS)


def test_a_running_exchange_may_hold_more_while_there_is_room() -> None:
    ledger = Ledger()
    held = hold(ledger, DAY, of=60)
    assert ledger.extend(held, (0, 40, 0, 0), NOON)
    assert not ledger.extend(held, (0, 1, 0, 0), NOON)
    ledger.settle(held, tokens(100), NOON)
    assert ledger.left(DAY, NOON) == 0


def test_an_exchange_that_holds_more_tokens_is_not_cut_for_a_limit_on_something_else() -> None:
    ledger = Ledger()
    raised = Line(MONTH.key, MONTH.measure, Budget("application", "requests", "month", 30))
    held = hold(ledger, MONTH)
    for _ in range(9):  # somebody raised the budget while it ran
        hold(ledger, raised)
    assert ledger.extend(held, (0, 256, 0, 0), NOON)


def test_a_smaller_budget_holds_at_once_and_a_larger_one_too() -> None:
    ledger = Ledger()
    ledger.settle(hold(ledger, DAY, of=50), tokens(50), NOON)
    smaller = Line(DAY.key, 1, Budget("user", "tokens", "day", 40))
    larger = Line(DAY.key, 1, Budget("user", "tokens", "day", 200))
    assert (ledger.left(smaller, NOON), ledger.left(larger, NOON)) == (0, 150)


@pytest.mark.parametrize("lie", [-1_000.0, float("nan")])
def test_a_store_that_says_less_than_nothing_was_used_leaves_no_more_than_the_most(lie: float) -> None:
    ledger = Ledger()
    hold(ledger, DAY)
    ledger.agree(DAY, lie, 0, NOON)
    assert ledger.left(DAY, NOON) == 90
    assert budget_headers(ledger, [DAY], NOON)[0][1].startswith(b"tokens; window=day; share=0.9;")


def test_what_is_over_is_forgotten_and_what_runs_is_not() -> None:
    ledger = Ledger()
    ledger.settle(hold(ledger, DAY, MINUTE), tokens(10), NOON)
    hold(ledger, STREAMS, now=at("2026-11-29T12:00:00"))
    ledger.forget(at("2026-11-28T12:00:30", 30.0))
    assert len(ledger) == 3
    ledger.forget(at("2026-11-29T12:00:00", 200.0))
    assert len(ledger) == 1


steps = st.lists(
    st.tuples(
        st.sampled_from(["hold", "settle", "extend"]),
        st.integers(0, 60),
        st.floats(0, 1),
        st.floats(0, 40_000),
    ),
    max_size=60,
)


def test_what_is_extended_after_midnight_counts_today_as_it_was_held_today() -> None:
    ledger = Ledger()
    late = Moment(86_399.0, 0.0)
    other, held = (ledger.reserve([DAY], tokens(50), late) for _ in range(2))
    assert isinstance(other, Reservation)
    assert isinstance(held, Reservation)
    assert ledger.left(DAY, late) == 0
    ledger.settle(other, tokens(50), late)
    after = Moment(86_401.0, 2.0)
    said: list[bool] = []
    LocalCounts(ledger).extend(held, (0, 10, 0, 0), after, said.append)
    assert said == [True]
    assert held.counts_at_s == after.at_s
    ledger.settle(held, tokens(60), after)
    assert ledger.left(DAY, after) == DAY.most - 60


@given(steps)
@example(
    [
        ("hold", 100, 0.0, 0.0),
        ("settle", 0, 0.5, 0.0),
        ("hold", 50, 0.0, 0.0),
        ("extend", 10, 0.0, 43_200.0),
        ("settle", 0, 1.0, 0.0),
    ]
)
def test_whatever_happens_a_day_never_counts_more_than_its_most(taken: list[tuple[Any, ...]]) -> None:
    """Every use is at most what was held: then the sum of a day's uses and holds is at most the most."""
    ledger, running = Ledger(), list[Reservation]()
    used: dict[int, int] = {}
    at_s, now_s = NOON.at_s, 0.0
    for step, amount, share, pause_s in taken:
        at_s, now_s = at_s + pause_s, now_s + pause_s
        now = Moment(at_s, now_s)
        if step == "hold":
            found = ledger.reserve([DAY], tokens(amount), now)
            if isinstance(found, Reservation):
                running.append(found)
        elif running and step == "extend":
            LocalCounts(ledger).extend(running[0], (0, amount, 0, 0), now, lambda _held: None)
        elif running:
            held = running.pop(0)
            spent = int(held.amounts[1] * share)
            ledger.settle(held, tokens(spent), now)
            day = held.windows[0]
            used[day] = used.get(day, 0) + spent
        today = int(at_s // 86_400)
        held_now = sum(each.amounts[1] for each in running)
        assert ledger.left(DAY, now) >= 0
        assert all(total <= DAY.most for total in used.values())
        assert used.get(today, 0) + held_now + ledger.left(DAY, now) >= DAY.most or held_now == 0
    for held in running:
        ledger.settle(held, (0, 0, 0, 0), Moment(at_s, now_s))
    today = int(at_s // 86_400)
    assert ledger.left(DAY, Moment(at_s, now_s)) == DAY.most - used.get(today, 0)


@pytest.mark.parametrize("earlier", [True, False])
def test_what_earlier_runs_used_counts_for_its_window_only(earlier: bool) -> None:
    ledger, day = Ledger(), int(NOON.at_s // 86_400)
    ledger.recover(DAY.key, day - earlier, 70)
    ledger.recover(DAY.key, day - earlier, 20)
    assert ledger.left(DAY, NOON) == (100 if earlier else 10)
