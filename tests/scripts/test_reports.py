"""`sealgate usage` and `sealgate status`: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest
from rich.console import Console as Screen

from sealgate.console.database import Database
from sealgate.console.usage.services import count_usage
from sealgate.ids import new_id
from sealgate.messages.feed import Outcome, UsageBatch, UsageRecord
from sealgate.scripts.reports import usage_csv, usage_table
from tests.console.api.program import mint
from tests.scripts.house import House

in_one_house = pytest.mark.asyncio(loop_scope="module")

PROXY = new_id("prx")


async def used(here: House, count: int) -> None:
    """So many exchanges, as a proxy ships them."""
    records = tuple(
        UsageRecord(
            sequence=each,
            request=f"req_{each}",
            started_at=time.time() + each,
            organization=here.seeded.organization,
            application=here.seeded.application,
            pseudonym="p",
            endpoint="chat.completions",
            action="shorten" if each % 2 else "",
            model="gpt-4o-mini",
            outcome=Outcome.COMPLETED,
            status=200,
            input_tokens=10,
            output_tokens=each,
            cached_tokens=0,
            estimated=each == 3,
            first_byte_ms=5,
            duration_ms=50,
        )
        for each in range(1, count + 1)
    )
    database = Database(here.config.database_path)
    async with database.writing() as tx:
        await count_usage(tx, UsageBatch(proxy=PROXY, epoch=new_id("ep"), records=records))
    await database.close()


@in_one_house
async def test_the_table_has_the_newest_first_and_the_sums_of_all(here: House) -> None:
    await used(here, 5)
    done = await here.sealgate("usage", "--last", "2", more={"COLUMNS": "160"})
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split()[:2] == ["Time", "(UTC)"]
    assert "shorten" in lines[1]
    assert "Cost $" in lines[0]
    assert "2 of 5 exchanges; in all 50 tokens in, 15 out (≈ partly estimated)" in done.out


@in_one_house
async def test_json_and_csv_carry_every_row_over_several_pages(here: House) -> None:
    await used(here, 230)
    done = await here.sealgate("usage", "--json", "--last", "0", "--application", here.seeded.application)
    found = json.loads(done.out)
    assert [each["output_tokens"] for each in found["items"]] == list(range(230, 0, -1))
    assert found["totals"]["exchanges"] == 230
    done = await here.sealgate("usage", "--csv", "--last", "150")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert len(rows) == 150
    assert rows[0]["request"] == "req_230"


def test_what_an_exchange_cost_stands_in_its_row_and_nothing_where_there_is_no_price() -> None:
    row = {
        "started_at": "2026-01-31T10:00:00Z", "action": "", "endpoint": "embeddings", "model": "m",
        "input_tokens": 1, "output_tokens": 0, "estimated": False, "outcome": "completed", "duration_ms": 3,
    }  # fmt: skip
    totals = {"exchanges": 2, "input_tokens": 2, "output_tokens": 0, "estimated": False}
    screen = Screen(file=io.StringIO(), width=160)
    usage_table([row | {"cost_nano_usd": 74_250}, row | {"cost_nano_usd": None}], totals, screen)
    shown = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert shown[1].split()[-3:] == ["0.000074", "completed", "3"]
    assert shown[2].split()[-3:] == ["0", "completed", "3"]


def test_no_cell_can_be_taken_for_a_formula() -> None:
    text = usage_csv([{"model": "=cmd()", "action": " @x", "status": -1}])
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["model"], row["action"], row["status"]) == ("'=cmd()", "' @x", "-1")


@in_one_house
async def test_an_unknown_application_and_two_formats_are_refused(here: House) -> None:
    done = await here.sealgate("usage", "--application", "nowhere")
    assert (done.code, "There is nothing here" in done.err) == (1, True)
    assert (await here.sealgate("usage", "--json", "--csv")).code == 64


@in_one_house
async def test_status_says_who_is_missing_and_exits_with_one(here: House) -> None:
    done = await here.sealgate("status")
    assert done.code == 1
    assert "vault     connected" in done.out
    assert "proxies   NONE connected. hint:" in done.out
    found = json.loads((await here.sealgate("status", "--json")).out)
    assert found["instance"] == here.config.instance


@in_one_house
async def test_a_console_that_is_away_is_told(here: House) -> None:
    done = await here.sealgate("status", more={"SEALGATE_CONSOLE": "http://127.0.0.1:9"})
    assert done.code == 69
    assert "cannot be reached" in done.err


async def token(here: House, scopes: list[str], made_at: float, name: str) -> str:
    database = Database(here.config.database_path)
    try:
        return await mint(database, here.seeded.organization, here.seeded.owner, made_at, scopes, name)
    finally:
        await database.close()


@in_one_house
@pytest.mark.parametrize(
    ("command", "scopes", "words"),
    [
        ("status", ["usage"], "lacks the scope 'read'"),
        ("usage", ["read", "write", "keys"], "lacks the scope 'usage'"),
    ],
    ids=["status", "usage"],
)
async def test_a_token_with_too_little_scope_is_told_which_it_lacks(
    here: House, command: str, scopes: list[str], words: str
) -> None:
    done = await here.sealgate(command, token=await token(here, scopes, time.time(), "little"))
    assert done.code == 77
    assert words in done.err
    assert "hint: Have an owner make a token with it." in done.err
    assert done.out == ""
