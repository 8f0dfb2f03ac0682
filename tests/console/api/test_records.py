"""Usage, totals and status through the management API."""

from __future__ import annotations

import pytest

from sealgate.console.usage.services import count_usage
from sealgate.ids import new_id
from sealgate.messages.feed import Outcome, UsageBatch, UsageRecord
from tests.console.api.program import Program, code, token_of
from tests.console.running import Running


def record(organization: str, application: str, sequence: int) -> UsageRecord:
    return UsageRecord(
        sequence=sequence,
        request=f"req_{sequence}",
        started_at=1_700_000_000.0 + sequence,
        organization=organization,
        application=application,
        pseudonym="p",
        endpoint="chat.completions",
        action="shorten",
        model="gpt-4o-mini",
        outcome=Outcome.COMPLETED,
        status=200,
        input_tokens=10,
        output_tokens=sequence,
        cached_tokens=0,
        estimated=False,
        first_byte_ms=5,
        duration_ms=50,
    )


@pytest.fixture
async def used(world: Running, deploy: Program) -> str:
    """An application with seven exchanges, one more of another, and one of somebody else's."""
    organization = (await deploy.get("/organization")).json()["id"]
    mine = str((await deploy.newsletter())["id"])
    other = (await deploy.put("/applications/blog", {"name": "Blog"})).json()["id"]
    await world.owner("eve@example.com", "Elsewhere")
    eve = Program(world.site, await token_of(world, "eve@example.com"))
    theirs = (await eve.newsletter())["id"]
    owners = [mine] * 7 + [other, theirs]
    records = tuple(record(organization, app, at) for at, app in enumerate(owners, 1))
    async with world.console.database.writing() as tx:
        await count_usage(tx, UsageBatch(proxy=new_id("prx"), epoch=new_id("ep"), records=records))
    return mine


async def test_usage_is_the_organizations_own_newest_first(deploy: Program, used: str) -> None:
    rows = (await deploy.get("/usage")).json()["items"]
    assert [row["request"] for row in rows] == [f"req_{at}" for at in (8, 7, 6, 5, 4, 3, 2, 1)]
    assert rows[1]["application"] == used
    assert rows[1]["started_at"] == "2023-11-14T22:13:27Z"
    assert (await deploy.get("/usage/totals")).json() == {
        "exchanges": 8,
        "input_tokens": 80,
        "output_tokens": 36,
        "estimated": False,
    }


@pytest.mark.parametrize("named", ["newsletter", ""])
async def test_usage_of_one_application_comes_in_pages(deploy: Program, used: str, named: str) -> None:
    rows: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await deploy.get(f"/usage?application={named or used}&limit=3{cursor}")).json()
        rows += [row["request"] for row in page["items"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert rows == [f"req_{at}" for at in (7, 6, 5, 4, 3, 2, 1)]
    totals = (await deploy.get(f"/usage/totals?application={named or used}")).json()
    assert totals["exchanges"] == 7


async def test_usage_of_anothers_application_is_not_there(deploy: Program, used: str) -> None:
    for path in ("/usage", "/usage/totals", "/audit"):
        assert code(await deploy.get(f"{path}?application={new_id('app')}")) == "not_found"


async def test_the_status_names_release_and_connections(world: Running, deploy: Program) -> None:
    found = (await deploy.get("/status")).json()
    assert found["instance"] == world.console.config.instance
    assert found["version"].count(".") == 2
    assert (found["vault_connected"], found["proxies"]) == (True, [])
