"""One console that somebody lived in, for many tests: what each did to it is undone, or found to be nothing.

Making it takes as long as a dozen tests that ask it something. Tests of one file share it, in turn.
"""

from __future__ import annotations

import contextlib
import copy
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from msgspec import Struct

from sealgate.console.accounts.throttles import Throttles
from sealgate.console.database import Database
from sealgate.console.permissions import Role
from sealgate.console.usage.pricing import Priced
from sealgate.console.usage.services import count_usage
from sealgate.ids import new_id
from sealgate.messages.erasing import Erase, ErasureKind
from sealgate.messages.feed import UsageBatch
from tests.console.running import Browser, Running, running
from tests.console.test_addon import AT_OPENAI, IN_EUROPE
from tests.console.test_feed import record


class Lived(Struct):
    """A console with something of everything in it, who visits it, and the way back to how it was."""

    world: Running
    ada: Browser
    """An owner, whose organization it is."""
    ben: Browser
    """A member of it."""
    eve: Browser
    """An owner of another one."""
    vera: Browser
    """Somebody in a third one, whose role is none that there is."""
    parts: Mapping[str, str]
    """What stands in the place of each part of a path."""
    rows: sqlite3.Connection
    desk: Mapping[str, Any]
    cookies: tuple[httpx.Cookies, ...]
    now_s: float

    def mend(self) -> None:
        """Everything as it was."""
        with contextlib.closing(sqlite3.connect(self.world.console.config.database_path)) as now:
            now.execute("pragma synchronous = off")
            self.rows.backup(now)
        vars(self.world.desk).update({name: copy.copy(each) for name, each in self.desk.items()})
        vars(self.world.console.throttles).update(vars(Throttles(self.world.clock)))
        for browser, cookies in zip((self.ada, self.ben, self.eve, self.vera), self.cookies, strict=True):
            browser.client.cookies = httpx.Cookies(cookies)
        self.world.clock.now_s = self.now_s


@contextlib.asynccontextmanager
async def living() -> AsyncIterator[Lived]:
    """Nothing runs beside the pages: what changes, a test changed. So no page waits for a key to be used."""
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(sqlite3.connect(":memory:")) as rows:
        patch.setattr("sealgate.console.addon.views.HANDOVER_S", 0.0)
        async with running(handing_over=False) as world:
            organization = await world.owner()
            parts = await lived_in(world, await world.signed_in())
            await world.user(organization, Role.MEMBER, "Ben", "ben@example.com")
            await world.owner("eve@example.com", "Elsewhere")
            await world.owner("vera@example.com", "Nowhere", role="visitor")
            names = ("ada", "ben", "eve", "vera")
            ada, ben, eve, vera = [await world.signed_in(f"{name}@example.com") for name in names]
            with contextlib.closing(sqlite3.connect(world.console.config.database_path)) as now:
                now.backup(rows)
            desk = {name: copy.copy(each) for name, each in vars(world.desk).items() if name != "server"}
            cookies = tuple(httpx.Cookies(each.client.cookies) for each in (ada, ben, eve, vera))
            yield Lived(world, ada, ben, eve, vera, parts, rows, desk, cookies, world.clock())


def everything(world: Running) -> Mapping[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with contextlib.closing(sqlite3.connect(world.console.config.database_path)) as database:
        tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        return {table: database.execute(f'select * from "{table}"').fetchall() for table in tables}


async def lived_in(world: Running, ada: Browser) -> dict[str, str]:
    """A key in use, one staged, one for another destination that was sealed and waits; usage, an invitation,
    and a credential that an operator had erased.

    Gives what stands in the place of each part of a path.
    """
    application = await world.application(ada)
    path = f"/applications/{application}/add-on"
    for fields in (AT_OPENAI, {**AT_OPENAI, "stage": "yes"}, IN_EUROPE):
        await ada.submit(f"{path}/key", fields, page=path)
        world.desk.deposit()
    database = Database(world.console.config.database_path)
    async with database.writing() as tx:
        batch = UsageBatch(proxy="prx", epoch=new_id("ep"), records=(record(1, application),))
        await count_usage(tx, batch, {1: Priced(3_300, "a table")})
    await database.close()
    invited = await ada.submit("/members/invite", {"role": "member"}, page="/members")
    token = re.search(r"/invitations/([A-Za-z0-9_-]+)", invited.text)
    assert token is not None, invited.text
    organization = str(everything(world)["organizations"][0][0])
    erased = Erase(kind=ErasureKind.CREDENTIAL, subject=new_id("cred"), organization=organization)
    return {"application": application, "token": token[1], "receipt": world.desk.erase(erased).receipt}
