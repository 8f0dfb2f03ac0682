"""A folder for every worker, and what earlier workers left in theirs: taken to the console, and counted.

Counterparts: `process.py`, which takes a folder at its start; `journal.py`, whose lock says that it is in
use. Without workers there is one folder, `data_dir` itself. Must never leave a record that nobody ships.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sealgate.log import Log
from sealgate.messages.client import Client
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.epoch_reading import charges
from sealgate.proxy.journal import Journal, JournalError
from sealgate.proxy.lines import counted
from sealgate.proxy.shipping import Shipping
from sealgate.proxy.store import Counts, SharedCounts

FOLDERS_PER_WORKER: Final = 4
"""While workers are replaced, those that drain have theirs still."""
LOOK_S: Final = 5.0
JOURNAL: Final = "journal"


def folders(config: ProxyConfig) -> Iterator[Path]:
    """Every folder that a worker may take, in order."""
    yield config.data_dir
    if config.listener_fd is not None:
        yield from (config.data_dir / str(n) for n in range(2, FOLDERS_PER_WORKER * config.workers + 1))


def open_journal(config: ProxyConfig, log: Log) -> Journal:
    """The journal of the first folder that nobody uses; raises `JournalError` where all are in use."""
    last = JournalError("no folder")
    for folder in folders(config):
        try:
            return _opened(folder, config, log)
        except JournalError as error:
            last = error
    raise last


class Leftovers:
    """Looks through the folders of workers that are no more."""

    def __init__(self, config: ProxyConfig, console: Client, counts: Counts, log: Log) -> None:
        self._config, self._console, self._counts, self._log = config, console, counts, log

    async def run(self) -> None:
        """Look, and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            for folder in folders(self._config):
                if self._console.connected and any((folder / JOURNAL).glob("*.segment")):
                    await self._take(folder)

    async def _take(self, folder: Path) -> None:
        try:
            journal = _opened(folder, self._config, self._log)
        except JournalError:
            return  # its worker lives
        try:
            owed = self._owe(journal)
            shipping = Shipping(journal, self._console, self._config.proxy_id, self._log)
            while self._console.connected and (  # noqa: ASYNC110 - the pause depends on what was shipped
                journal.unshipped(1) or not self._paid(owed)
            ):
                await asyncio.sleep(await shipping.ship_once())
        finally:
            journal.close()

    def _owe(self, journal: Journal) -> dict[str, int]:
        """Have it counted; gives the last sequence of each run."""
        if isinstance(self._counts, SharedCounts):
            for epoch in journal.earlier:
                for usage, charge in charges(epoch):
                    self._counts.owe(epoch.name, usage.sequence, tuple(counted(charge, usage)))
        return {epoch.name: epoch.next_sequence - 1 for epoch in journal.earlier}

    def _paid(self, owed: dict[str, int]) -> bool:
        return not isinstance(self._counts, SharedCounts) or self._counts.counted_marks(owed) == owed


def _opened(folder: Path, config: ProxyConfig, log: Log) -> Journal:
    return Journal(folder / JOURNAL, config.journal_segment_bytes, config.journal_limit_bytes, log)
