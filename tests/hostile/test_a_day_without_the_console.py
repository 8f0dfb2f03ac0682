"""The console is gone for a day: by the clocks that the proxy reads, from eight in the evening on (UTC).

One process, both clocks of which leap from hour to hour; the loop's own does not, so nothing waits an hour.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest

from sealgate.messages.feed import Outcome
from sealgate.policy.budgets import DAY_S, Budget
from sealgate.policy.document import Limits
from sealgate.session import SessionSigner
from tests.proxy.world import INSTANCE, Answer, World, until

AN_HOUR_S = 3_600
EIGHT_IN_THE_EVENING = 20
HOURS = 24
OTHERS, MUCH = 6, 2
"""Requests of an hour: of as many people, and of one who asks much."""
A_DAY = 3 * MUCH
SEGMENT_BYTES, SEGMENTS = 16_384, 12
MANY = Limits(requests_per_minute=100_000, concurrent_streams=100, retries=0)


class Clock:
    """Both clocks of this process, as far ahead of the machine's as the hour says."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._wall, steady, self._ahead_s = time.time, time.monotonic, 0.0
        self._began_s = (self._wall() // DAY_S + 1) * DAY_S + EIGHT_IN_THE_EVENING * AN_HOUR_S
        self.at(0)
        patch.setattr(time, "time", lambda: self._wall() + self._ahead_s)
        patch.setattr(time, "monotonic", lambda: steady() + self._ahead_s)

    def at(self, hour: float) -> None:
        """It is so many hours later than at the beginning."""
        self._ahead_s = self._began_s + hour * AN_HOUR_S - self._wall()

    def hour_of(self, at_s: float) -> int:
        """The hour in which something was."""
        return int((at_s - self._began_s) // AN_HOUR_S)


async def asked(world: World, user: str) -> Answer:
    """What somebody is answered whose session was signed just now."""
    signer = SessionSigner(world.application, INSTANCE, world.key, clock=time.time)
    return await world.chat(token=signer.token(user, ["api:*"]))


async def an_hour(world: World, hour: int) -> tuple[int, int]:
    """How many were served: others, and who asks much; whoever was not had used up a day."""
    others = [await asked(world, f"user-{hour}-{number}") for number in range(OTHERS)]
    much = [await asked(world, "who asks much") for _ in range(MUCH)]
    assert {answer.status for answer in others} == {200}
    assert {answer.error["code"] for answer in much if answer.status != 200} <= {"budget_used_up"}
    return len(others), sum(answer.status == 200 for answer in much)


async def test_a_day_without_the_console_is_served_bounded_and_counted_once(
    stopped: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, clock, served, much = stopped, Clock(monkeypatch), Counter[int](), []
    world.publish(MANY, rules={"budgets": (Budget("user", "requests", "day", A_DAY),)})
    await world.start_proxy(journal_segment_bytes=SEGMENT_BYTES, journal_limit_bytes=SEGMENTS * SEGMENT_BYTES)
    await world.connected()
    assert (await asked(world, "the first")).status == 200
    await until(lambda: len(world.console.usage) == 1)
    await world.console.server.close()
    await until(lambda: not world.running.console.connected)
    served[0] = 1
    for hour in range(HOURS):
        clock.at(hour + 0.1)
        await until(lambda: not len(world.running.parts.keys))  # its lease was over
        if hour == HOURS // 2:
            await world.stop_proxy()
            await world.start_proxy()
            await until(lambda: world.running.vault.connected)
        others, of_one = await an_hour(world, hour)
        served[hour] += others + of_one
        much.append(of_one)
    parts = world.running.parts
    assert much == [MUCH] * 3 + [0] + [MUCH] * 3 + [0] * 17, "a budget begins anew at midnight, and only then"
    assert len(world.vault.opens) == 1 + HOURS, "no key outlives its lease"
    assert parts.applications.confirmed_s_ago() == pytest.approx((HOURS - 0.9) * AN_HOUR_S, abs=60)

    while (answer := await asked(world, f"user-{served.total()}")).status == 200:
        served[HOURS - 1] += 1
    assert answer.error["code"] == "journal_unavailable"
    kept = [path.stat().st_size for path in parts.journal.folder.glob("*.segment")]
    assert sum(kept) <= SEGMENTS * SEGMENT_BYTES
    clock.at(HOURS + 0.1)
    refused = (await asked(world, "the last")).error
    assert (refused["code"], refused["who"]) == ("configuration_unavailable", "administrator")
    assert len(world.console.usage) == 1

    await world.console.server.start()
    await until(lambda: len(world.console.usage) == served.total(), 20)
    records = world.records()
    assert len({record.request for record in records}) == served.total()
    assert Counter(clock.hour_of(record.started_at) for record in records) == served
    assert {record.outcome for record in records} == {Outcome.COMPLETED}
    await until(lambda: parts.journal.ready() and parts.journal.segment_count <= 3)
    assert (await asked(world, "one more")).status == 200
