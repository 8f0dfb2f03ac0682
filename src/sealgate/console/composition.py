"""The composition root: builds the parts of a console once and hands them to whoever needs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from sealgate.console.accounts.passwords import Passwords
from sealgate.console.accounts.throttles import Throttles
from sealgate.console.addon.desk import Desk
from sealgate.console.addon.handover import Handover
from sealgate.console.assets import Assets
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database
from sealgate.console.erasure.ordering import Erasing
from sealgate.console.feed.bell import Bell
from sealgate.console.feed.views import Feed
from sealgate.console.notices.destinations import DestinationWatch
from sealgate.console.notices.mailing import Mailing
from sealgate.console.pages import Pages
from sealgate.console.retention.housekeeping import Housekeeping
from sealgate.console.usage.prices import Prices
from sealgate.log import Log


class Part(Protocol):
    """Something that runs beside the pages."""

    async def run(self) -> None:
        """Work until cancelled."""


class Console(Struct, frozen=True):
    """Every part of one console."""

    config: ConsoleConfig
    database: Database
    bell: Bell
    desk: Desk
    feed: Feed
    passwords: Passwords
    throttles: Throttles
    pages: Pages
    prices: Prices
    housekeeping: Housekeeping
    handover: Handover
    erasing: Erasing
    destinations: DestinationWatch
    mailing: Mailing
    log: Log
    now: Callable[[], float]
    """Unix seconds."""

    @property
    def beside(self) -> Sequence[Part]:
        """What runs beside the pages until it is cancelled."""
        return (
            self.desk,
            self.housekeeping,
            self.handover,
            self.erasing,
            self.destinations,
            self.mailing,
        )


def compose(config: ConsoleConfig, log: Log, now: Callable[[], float] = time.time) -> Console:
    """A console on a migrated database; nothing runs yet."""
    bell = Bell()
    prices = Prices()
    database = Database(
        config.database_path, after_write=bell.ring, audit_broken=lambda: log("audit_broken", findings=1)
    )
    desk = Desk(config.desk_socket, config.instance, log, config.vault_uids, bell.ring)
    return Console(
        config=config,
        database=database,
        bell=bell,
        desk=desk,
        feed=Feed(database, bell, prices, log),
        passwords=Passwords(),
        throttles=Throttles(now),
        pages=Pages(Assets.load()),
        prices=prices,
        housekeeping=Housekeeping(config, database, prices, log, now),
        handover=Handover(database, bell, desk, log, now),
        erasing=Erasing(database, bell, desk, log, now),
        destinations=DestinationWatch(database, bell, desk, log, now),
        mailing=Mailing(config, database, bell, log, now),
        log=log,
        now=now,
    )
