"""What a store has not confirmed: in order, added up only where nothing of it can have been counted."""

from __future__ import annotations

from sealgate.proxy.store_calls import Used
from sealgate.proxy.store_owed import MOST_KEYS, Owed


def used(amount: int, key: str = "utd:app:p") -> list[Used]:
    return [Used(key, 20_000, amount)]


def test_what_was_never_sent_is_added_up() -> None:
    owed = Owed()
    for sequence in range(1, 6):
        owed.add("ep_a", sequence, used(10), sent=False)
    [debt] = owed
    assert (debt.first, debt.last) == (1, 5)
    assert [each.amount for each in debt.each()] == [50]


def test_what_was_sent_stands_by_itself() -> None:
    owed = Owed()
    first = owed.add("ep_a", 1, used(10), sent=True)
    owed.add("ep_a", 2, used(10), sent=False)
    owed.add("ep_a", 3, used(10), sent=True)
    assert [(debt.first, debt.last) for debt in owed] == [(1, 1), (2, 2), (3, 3)]
    assert owed.counted_through("ep_a", 9) == 0
    owed.paid(first)
    assert owed.counted_through("ep_a", 9) == 1
    assert owed.counted_through("ep_b", 9) == 9


def test_runs_are_not_mixed_and_no_call_grows_without_end() -> None:
    owed = Owed()
    for number in range(MOST_KEYS + 1):
        owed.add("ep_a", number + 1, used(1, f"utd:app:{number}"), sent=False)
    owed.add("ep_b", 1, used(1), sent=False)
    assert [len(debt.used) for debt in owed] == [MOST_KEYS, 1, 1]
