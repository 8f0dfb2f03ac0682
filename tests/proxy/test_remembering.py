"""Budgets over restarts: nothing that was used is forgotten, and nothing counts twice."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog, NullLog
from sealgate.messages.feed import Outcome
from sealgate.policy.budgets import Budget
from sealgate.proxy.epoch import Began, Settled
from sealgate.proxy.events import EVENTS
from sealgate.proxy.journal import Journal
from sealgate.proxy.ledger import Ledger
from sealgate.proxy.lines import Charged
from sealgate.proxy.remembering import Remembering
from sealgate.proxy.segments import RECORD_LIMIT_BYTES
from sealgate.proxy.store import LocalCounts
from tests.proxy.test_journal import began, die, usage
from tests.proxy.test_process import a_process
from tests.proxy.world import World, prompt, until

INSTANCE = new_id("inst")
DAY = 20_000
CHARGED = Charged("urd", "", "", DAY * 86_400, 1, 0, 0)
KEY = "urd:app_1:p"
LIMITS = (Budget("user", "requests", "day", 100), Budget("user", "tokens", "month", 100_000))


class Run:
    """One run of ledger and journal on one folder."""

    def __init__(self, folder: Path, log: io.StringIO | None = None) -> None:
        self.ledger = Ledger()
        self.journal = Journal(folder / "journal", 16_384, 8 * 16_384, NullLog(EVENTS))
        self.remembering = Remembering(
            LocalCounts(self.ledger),
            self.journal,
            folder / "budgets.checkpoint",
            INSTANCE,
            LineLog("proxy", EVENTS, log) if log else NullLog(EVENTS),
        )
        self.remembering.restore()

    @property
    def used(self) -> int:
        return self.ledger.lasting().get(KEY, (0, 0))[1]

    def exchange(self, request: str = "req_1") -> None:
        """As the proxy does: the count and the record in one step."""
        number = self.journal.begin(_charged(request))
        self.ledger.recover(KEY, DAY, 1)
        self.journal.settle(number, usage(request), CHARGED)


def _charged(request: str) -> Began:
    found = began(request)
    found.pseudonym, found.charged = "p", CHARGED
    return found


@pytest.mark.parametrize("checkpoints", [0, 1, 2])
def test_a_crash_after_any_checkpoint_counts_every_exchange_once(tmp_path: Path, checkpoints: int) -> None:
    run = Run(tmp_path)
    for number in range(6):
        if number % 3 == 0 and number // 3 < checkpoints:
            run.remembering.save()
        run.exchange(f"req_{number}")
    for _ in range(3):  # and crashes right after the start count nothing again
        die(run.journal)
        run = Run(tmp_path)
        assert run.used == 6


def test_what_was_running_at_a_crash_counts_with_what_was_held(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.exchange()
    run.journal.begin(_charged("req_2"))
    die(run.journal)
    assert Run(tmp_path).used == 2


def test_the_journal_keeps_what_the_console_has_and_no_checkpoint(tmp_path: Path) -> None:
    run = Run(tmp_path)
    while len(run.journal.epoch.segments) < 3:
        run.exchange()
    done = run.journal.next_sequence - 1
    run.journal.counted(run.journal.epoch.name, done)
    die(run.journal)
    run = Run(tmp_path)
    assert run.used == done
    run.remembering.save()
    run.journal.counted(run.journal.earlier[0].name, done)
    assert run.journal.earlier == []
    die(run.journal)
    assert Run(tmp_path).used == done


def test_segments_go_once_a_checkpoint_covers_them(tmp_path: Path) -> None:
    run = Run(tmp_path)
    while len(run.journal.epoch.segments) < 3:
        run.exchange()
    run.journal.counted(run.journal.epoch.name, run.journal.next_sequence - 1)
    assert len(run.journal.epoch.segments) == 3
    run.remembering.save()
    assert len(run.journal.epoch.segments) == 1


@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 40, b"\x94\x01\xa1x\x80\x80"], ids=["empty", "zeros", "another's"]
)
def test_a_file_that_is_not_usable_is_said_and_the_journal_counts(tmp_path: Path, raw: bytes) -> None:
    run, log = Run(tmp_path), io.StringIO()
    run.exchange()
    die(run.journal)
    (tmp_path / "budgets.checkpoint").write_bytes(raw)
    assert Run(tmp_path, log).used == 1
    assert "checkpoint_refused" in log.getvalue()


def test_a_checkpoint_that_cannot_be_written_is_said_once_and_nothing_is_lost(tmp_path: Path) -> None:
    log = io.StringIO()
    run = Run(tmp_path, log)
    (tmp_path / "budgets.new").mkdir()
    for _ in range(3):
        run.exchange()
        run.remembering.save()
    assert log.getvalue().count("checkpoint_failed") == 1
    die(run.journal)
    (tmp_path / "budgets.new").rmdir()
    assert Run(tmp_path).used == 3


def test_while_an_end_is_not_written_there_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)

    def full(*_args: Any) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr(run.journal.epoch, "settle", full)
    run.exchange()
    run.remembering.save()
    die(run.journal)
    assert Run(tmp_path).used == 1


def test_records_of_the_release_before_are_read_and_charge_nothing() -> None:
    written_before = list(msgspec.structs.astuple(began()))[:-1]
    raw = msgspec.msgpack.encode(written_before)
    assert msgspec.msgpack.decode(raw, type=Began) == began()
    raw = msgspec.msgpack.encode([7, usage()])
    assert msgspec.msgpack.decode(raw, type=Settled).charged is None


def test_the_largest_record_fits_into_the_room_that_is_kept_for_it() -> None:
    lasting = " ".join(
        f"{scope}{measure}{window}999999999" for scope in "upao" for measure in "rtm" for window in "dm"
    )
    charge = Charged(lasting, "p" * 64, "0" * 24, 2**31, 1, 10**9, 10**15)
    large = msgspec.structs.replace(usage("req_" + "a" * 20), model="m" * 128, action="a" * 48)
    large = msgspec.structs.replace(large, organization="org_" + "a" * 20, application="app_" + "a" * 20)
    raw = msgspec.msgpack.encode(Settled(2**40, msgspec.structs.replace(large, pseudonym="p" * 26), charge))
    assert len(raw) + 8 <= RECORD_LIMIT_BYTES


@pytest.mark.parametrize("moment", ["running", "ended"])
async def test_kill_9_neither_loses_nor_doubles_what_was_used(stopped: World, moment: str) -> None:
    world = stopped
    world.publish(rules={"budgets": LIMITS})
    async with a_process(world) as child:
        for _ in range(3):
            assert (await world.chat()).status == 200
        if moment == "running":
            browser = await world.browser()
            browser.send(world.request(prompt("hang", stream=True, max_completion_tokens=100)))
            await world.provider.started.wait()
        child.kill()
        await child.process.wait()
    for _ in range(2):
        async with a_process(world) as child:
            top = (await world.admin("/-/limits")).json()["top"]
            used = {each["measure"]: each["used"] for each in top}
            child.kill()
            await child.process.wait()
        held = 100 + 32 + 11 if moment == "running" else 0
        assert used == {"requests": 3 + (moment == "running"), "tokens": 45 + held}
    async with a_process(world) as child:
        expected = [Outcome.COMPLETED] * 3 + [Outcome.LOST] * (moment == "running")
        await until(lambda: len(world.console.usage) == len(expected))
        assert world.console.outcomes() == expected
        await asyncio.sleep(0)
        await child.stop()
    assert not list((world.config.data_dir / "journal").glob("*.segment"))
