"""Budgets: how much may be used by whom in which time. Literal rows of the policy document, and their words.

Counterparts: `document.py`, which holds them; the proxy's ledger, which counts; the console, which shows the
words before anybody reads them as a refusal. Pure: a moment comes in as Unix seconds, and days and months are
those of UTC.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Final, Literal

import msgspec

MAX_BUDGETS: Final = 24
"""In one document, those of the organization among them: each is named in the record of an exchange."""
DAY_S: Final = 86_400
MINUTE_S: Final = 60.0

PlanId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")]
Resets = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Scope = Literal["session", "user", "plan", "application", "organization"]
Measure = Literal["requests", "tokens", "money", "streams"]
Window = Literal["at_once", "minute", "day", "month"]

MEASURES: Final[tuple[Measure, ...]] = ("requests", "tokens", "money", "streams")
LASTING: Final[tuple[Window, ...]] = ("day", "month")
"""Windows that outlive a restart."""


class Budget(msgspec.Struct, frozen=True):
    """The most that all of a scope may use together in one window. Money is in billionths of a US dollar.

    `plans` limits it to sessions of these plans; empty: all sessions, those without a plan too. `unpriced`:
    what happens to a model without a price. `reset` grows when somebody lets the count begin anew.
    """

    scope: Scope
    measure: Measure
    window: Window
    most: Annotated[int, msgspec.Meta(ge=1, le=10**15)]
    plans: Annotated[tuple[PlanId, ...], msgspec.Meta(max_length=16)] = ()
    unpriced: Literal["refuse", "allow"] = "refuse"
    reset: Resets = 0

    @property
    def name(self) -> str:
        """What tells it from the others of its document, such as `user tokens day free`."""
        return " ".join((self.scope, self.measure, self.window, *self.plans))

    def applies_to(self, plan: str | None) -> bool:
        """True for sessions of this plan."""
        if self.scope == "plan" and plan is None:
            return False
        return not self.plans or plan in self.plans


_decode: Final = msgspec.msgpack.Decoder(tuple[Budget, ...]).decode


class Words(msgspec.Struct, frozen=True):
    """What a person is told: what happened, and what to do."""

    message: str
    hint: str


def decode_budgets(encoded: bytes | None) -> tuple[Budget, ...]:
    """The budgets in these msgpack bytes; None: there are none."""
    return () if encoded is None else _decode(encoded)


def fault_of(budget: Budget) -> tuple[str, str] | None:
    """What is wrong with a budget, and what to do about it; None for one that can be used."""
    if (budget.measure == "streams") != (budget.window == "at_once"):
        return "streams are counted at once, and nothing else is", "Choose streams with at_once."
    if budget.measure == "money" and budget.window == "minute":
        return "money is counted by day or month", "Choose day or month."
    if budget.scope == "session" and budget.window == "month":
        return "a session does not last for a month", "Choose day, or the scope user."
    return None


def month_of(at_s: float) -> int:
    """The month of a moment: months since the year 0, so that the next one is one more."""
    moment = datetime.datetime.fromtimestamp(at_s, datetime.UTC)
    return moment.year * 12 + moment.month - 1


def ends_at(window: Window, at_s: float) -> float:
    """When a day or month ends, in Unix seconds."""
    if window == "day":
        return (at_s // DAY_S + 1) * DAY_S
    year, month = divmod(month_of(at_s) + 1, 12)
    return datetime.datetime(year, month + 1, 1, tzinfo=datetime.UTC).timestamp()


_WHOSE: Final = {
    "session": "This session's",
    "user": "Your",
    "plan": "This plan's",
    "application": "The application's",
    "organization": "The organization's",
}
_WHAT: Final = {"requests": "requests", "tokens": "tokens", "money": "budget"}
_WHEN: Final = {"minute": "for this minute", "day": "for today", "month": "for this month"}
_SHARED: Final = {"plan", "application", "organization"}
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def used_up_words(budget: Budget, at_s: float) -> Words:
    """What is said of a request that a budget has no room for."""
    if budget.measure == "streams":
        return Words(_too_many(budget), "Wait for one to end, or stop one.")
    verb = "is" if budget.measure == "money" else "are"
    return Words(f"{_subject(budget)} {verb} used up.", _hint(budget, at_s))


def cut_words(budget: Budget, at_s: float) -> Words:
    """What is said of an answer that was ended at a budget's end."""
    verb = "was" if budget.measure == "money" else "were"
    return Words(f"{_subject(budget)} {verb} used up while this answer was written.", _hint(budget, at_s))


def too_large_words(budget: Budget) -> Words:
    """What is said of a request that is larger than a budget is at its best."""
    return Words(
        f"This request alone is larger than {_subject(budget)[0].lower()}{_subject(budget)[1:]}.",
        "Send less at a time, or ask for a shorter answer.",
    )


def _subject(budget: Budget) -> str:
    return f"{_WHOSE[budget.scope]} {_WHAT[budget.measure]} {_WHEN[budget.window]}"


def _too_many(budget: Budget) -> str:
    whose = {"session": "for this session", "user": "for you"}.get(budget.scope, f"for the {budget.scope}")
    return f"Too many answers are being written at once {whose}."


def _hint(budget: Budget, at_s: float) -> str:
    if budget.window == "minute":
        return "Wait as long as `retry-after` says."
    end = datetime.datetime.fromtimestamp(ends_at(budget.window, at_s), datetime.UTC)
    when = "at midnight" if budget.window == "day" else f"on {end.day} {_MONTHS[end.month - 1]} at 00:00"
    raised = " An administrator can raise the limit." if budget.scope in _SHARED else ""
    return f"The count begins anew {when} (UTC).{raised}"
