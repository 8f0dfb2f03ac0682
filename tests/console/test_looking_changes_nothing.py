"""Looking at pages changes nothing: every GET route as an owner, with the database before and after."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Mapping

import pytest

from sealgate.console.database import Database
from sealgate.console.routes import ROUTES
from sealgate.console.usage.pricing import Priced
from sealgate.console.usage.services import count_usage
from sealgate.ids import new_id
from sealgate.messages.erasing import Erase, ErasureKind
from sealgate.messages.feed import UsageBatch
from tests.console.running import Browser, Running, running
from tests.console.test_addon import AT_OPENAI, IN_EUROPE
from tests.console.test_feed import record

GETS = sorted(way.path for way in ROUTES if way.method == "GET")


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


@pytest.mark.parametrize("path", GETS)
async def test_opening_a_page_leaves_every_row_as_it_was(path: str) -> None:
    async with running(handing_over=False) as world:
        await world.owner()
        ada = await world.signed_in()
        parts = await lived_in(world, ada)
        credential = next(iter(world.desk.rows))
        parts["name"] = "python" if path.startswith("/guides") else "console.css"
        before = everything(world)
        user = everything(world)["users"][0][0]
        query = f"credential={credential}&version=2&page=1&user={user}"
        answer = await ada.get(f"{path.format(**parts)}?{query}")
        assert answer.status_code in {200, 303}, answer.text
        assert everything(world) == before


async def test_a_key_that_was_awaited_is_used_without_anybody_looking(world: Running, ada: Browser) -> None:
    parts = await lived_in(world, ada)
    rows = list(world.desk.rows.values())
    async with asyncio.timeout(20):
        while not any("credential.switched" in row for row in everything(world)["audit"]):
            await world.console.bell.wait(0.25)
    found = everything(world)["addons"]
    assert any(rows[-1].credential in row and parts["application"] in row for row in found)
    told = [row for row in everything(world)["audit"] if "credential.switched" in row]
    assert len(told) == 1, "once, and in the name of who took the ticket"
    assert any(str(each).startswith("usr_") for each in told[0])


async def test_what_was_sealed_while_no_console_ran_is_used_after_its_start() -> None:
    async with running(handing_over=False) as world:
        await world.owner()
        await lived_in(world, await world.signed_in())
        world.clock.now_s += 86_400  # the ticket is long forgotten
        await world.console.handover.look()
        last = list(world.desk.rows.values())[-1].credential
        assert any(last in row for row in everything(world)["addons"])
