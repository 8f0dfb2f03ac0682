"""Budgets: their windows and their words."""

from __future__ import annotations

import datetime
from typing import get_args

import pytest

from sealgate.policy.budgets import (
    MEASURES,
    Budget,
    Scope,
    Window,
    cut_words,
    ends_at,
    fault_of,
    month_of,
    too_large_words,
    used_up_words,
)


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "moment", "end"),
    [
        ("day", "2026-11-28T00:00:00", "2026-11-29T00:00:00"),
        ("day", "2026-11-28T23:59:59.9", "2026-11-29T00:00:00"),
        ("month", "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
        ("month", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("month", "2028-02-29T12:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_days_and_months_end_at_midnight_utc(window: Window, moment: str, end: str) -> None:
    assert ends_at(window, at(moment)) == at(end)


def test_months_are_numbered_without_a_gap() -> None:
    assert month_of(at("2027-01-01T00:00:00")) == month_of(at("2026-12-31T23:59:59")) + 1
    assert month_of(at("2026-12-01T00:00:00")) == month_of(at("2026-12-31T23:59:59"))


NOW = at("2026-12-28T10:00:00")


@pytest.mark.parametrize(
    ("budget", "message", "hint"),
    [
        (
            Budget("user", "tokens", "day", 1),
            "Your tokens for today are used up.",
            "The count begins anew at midnight (UTC).",
        ),
        (
            Budget("organization", "money", "month", 1),
            "The organization's budget for this month is used up.",
            "The count begins anew on 1 January at 00:00 (UTC). An administrator can raise the limit.",
        ),
        (
            Budget("session", "requests", "minute", 1),
            "This session's requests for this minute are used up.",
            "Wait as long as `retry-after` says.",
        ),
        (
            Budget("user", "streams", "at_once", 1),
            "Too many answers are being written at once for you.",
            "Wait for one to end, or stop one.",
        ),
    ],
)
def test_a_refusal_names_whose_what_and_when(budget: Budget, message: str, hint: str) -> None:
    words = used_up_words(budget, NOW)
    assert (words.message, words.hint) == (message, hint)


def test_every_budget_that_can_be_has_words_of_its_own() -> None:
    budgets = [
        Budget(scope, measure, window, 1)
        for scope in get_args(Scope)
        for measure in MEASURES
        for window in get_args(Window)
    ]
    good = [budget for budget in budgets if fault_of(budget) is None]
    assert len({used_up_words(budget, NOW).message for budget in good}) == len(good) == 5 * 9 - 3
    assert all("{" not in cut_words(each, NOW).message for each in good if each.measure != "streams")


def test_a_request_that_can_never_fit_is_told_so() -> None:
    words = too_large_words(Budget("plan", "tokens", "day", 1))
    assert words.message == "This request alone is larger than this plan's tokens for today."


def test_a_cut_says_that_it_was_one() -> None:
    words = cut_words(Budget("user", "money", "day", 1), NOW)
    assert words.message == "Your budget for today was used up while this answer was written."
