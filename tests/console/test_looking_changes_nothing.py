"""Looking at pages changes nothing: every GET route as an owner, with the database before and after."""

from __future__ import annotations

import asyncio

import pytest

from sealgate.console.routes import ROUTES
from tests.console.lived import Lived, everything, lived_in
from tests.console.running import Browser, Running, running

GETS = sorted(way.path for way in ROUTES if way.method == "GET")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", GETS)
async def test_opening_a_page_leaves_every_row_as_it_was(lived: Lived, path: str) -> None:
    world, parts = lived.world, dict(lived.parts)
    parts["name"] = "python" if path.startswith("/guides") else "console.css"
    before = everything(world)
    query = f"credential={next(iter(world.desk.rows))}&version=2&page=1&user={before['users'][0][0]}"
    answer = await lived.ada.get(f"{path.format(**parts)}?{query}")
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
