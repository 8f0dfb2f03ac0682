"""What is asked of a limit store: the four scripts beside this file, their keys and their arguments. Pure.

Counterparts: `lua/*.lua`, which say what each argument means; `store.py`, which asks. A key names a pseudonym
or a hash, never a subject, and every key expires.
"""

from __future__ import annotations

import datetime
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sealgate.policy.budgets import DAY_S
from sealgate.proxy.ledger import WINDOW_LETTERS, Amounts, Line, window_of
from sealgate.proxy.store_wire import Reply

SCRIPTS: Final[Mapping[str, str]] = {
    name: (Path(__file__).parent / "lua" / f"{name}.lua").read_text()
    for name in ("reserve", "settle", "live", "restate")
}
DIGESTS: Final[Mapping[str, str]] = {
    name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in SCRIPTS.items()
}
MARK_MS: Final = 40 * DAY_S * 1000
"""Longer than a month counts: a machine that comes back after that has nothing to add to it."""
KEPT_S: Final = 2 * DAY_S
"""What a day or a month used stays so long after its end, for clocks that are off."""

Part = bytes | str | int
Windows = tuple[int, int]
"""The day and the month."""


class Answer(msgspec.Struct, frozen=True):
    """What `reserve` says: whether there was room, and what is used and held of each count."""

    room: bool
    counts: list[tuple[float, int]]


class Used(msgspec.Struct, frozen=True):
    """What one count is to grow by."""

    key: str
    window: int
    amount: int


class Stated(msgspec.Struct, frozen=True):
    """What a process knows of one count: what it holds itself, and what is used at least."""

    key: str
    window: int
    held: int
    used: int


class Names:
    """The keys of one instance. The braces keep them together where a store is split."""

    def __init__(self, instance: str) -> None:
        self._prefix = f"sg:{{{instance}}}:"
        self.living, self.store = self._prefix + "living", self._prefix + "store"

    def mark(self, run: str) -> str:
        """How far a run's exchanges are counted."""
        return f"{self._prefix}counted:{run}"

    def count(self, key: str, window: int) -> str:
        """A count; days and months have a key each."""
        return f"{self._prefix}{key}:{window}" if window else self._prefix + key


def reserve(
    names: Names, run: str, lines: Sequence[Line], amounts: Amounts, windows: Windows, *, extending: bool
) -> list[Part]:
    """Hold on all lines, or on none."""
    keys: list[Part] = [names.living]
    more: list[Part] = [run, int(extending)]
    for line in lines:
        window = window_of_line(line, windows)
        keys.append(names.count(line.key, window))
        more += (_letter(line.key), amounts[line.measure], line.most, _expires_ms(line.key, window))
    return _call("reserve", keys, more)


def answer(reply: Reply, lines: int) -> Answer | None:
    """The answer of `reserve` for so many lines; None for what is none."""
    if not isinstance(reply, list) or len(reply) != 1 + 2 * lines:
        return None
    try:
        figures = [float(each) for each in reply[1:] if isinstance(each, bytes)]
        counts = [(used, int(held)) for used, held in zip(figures[::2], figures[1::2], strict=True)]
    except (ValueError, OverflowError):
        return None
    if not all(map(math.isfinite, figures)):
        return None
    return Answer(reply[0] == 1, counts)


def settle(  # noqa: PLR0917 - as the script has them
    names: Names, run: str, sequence: int, lines: Sequence[Line], held: Amounts, spent: Amounts,
    corrections: Sequence[int], windows: Windows,
) -> list[Part]:  # fmt: skip
    """Give back and count. `corrections` has a number for each line, which minutes are corrected by."""
    keys: list[Part] = [names.mark(run)]
    more: list[Part] = [run, sequence, MARK_MS]
    for line, by in zip(lines, corrections, strict=True):
        window = window_of_line(line, windows)
        letter = _letter(line.key)
        used = by if letter == "i" else 0 if letter == "n" else spent[line.measure]
        keys.append(names.count(line.key, window))
        more += (letter, held[line.measure], used, line.most, _expires_ms(line.key, window))
    return _call("settle", keys, more)


def count(names: Names, run: str, sequence: int, used: Iterable[Used]) -> list[Part]:
    """Count what was used, once, and give nothing back."""
    keys: list[Part] = [names.mark(run)]
    more: list[Part] = [run, sequence, MARK_MS]
    for each in used:
        keys.append(names.count(each.key, each.window))
        more += (_letter(each.key), 0, each.amount, 0, _expires_ms(each.key, each.window))
    return _call("settle", keys, more)


def live(names: Names, run: str, lease_ms: int, new_name: str) -> list[Part]:
    """Say that this run lives."""
    return _call("live", [names.living, names.store], [run, lease_ms, new_name])


def restate(names: Names, run: str, stated: Sequence[Stated]) -> list[Part]:
    """Say what this run holds, and what it knows to be used."""
    keys: list[Part] = []
    more: list[Part] = [run]
    for each in stated:
        keys.append(names.count(each.key, each.window))
        more += (_letter(each.key), each.held, each.used, _expires_ms(each.key, each.window))
    return _call("restate", keys, more)


def _call(script: str, keys: list[Part], more: list[Part]) -> list[Part]:
    return ["EVALSHA", DIGESTS[script], len(keys), *keys, *more]


def _letter(key: str) -> str:
    return WINDOW_LETTERS[window_of(key)]


def window_of_line(line: Line, windows: Windows) -> int:
    """The day or month that a line counts for; 0 for what has none."""
    return {"day": windows[0], "month": windows[1]}.get(line.budget.window, 0)


def _expires_ms(key: str, window: int) -> int:
    """When a count may go; 0 for those that go by themselves."""
    if not window:
        return 0
    if window_of(key) == "day":
        end_s: float = (window + 1) * DAY_S
    else:
        year, month = divmod(window + 1, 12)
        end_s = datetime.datetime(year, month + 1, 1, tzinfo=datetime.UTC).timestamp()
    return int(end_s + KEPT_S) * 1000
