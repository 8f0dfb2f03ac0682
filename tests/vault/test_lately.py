"""Answers that may be some seconds old, counts of rows in a thread, and events that are counted."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from sealgate.log import NullLog
from sealgate.vault.counting import count
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StorageError
from sealgate.vault.lately import Lately
from sealgate.vault.tally import Tally
from tests.vault.keks import Kept
from tests.vault.still import StillVault


class Watch:
    """Time that moves when the test says so."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_an_answer_is_asked_for_again_once_it_is_old() -> None:
    watch, answers = Watch(), iter((1, 2, 3))
    lately = Lately(lambda: next(answers), watch, fresh_s=10, patience_s=5)
    assert await lately.get() == 1
    watch.now_s = 9.9
    assert await lately.get() == 1
    watch.now_s = 10.0
    assert await lately.get() == 2


async def test_who_comes_while_it_is_asked_waits_for_the_same_answer() -> None:
    over, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        over.wait(10)
        return len(asked)

    lately = Lately(ask, Watch(), fresh_s=10, patience_s=10)
    waiting = [asyncio.create_task(lately.get()) for _ in range(5)]
    while not asked:
        await asyncio.sleep(0)
    over.set()
    assert await asyncio.gather(*waiting) == [1] * 5


async def test_an_answer_that_does_not_come_in_time_is_none_and_comes_later() -> None:
    over = threading.Event()
    lately = Lately(lambda: over.wait(10), Watch(), fresh_s=10, patience_s=0.01)
    assert await lately.get() is None
    assert await lately.get() is None
    over.set()
    while await lately.get() is None:
        await asyncio.sleep(0)
    assert await lately.get() is True


async def test_what_asking_raises_is_raised_and_asked_for_again() -> None:
    answers = iter((StorageError("full"), 7))

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    lately = Lately(ask, Watch(), fresh_s=10, patience_s=5)
    with pytest.raises(StorageError):
        await lately.get()
    assert await lately.get() == 7


async def test_a_question_that_is_given_up_is_forgotten() -> None:
    over = threading.Event()
    lately = Lately(lambda: over.wait(10), Watch(), fresh_s=10, patience_s=0.01)
    await lately.get()
    task = lately._running
    assert task is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    over.set()
    assert await lately.get() is True


def test_rows_are_counted_while_the_vault_holds_the_file(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        Kept(vault, organizations=3)
        found = count(tmp_path / "data" / "vault.db")
        assert (found.rows["peppers"], found.rows["versions"]) == (3, 3)
        assert found.credentials == {"active": 3}
        assert found.by_kek == {vault.foundation.kek.version: 1 + 3 + 2 * 3}


def test_counting_where_there_is_no_database_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        count(tmp_path / "vault.db")
    assert not list(tmp_path.iterdir())


def test_events_are_counted_by_their_code_and_only_once_they_are_logged() -> None:
    tally = Tally(NullLog(EVENTS))
    for code in ("used", "unknown", "used"):
        tally("ticket_refused", code=code, credential="")
    tally("stopped")
    with pytest.raises(KeyError):
        tally("unheard")
    assert tally.count("ticket_refused") == 3
    assert list(tally.by_code("ticket_refused").items()) == [("unknown", 1), ("used", 2)]
    assert tally.by_code("stopped") == {"": 1}
    assert tally.count("unheard") == 0
