"""The ledger: what each scope has used in its windows, what is held for exchanges that run, and what is left.

Counterparts: `store.py`, which asks it, alone or as the mirror of a store that several processes share;
`remembering.py`, which keeps days and months over a restart. Synchronous, in memory; time comes in. Must
never let held and used together pass the most, and never know a subject: users are pseudonyms here, sessions
hashes.
"""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from operator import add
from typing import cast

import msgspec

from sealgate.policy.budgets import DAY_S, LASTING, MINUTE_S, Budget, ends_at, month_of

REQUESTS, TOKENS, MONEY, STREAMS = range(4)
Amounts = tuple[int, int, int, int]
"""Requests, tokens, billionths of a dollar, streams: in the order of `MEASURES`."""

CLOCK_SLACK = 2
"""A clock may go back by so many windows: what was counted for a later one counts on. Beyond, it was off."""


class Moment(msgspec.Struct, frozen=True):
    """Now: `at_s` in Unix seconds, for days and months; `now_s` monotonic, for minutes."""

    at_s: float
    now_s: float


class Line(msgspec.Struct, frozen=True):
    """One budget as it meets one session: all that a store of counts must know of it."""

    key: str
    """Whose, what and when, such as `utd:app_…:pseudonym`."""
    measure: int
    budget: Budget
    limit: str = ""
    """For a limit of the policy that is no budget: the error of whoever is beyond it."""

    @property
    def most(self) -> int:
        """The most that its scope may use in its window."""
        return self.budget.most

    @property
    def lasting(self) -> bool:
        """True for windows that outlive a restart."""
        return self.budget.window in LASTING


class Counter(msgspec.Struct, gc=False):
    """What one key has used. `window`: its day or month; `at_s`: when a minute last drained."""

    window: int = 0
    used: float = 0
    held: int = 0
    at_s: float = 0.0
    most: int = 0
    """As the last that asked had it; 0 until then, after a restart."""
    others: int = 0
    """What other processes hold, as the store last said it."""
    open: int = 0
    """Exchanges that run and are counted here."""

    @property
    def taken(self) -> float:
        """Used and held, by all."""
        return self.used + self.held + self.others


class Reservation(msgspec.Struct):
    """What is held for one exchange, on every line; on none once it is settled."""

    lines: Sequence[Line]
    counters: Sequence[Counter]
    amounts: Amounts
    began: Moment
    windows: tuple[int, int]
    """The day and the month that it counts for, and a moment in them."""
    counts_at_s: float


class Shortage(msgspec.Struct, frozen=True):
    """Why nothing was held: the line that frees last, in how many seconds, and what each line has left."""

    line: Line
    frees_s: float
    left: Sequence[int]
    lines: Sequence[Line]


