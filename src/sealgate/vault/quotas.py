"""How many keys a proxy may have opened in a minute, and of whom: the limits on one that was taken over.

Counterparts: `opener`, which asks before anything is looked up or unwrapped; `config`, where limits stand.
A proxy is who the kernel says it is, its system user: what it calls itself changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from sealgate.log import Log

MINUTE_S = 60.0


class ProxyRule(Struct, frozen=True):
    """The limits of the proxies of one system user."""

    uid: int
    name: str
    """For people, in log and audit."""
    organizations: tuple[str, ...] = ()
    """Whose keys they may have opened; empty: everybody's."""
    opens_per_minute: int = 0
    """0: as many as the vault allows by default."""


class QuotaState(Struct, frozen=True):
    """What the proxies of one system user may, and have done in this minute."""

    uid: int
    name: str
    """As the configuration has it; empty where it names none."""
    organizations: int
    """How many are on their list; 0: everybody."""
    quota: int
    used: int
    refused: int


class Quotas:
    """Counts by system user and calendar minute."""

    def __init__(
        self, rules: Sequence[ProxyRule], opens_per_minute: int, clock: Callable[[], float], log: Log
    ) -> None:
        self._rules = {rule.uid: rule for rule in rules}
        self._default = opens_per_minute
        self._clock = clock
        self._log = log
        self._minutes: dict[int, _Minute] = {}

    def take(self, uid: int, proxy: str) -> bool:
        """One more open was asked for; False if it is one too many."""
        now = self._clock() // MINUTE_S
        minute = self._minutes.get(uid)
        if minute is None or minute.number != now:
            self.settle()
            minute = self._minutes[uid] = _Minute(now, self._quota(uid))
        minute.asked += 1
        if minute.asked <= minute.quota:
            return True
        minute.proxy = proxy
        return False

    def allows(self, uid: int, organization: str) -> bool:
        """True if this organization's keys are for proxies of that user."""
        rule = self._rules.get(uid)
        return rule is None or not rule.organizations or organization in rule.organizations

    def seconds_left(self) -> int:
        """Until the next minute, and with it the next opens."""
        return int(MINUTE_S - self._clock() % MINUTE_S) + 1

    def states(self, uids: Iterable[int]) -> tuple[QuotaState, ...]:
        """Of each of these users, in their order."""
        return tuple(self._state(uid) for uid in sorted({*uids, *self._rules}))

    def _state(self, uid: int) -> QuotaState:
        rule, minute = self._rules.get(uid), self._minutes.get(uid)
        quota = self._quota(uid)
        is_now = minute is not None and minute.number == self._clock() // MINUTE_S
        asked = minute.asked if minute is not None and is_now else 0
        return QuotaState(
            uid=uid,
            name="" if rule is None else rule.name,
            organizations=0 if rule is None else len(rule.organizations),
            quota=quota,
            used=min(asked, quota),
            refused=max(asked - quota, 0),
        )

    def settle(self) -> None:
        """Tell of each minute that is over how many opens were too many, once."""
        now = self._clock() // MINUTE_S
        for uid, minute in list(self._minutes.items()):
            if minute.number != now:
                self._tell(uid, minute)

    def close(self) -> None:
        """Tell of the minute that is under way too."""
        for uid, minute in list(self._minutes.items()):
            self._tell(uid, minute)

    def _tell(self, uid: int, minute: _Minute) -> None:
        del self._minutes[uid]
        over = minute.asked - minute.quota
        if over > 0:
            rule = self._rules.get(uid)
            name = minute.proxy if rule is None else rule.name
            self._log("opens_over_quota", uid=uid, proxy=name, count=over, quota=minute.quota)

    def _quota(self, uid: int) -> int:
        rule = self._rules.get(uid)
        return self._default if rule is None else rule.opens_per_minute or self._default


class _Minute:
    """What was asked for in one calendar minute."""

    __slots__ = ("asked", "number", "proxy", "quota")

    def __init__(self, number: float, quota: int) -> None:
        self.number = number
        self.quota = quota
        self.asked = 0
        self.proxy = ""
