"""Who counts limits and budgets: this process alone, or a store that many processes share.

One small interface. Counterparts: `spending.py`, which asks for one exchange; `ledger.py`, which counts alone
and mirrors the store; `lua/*.lua`, which count for all. While the store is away each limit does what was
declared for it. Must never count an exchange twice, and never tell the store who somebody is.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from sealgate.log import Log
from sealgate.proxy import store_calls as calls
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.ledger import Amounts, Ledger, Line, Moment, Reservation, Shortage, correction, window_of
from sealgate.proxy.store_calls import Answer, Names, Stated, Used
from sealgate.proxy.store_config import StoreConfig
from sealgate.proxy.store_link import Link, Links
from sealgate.proxy.store_owed import Debt, Owed
from sealgate.proxy.store_wire import Reply, StoreError

Found = Reservation | Shortage | ProxyError
"""What is held; or why nothing is."""
BEATS: Final = 3
"""A process says so often within a lease that it lives."""
BATCH: Final = 500
LEAVE_S: Final = 2.0


class Counts(Protocol):
    """Holds, extends and settles; `then` may be called before the call returns, or later."""

    ledger: Ledger
    shared: bool
    """True if other processes count with this one: the limits of sessions are counted here too."""

    def reserve(
        self, lines: Sequence[Line], amounts: Amounts, now: Moment, then: Callable[[Found], None]
    ) -> None:
        """Hold these amounts on every line, or nothing on any."""

    def extend(
        self, reservation: Reservation, more: Amounts, now: Moment, then: Callable[[bool], None]
    ) -> None:
        """Hold more for an exchange that runs; False, and nothing more is held, where a line has no room."""

    def settle(self, reservation: Reservation, spent: Amounts, now: Moment, sequence: int) -> None:
        """Give back what was held, and count what was used, once for a sequence of the journal."""


class LocalCounts:
    """This process alone."""

    shared = False

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def reserve(
        self, lines: Sequence[Line], amounts: Amounts, now: Moment, then: Callable[[Found], None]
    ) -> None:
        """At once."""
        then(self.ledger.reserve(lines, amounts, now))

    def extend(
        self, reservation: Reservation, more: Amounts, now: Moment, then: Callable[[bool], None]
    ) -> None:
        """At once."""
        held = self.ledger.extend(reservation, more, now)
        if held:
            self.ledger.count_today(reservation, now)
        then(held)

    def settle(self, reservation: Reservation, spent: Amounts, now: Moment, sequence: int) -> None:
        """At once."""
        self.ledger.settle(reservation, spent, now)


class SharedCounts:
    """With others, through a store. `alone` tallies, by window, what was decided while it was away."""

    shared = True

    def __init__(self, ledger: Ledger, config: StoreConfig, instance: str, run: str, log: Log) -> None:
        self.ledger, self._config, self._run, self._log = ledger, config, run, log
        self._names = Names(instance)
        self._links = Links(config, self._up, self._down)
        self._owed = Owed()
        self._earlier: set[str] = set()
        self._uncertain: set[tuple[str, int]] = set()
        self._store_name = b""
        self._up_told: bool | None = None
        self.alone = 0

    @property
    def connected(self) -> bool:
        """True while the store answers."""
        return self._links.link is not None

    @property
    def owed(self) -> int:
        """Calls' worth of what was used and is not counted by the store yet."""
        return len(self._owed)

    async def run(self) -> None:
        """Stay connected, and say that this process lives."""
        await asyncio.gather(self._links.run(), self._beat())

    async def close(self) -> None:
        """What was settled arrives, and what is left to hold ends at once."""
        link = self._links.link
        if link is not None:
            left = asyncio.Event()
            link.ask(["ZREM", self._names.living, self._run], lambda _reply: left.set())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await left.wait()

    def owe(self, run: str, sequence: int, used: Iterable[tuple[str, int, int]]) -> None:
        """An earlier run's exchange, from its journal: counted unless it was counted before."""
        self._earlier.add(run)
        found = [Used(*each) for each in used if each[2]]
        # Each by itself: the store may have counted some of them and not the others.
        debt = self._owed.add(run, sequence, found, sent=True) if found else None
        if debt is not None and self._links.link is not None:
            self._pay(self._links.link, debt)

    def counted_marks(self, marks: Mapping[str, int]) -> dict[str, int]:
        """How far the store has each run's exchanges; while it is away the journal does not wait for it."""
        return {
            run: self._owed.counted_through(run, last) if self.connected or run != self._run else last
            for run, last in marks.items()
        }

    # One exchange.

    def reserve(
        self, lines: Sequence[Line], amounts: Amounts, now: Moment, then: Callable[[Found], None]
    ) -> None:
        """One call to the store."""
        link, windows = self._links.link, self.ledger.windows(now)
        if link is None:
            then(self._alone(lines, amounts, now))
            return

        def heard(reply: Reply) -> None:
            found = self._understood(reply, lines, windows)
            if found is None:
                then(self._alone(lines, amounts, now))
                return
            held = self.ledger.hold(lines, amounts, now) if found.room else None
            self._agree(lines, found, now)
            then(held or self.ledger.short(lines, amounts, now))

        link.ask(calls.reserve(self._names, self._run, lines, amounts, windows, extending=False), heard)

    def extend(
        self, reservation: Reservation, more: Amounts, now: Moment, then: Callable[[bool], None]
    ) -> None:
        """One call to the store; while it is away, what runs is cut only where this process alone would."""
        link, lines, windows = self._links.link, reservation.lines, reservation.windows
        if link is None:
            then(self._extend_alone(reservation, more, now))
            return

        def heard(reply: Reply) -> None:
            found = self._understood(reply, lines, windows)
            if not reservation.lines:  # it was settled meanwhile: what was held too late is stated anew
                self._uncertain.update(_keys(lines, windows))
                self._restate(link, everything=False)
            elif found is None:
                then(self._extend_alone(reservation, more, now))
            else:
                if found.room:
                    self.ledger.hold_more(reservation, more)
                self._agree(lines, found, now)
                then(found.room)

        link.ask(calls.reserve(self._names, self._run, lines, more, windows, extending=True), heard)

    def settle(self, reservation: Reservation, spent: Amounts, now: Moment, sequence: int) -> None:
        """One call to the store, for which nobody waits; what it does not confirm is owed."""
        lines, held, windows = reservation.lines, reservation.amounts, reservation.windows
        used = [
            Used(line.key, window, spent[line.measure])
            for line, (_key, window) in zip(lines, _keys(lines, windows), strict=True)
            if line.lasting and spent[line.measure]
        ]
        corrections = [
            correction(spent[line.measure] - held[line.measure], now, reservation.began) for line in lines
        ]
        self.ledger.settle(reservation, spent, now)
        link, counted = self._links.link, sequence if used else 0
        debt = self._owed.add(self._run, sequence, used, sent=link is not None) if counted else None
        if link is not None:
            call = calls.settle(self._names, self._run, counted, lines, held, spent, corrections, windows)
            link.ask(call, partial(self._settled, debt))

    # While the store is away.

    def _alone(self, lines: Sequence[Line], amounts: Amounts, now: Moment) -> Found:
        """Each limit as was declared for it: refused, not looked at, or counted here in the meantime."""
        self.alone += 1
        ways = [self._config.while_away(line.budget.window) for line in lines]
        if "refuse" in ways:
            return ProxyError("limits_unavailable")
        looked_at = [line for line, way in zip(lines, ways, strict=True) if way == "local"]
        lacking = self.ledger.lacking(looked_at, amounts, now) if looked_at else None
        return lacking or self.ledger.hold(lines, amounts, now)

    def _extend_alone(self, reservation: Reservation, more: Amounts, now: Moment) -> bool:
        if all(self._config.while_away(line.budget.window) == "allow" for line in reservation.lines):
            self.ledger.hold_more(reservation, more)
            return True
        return self.ledger.extend(reservation, more, now)

    # The connection.

    def _up(self, link: Link) -> None:
        """First what is owed, then what is held: in this order, so that nothing is given back twice."""
        self._live(link)
        for debt in self._owed:
            self._pay(link, debt)
        for run in self._earlier:
            link.ask(["ZREM", self._names.living, run], lambda _reply: None)
        self._earlier.clear()
        self._restate(link, everything=False)

    def _pay(self, link: Link, debt: Debt) -> None:
        debt.sent = True
        link.ask(calls.count(self._names, debt.run, debt.last, debt.each()), partial(self._settled, debt))

    def _say_connected(self) -> None:
        if not self._up_told:
            self._up_told = True
            self._log("limit_store_connected", owed=len(self._owed))

    def _down(self, why: str) -> None:
        if self._up_told is not False:
            self._up_told = False
            self._log("limit_store_lost", store=self._links.address.told, code=why)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._config.lease_s / BEATS)
            if self._links.link is not None:
                self._live(self._links.link)

    def _live(self, link: Link) -> None:
        lease_ms, new_name = int(1000 * self._config.lease_s), secrets.token_hex(8)
        link.ask(calls.live(self._names, self._run, lease_ms, new_name), partial(self._lives, link))

    def _lives(self, link: Link, reply: Reply) -> None:
        """State everything to a store that is new or was emptied; what is held, if it took us for dead."""
        self._erred(reply)
        match reply:
            case [bytes(name), int(known)]:
                self._say_connected()
                if name != self._store_name:
                    if self._store_name:
                        self._log("limit_store_emptied")
                    self._store_name = name
                    self._restate(link, everything=True)
                elif not known:
                    self._restate(link, everything=False)

    def _restate(self, link: Link, *, everything: bool) -> None:
        found = [
            Stated(key, each.window, each.held, int(each.used) if everything else 0)
            for key, each in self.ledger.stated()
            if each.held or everything
        ]
        known = {(each.key, each.window) for each in found}
        found += [Stated(*at, 0, 0) for at in self._uncertain - known if window_of(at[0]) != "minute"]
        self._uncertain.clear()
        for start in range(0, len(found), BATCH):
            link.ask(calls.restate(self._names, self._run, found[start : start + BATCH]), self._erred)

    def _settled(self, debt: Debt | None, reply: Reply) -> None:
        if debt is not None and isinstance(reply, int):
            self._owed.paid(debt)
        self._erred(reply)

    # Replies.

    def _understood(self, reply: Reply, lines: Sequence[Line], windows: calls.Windows) -> Answer | None:
        """The answer of `reserve`. Where there is none, nobody knows what is held there."""
        found = calls.answer(reply, len(lines))
        if found is None:
            self._uncertain.update(_keys(lines, windows))
            self._erred(reply)
        return found

    def _agree(self, lines: Sequence[Line], found: Answer, now: Moment) -> None:
        for line, (used, held) in zip(lines, found.counts, strict=True):
            self.ledger.agree(line, used, held, now)

    def _erred(self, reply: Reply) -> None:
        """A store that does not do what it is asked (no memory, no right) is as good as away."""
        if isinstance(reply, StoreError) and self._links.link is not None:
            self._links.link.abort(str(reply))


def _keys(lines: Sequence[Line], windows: calls.Windows) -> list[tuple[str, int]]:
    return [(line.key, calls.window_of_line(line, windows)) for line in lines]