class Ledger:
    """All counts of one process. `refused` tallies what had no room, by (scope, measure, window)."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}
        self._day = self._month = 0
        self._month_from = self._month_until = 0.0
        self.refused: Tally[tuple[str, str, str]] = Tally()
        self.changes = 0
        """Grows whenever something was used that outlives a restart."""

    def __len__(self) -> int:
        return len(self._counters)

    def reserve(self, lines: Sequence[Line], amounts: Amounts, now: Moment) -> Reservation | Shortage:
        """Hold these amounts on every line, or nothing on any."""
        counters = self._counters_of(lines, now)
        return self._lacking(lines, counters, amounts, now) or self._hold(lines, counters, amounts, now)

    def lacking(self, lines: Sequence[Line], amounts: Amounts, now: Moment) -> Shortage | None:
        """Why these amounts have no room; None where they have."""
        return self._lacking(lines, self._counters_of(lines, now), amounts, now)

    def hold(self, lines: Sequence[Line], amounts: Amounts, now: Moment) -> Reservation:
        """Hold these amounts on every line, whether there is room or not: somebody else looked."""
        return self._hold(lines, self._counters_of(lines, now), amounts, now)

    def short(self, lines: Sequence[Line], amounts: Amounts, now: Moment) -> Shortage:
        """Why there is no room on these lines."""
        return self._shortage(lines, self._counters_of(lines, now), amounts, now)

    def extend(self, reservation: Reservation, more: Amounts, now: Moment) -> bool:
        """Hold more for an exchange that runs; False, and nothing more is held, where a line has no room.

        What is held counts against the room of now; `count_today` says so where its own day is over.
        """
        self._look_at(now)
        for line, counter in zip(reservation.lines, reservation.counters, strict=True):
            self._drain(line, counter, now)
            if 0 < more[line.measure] > line.budget.most - counter.taken:
                return False
        self.hold_more(reservation, more)
        return True

    def count_today(self, reservation: Reservation, now: Moment) -> None:
        """Have all of it count for the day and month of now, for its own had no room for what was added."""
        windows = self.windows(now)
        if windows > reservation.windows:
            reservation.windows, reservation.counts_at_s = windows, now.at_s

    def hold_more(self, reservation: Reservation, amounts: Amounts) -> None:
        """Hold more for an exchange that runs, whether there is room or not."""
        for line, counter in zip(reservation.lines, reservation.counters, strict=True):
            if line.budget.window == "minute":
                counter.used += amounts[line.measure]
            else:
                counter.held += amounts[line.measure]
        reservation.amounts = cast(Amounts, tuple(map(add, reservation.amounts, amounts)))

    def agree(self, line: Line, used: float, held: int, now: Moment) -> None:
        """Take over what the shared store says of a line: what is used, and what all processes hold."""
        counter = self._counter(line, now)
        if line.budget.window != "at_once":
            counter.used = max(0.0, used)  # a store that lies gives nobody more than the most
        counter.others = max(0, held - counter.held)

    def settle(self, reservation: Reservation, spent: Amounts, now: Moment) -> None:
        """Give back what was held, and count what was used, in the windows in which it was held."""
        day, month = reservation.windows
        for line, counter in zip(reservation.lines, reservation.counters, strict=True):
            used, held = spent[line.measure], reservation.amounts[line.measure]
            window = line.budget.window
            counter.open -= 1
            if window == "minute":
                self._drain(line, counter, now)
                counter.used = max(0.0, counter.used + correction(used - held, now, reservation.began))
                continue
            counter.held -= held
            if window != "at_once" and counter.window == (day if window == "day" else month):
                counter.used += used
                self.changes += 1
        reservation.lines, reservation.counters, reservation.amounts = (), (), (0, 0, 0, 0)

    def left(self, line: Line, now: Moment) -> int:
        """What this line has room for now."""
        self._look_at(now)
        found = self._counters.get(line.key)
        if found is None:
            return line.most
        counter = self._counter(line, now)
        return max(0, math.floor(line.most - counter.taken))

    def windows(self, now: Moment) -> tuple[int, int]:
        """The day and the month of a moment."""
        self._look_at(now)
        return self._day, self._month

    def stated(self) -> Iterator[tuple[str, Counter]]:
        """Every count but those of minutes, with its key."""
        return ((key, each) for key, each in self._counters.items() if window_of(key) != "minute")

    def frees_s(self, line: Line, now: Moment) -> float:
        """Seconds until all of it is there again."""
        if line.lasting:
            return ends_at(line.budget.window, now.at_s) - now.at_s
        if line.budget.window == "at_once":
            return 0.0
        found = self._counters.get(line.key)
        return 0.0 if found is None else self._counter(line, now).used * MINUTE_S / line.most

    def recover(self, key: str, window: int, used: float) -> None:
        """Count what an earlier run used in a day or a month, if no later window is counted already."""
        counter = self._counters.setdefault(key, Counter(window))
        if counter.window < window:
            counter.window, counter.used = window, 0
        if counter.window == window:
            counter.used += used
            self.changes += 1

    def top(self, number: int) -> list[tuple[str, Counter]]:
        """The keys that used the largest share of what they may."""
        by_share = sorted(
            self._counters.items(),
            key=lambda each: each[1].taken / (each[1].most or math.inf),
            reverse=True,
        )
        return by_share[:number]

    def lasting(self) -> dict[str, tuple[int, int]]:
        """Key → (window, used) of what outlives a restart."""
        return {
            key: (counter.window, int(counter.used))
            for key, counter in self._counters.items()
            if counter.window and counter.used
        }

    def forget(self, now: Moment) -> None:
        """Drop what equals nothing used."""
        self._look_at(now)
        for key, counter in list(self._counters.items()):
            if counter.open or counter.held:
                continue
            if counter.window:
                over = counter.window < (self._day if window_of(key) == "day" else self._month)
            else:
                passed_s = now.now_s - counter.at_s
                over = passed_s > MINUTE_S and counter.used <= passed_s * counter.most / MINUTE_S
            if over:
                del self._counters[key]

    def _look_at(self, now: Moment) -> None:
        self._day = int(now.at_s // DAY_S)
        if not self._month_from <= now.at_s < self._month_until:
            self._month = month_of(now.at_s)
            self._month_from, self._month_until = self._day * DAY_S, ends_at("month", now.at_s)

    def _counters_of(self, lines: Sequence[Line], now: Moment) -> list[Counter]:
        self._look_at(now)
        return [self._counter(line, now) for line in lines]

    def _lacking(
        self, lines: Sequence[Line], counters: Sequence[Counter], amounts: Amounts, now: Moment
    ) -> Shortage | None:
        for line, counter in zip(lines, counters, strict=True):
            taken = counter.used + counter.held + counter.others
            if taken + amounts[line.measure] > line.budget.most:
                return self._shortage(lines, counters, amounts, now)
        return None

    def _hold(
        self, lines: Sequence[Line], counters: Sequence[Counter], amounts: Amounts, now: Moment
    ) -> Reservation:
        for line, counter in zip(lines, counters, strict=True):
            counter.open += 1
            if line.budget.window == "minute":
                counter.used += amounts[line.measure]
            else:
                counter.held += amounts[line.measure]
        return Reservation(lines, counters, amounts, now, (self._day, self._month), now.at_s)

    def _counter(self, line: Line, now: Moment) -> Counter:
        """The counter of a line, as it is now: a window that is over begins anew."""
        counter = self._counters.get(line.key)
        if counter is None:
            counter = self._counters[line.key] = Counter(at_s=now.now_s)
        counter.most = line.budget.most
        self._drain(line, counter, now)
        return counter

    def _drain(self, line: Line, counter: Counter, now: Moment) -> None:
        window = line.budget.window
        if window == "minute":
            gone = (now.now_s - counter.at_s) * line.budget.most / MINUTE_S
            counter.used, counter.at_s = max(0.0, counter.used - gone), now.now_s
        elif window != "at_once":
            current = self._day if window == "day" else self._month
            if counter.window < current:
                counter.window, counter.used, counter.others = current, 0, 0
            elif counter.window > current + CLOCK_SLACK:
                counter.window = current

    def _shortage(
        self, lines: Sequence[Line], counters: Sequence[Counter], amounts: Amounts, now: Moment
    ) -> Shortage:
        left, latest = [], (-1.0, lines[0])
        for line, counter in zip(lines, counters, strict=True):
            room = math.floor(line.most - counter.taken)
            left.append(max(0, room))
            missing = amounts[line.measure] - room
            if missing > 0:
                waits_s = missing * MINUTE_S / line.most if line.budget.window == "minute" else 0.0
                waits_s = self.frees_s(line, now) if line.lasting else waits_s
                latest = max(latest, (waits_s, line), key=lambda each: each[0])
        return Shortage(latest[1], latest[0], left, lines)

    def tally(self, line: Line) -> None:
        """An exchange was refused or cut for this line."""
        budget = line.budget
        self.refused[budget.scope, budget.measure, budget.window] += 1


def correction(by: int, now: Moment, began: Moment) -> int:
    """What a minute is corrected by at an end: it had counted what was held, and a part has drained since."""
    if by >= 0:
        return by
    return math.ceil(by * max(0.0, 1 - (now.now_s - began.now_s) / MINUTE_S))


WINDOW_LETTERS = {"at_once": "n", "minute": "i", "day": "d", "month": "m"}
_BY_LETTER = {letter: window for window, letter in WINDOW_LETTERS.items()}


def window_of(key: str) -> str:
    """The window that a key counts."""
    return _BY_LETTER[key[2]]
