"""What a worker that is no more left in its folder: another takes it, once, and nothing from who lives."""

from __future__ import annotations

import shutil
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sealgate.messages.feed import Outcome
from sealgate.policy.budgets import Budget
from sealgate.proxy import leftovers
from sealgate.proxy.journal import Journal, JournalError
from sealgate.proxy.store_config import StoreConfig
from tests.proxy.redis_server import a_redis_server
from tests.proxy.world import World, until

LEFT = {Outcome.COMPLETED: 2, Outcome.LOST: 1}


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look around many times a second."""
    monkeypatch.setattr(leftovers, "LOOK_S", 0.01)


async def killed(world: World, folder: Path) -> None:
    """A worker's folder after `kill -9`: two exchanges that ended, and one in the middle."""
    world.console.count_nothing = True
    await world.start_proxy(data_dir=world.folder / "killed")
    await world.connected()
    for _ in range(2):
        assert (await world.chat()).status == 200
    await world.stream()
    shutil.copytree(world.folder / "killed", folder)
    await world.stop_proxy()
    shutil.rmtree(world.folder / "killed")
    world.console.count_nothing = False


async def start_worker(world: World, **changes: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as shared:
        await world.start_proxy(
            data_dir=world.folder / "workers", listener_fd=shared.detach(), workers=1, **changes
        )
    await world.connected()


def segments(folder: Path) -> list[Path]:
    return list((folder / "journal").glob("*.segment"))


async def test_another_worker_delivers_it_once_and_removes_the_files(stopped: World) -> None:
    folder = stopped.folder / "workers" / "3"
    await killed(stopped, folder)
    assert segments(folder)
    await start_worker(stopped)
    await until(lambda: not segments(folder))
    assert Counter(stopped.console.outcomes()) == LEFT
    assert len({record.request for record in stopped.records()}) == 3


async def test_it_stays_while_the_console_does_not_count_and_is_lost_in_no_restart(stopped: World) -> None:
    folder = stopped.folder / "workers" / "2"
    await killed(stopped, folder)
    stopped.console.count_nothing = True
    await start_worker(stopped)
    await until(lambda: stopped.console.batches > 1)
    await stopped.stop_proxy()
    assert segments(folder)
    assert not stopped.console.usage
    stopped.console.count_nothing = False
    await start_worker(stopped)
    await until(lambda: not segments(folder))
    assert Counter(stopped.console.outcomes()) == LEFT


async def test_a_folder_whose_worker_lives_is_left_alone(stopped: World) -> None:
    folder = stopped.folder / "workers" / "2"
    await killed(stopped, folder)
    config = stopped.config
    log = (await stopped.start_proxy(data_dir=stopped.folder / "elsewhere"))._log
    lives = Journal(folder / "journal", config.journal_segment_bytes, config.journal_limit_bytes, log)
    await stopped.stop_proxy()
    behind = stopped.folder / "workers" / "3"
    await killed(stopped, behind)
    await start_worker(stopped)
    await until(lambda: not segments(behind))
    assert Counter(stopped.console.outcomes()) == LEFT, "of the one behind it"
    lives.close()
    await until(lambda: len(stopped.records()) == 6)


async def test_a_worker_takes_the_first_folder_that_is_free(stopped: World) -> None:
    await start_worker(stopped)
    first, taken = stopped.running, stopped.folder / "workers"
    second = leftovers.open_journal(first.config, first._log)
    assert second.folder == taken / "2" / "journal"
    others = [leftovers.open_journal(first.config, first._log) for _ in range(2)]
    with pytest.raises(JournalError, match="another proxy uses"):
        leftovers.open_journal(first.config, first._log)
    for journal in (second, *others):
        journal.close()


@pytest.mark.redis
async def test_what_it_used_counts_in_the_store_once_before_its_files_go(stopped: World) -> None:
    stopped.publish(rules={"budgets": (Budget("application", "requests", "day", 100),)})
    with a_redis_server() as server:
        store = StoreConfig(address=server.address)
        folder = stopped.folder / "workers" / "4"
        await killed(stopped, folder)
        again = stopped.folder / "again"
        shutil.copytree(folder, again)
        await start_worker(stopped, limit_store=store)
        await until(lambda: not segments(folder))
        shutil.copytree(again / "journal", stopped.folder / "workers" / "2" / "journal")
        await until(lambda: not segments(stopped.folder / "workers" / "2"))
        assert (await stopped.chat()).status == 200
        counts = (await stopped.admin("/-/limits")).json()["top"]
        (day,) = [each["used"] for each in counts if each["window"] == "day"]
        assert day == 4, "three of the dead worker's, once, and this one"
