"""The chart of usage by day: columns of an SVG that needs no script and no inline style.

Pure. Counterpart: the table of the same numbers below it, for everybody who cannot see columns.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from msgspec import Struct

from sealgate.console.usage.listing import UsageDay

MOST_DAYS = 92
HEIGHT = 100
_EPOCH = datetime.date(1970, 1, 1)


class Column(Struct, frozen=True):
    """One day: its place and height in the chart, and its numbers."""

    day: datetime.date
    x: int
    y: int
    height: int
    numbers: UsageDay


class Chart(Struct, frozen=True):
    """Columns side by side, ten units each, 100 units high."""

    columns: Sequence[Column]
    by_cost: bool
    """True: heights are costs; else tokens, because nothing that is shown has a price."""
    cut: bool
    """True if there are older days that are not shown."""

    @property
    def width(self) -> int:
        """In the units of the columns."""
        return max(1, len(self.columns)) * 10


def make_chart(days: Sequence[UsageDay], last: datetime.date | None = None) -> Chart:
    """Every day from the first that has usage up to `last` (or the last that has), 92 at most."""
    if not days:
        return Chart([], by_cost=False, cut=False)
    end = max(days[-1].number, (last - _EPOCH).days if last else 0)
    end = min(end, days[-1].number + MOST_DAYS - 1)
    start = max(days[0].number, end - MOST_DAYS + 1)
    by_number = {day.number: day for day in days}
    shown = [by_number.get(number, UsageDay(number, 0, 0, 0)) for number in range(start, end + 1)]
    by_cost = any(day.cost_nano_usd for day in shown)
    values = [day.cost_nano_usd if by_cost else day.tokens for day in shown]
    highest = max([*values, 1])
    columns = []
    for place, (day, value) in enumerate(zip(shown, values, strict=True)):
        height = max(1, round(value * HEIGHT / highest)) if value else 0
        date = _EPOCH + datetime.timedelta(days=day.number)
        columns.append(Column(date, place * 10, HEIGHT - height, height, day))
    return Chart(columns, by_cost=by_cost, cut=start > days[0].number)
