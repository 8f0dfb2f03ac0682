"""Days as filters have them: typed as `2026-01-31`, meant in UTC, both ends included.

Pure. What is no day counts as not typed.
"""

from __future__ import annotations

import datetime

from msgspec import Struct

DAY_S = 86_400


class DayRange(Struct, frozen=True):
    """From the beginning of one day to the end of another; either may be open."""

    first: datetime.date | None = None
    last: datetime.date | None = None

    @property
    def from_s(self) -> float | None:
        """Unix seconds at the beginning."""
        return None if self.first is None else _midnight(self.first)

    @property
    def until_s(self) -> float | None:
        """Unix seconds at the end, not included."""
        return None if self.last is None else _midnight(self.last) + DAY_S


def parse_day(text: str) -> datetime.date | None:
    """The day, or `None`."""
    try:
        return datetime.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def day_of(at_s: float) -> datetime.date:
    """The day of a moment, in UTC."""
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).date()


def _midnight(day: datetime.date) -> float:
    return datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp()
