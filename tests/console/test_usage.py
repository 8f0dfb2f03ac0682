"""The usage page: rows, sums, filter, pages; and nothing of another organization."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event

from sealgate.console.usage.listing import PAGE_ROWS
from sealgate.console.usage.services import count_usage
from sealgate.console.usage.views import OUTCOMES
from sealgate.ids import new_id
from sealgate.messages.feed import Outcome, UsageBatch, UsageRecord
from tests.console.api.program import Program, token_of
from tests.console.running import Browser, Running
from tests.console.test_feed import record


async def used(world: Running, *records: UsageRecord) -> None:
    async with world.console.database.writing() as tx:
        await count_usage(tx, UsageBatch(proxy="prx", epoch=new_id("ep"), records=records))


async def test_the_empty_page_gives_the_first_step(world: Running, ada: Browser) -> None:
    page = (await ada.get("/usage")).text
    assert "Nothing used yet" in page
    assert 'href="/applications/new"' in page


async def test_a_row_shows_numbers_and_marks_estimates(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    spent = record(1, app, input_tokens=1_234, estimated=True, outcome=Outcome.CANCELLED, action="simplify")
    await used(world, spent)
    page = (await ada.get("/usage")).text
    for word in ("1\u202f234", "≈", "Stopped by the user", "simplify", "gpt-4o-mini", "2023-11-14T22:13:21Z"):
        assert word in page
    assert f'data-request="{spent.request}"' in page


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words(outcome: Outcome) -> None:
    assert OUTCOMES[outcome.value][0]


async def test_sums_go_over_every_page_and_follow_the_filter(world: Running, ada: Browser) -> None:
    one, two = await world.application(ada, "One"), await world.application(ada, "Two")
    await used(world, *(record(number, one) for number in range(1, PAGE_ROWS + 2)), record(900, two))
    first = (await ada.get("/usage")).text
    assert first.count("data-request=") == PAGE_ROWS
    assert "<dd>520</dd>" in first
    assert "Page 1 of 2" in first
    second = (await ada.get("/usage?application=&page=2")).text
    assert second.count("data-request=") == 2
    filtered = (await ada.get(f"/usage?application={two}")).text
    assert filtered.count("data-request=") == 1
    assert "<dd>10</dd>" in filtered


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "9" * 30, "٣", ""])
async def test_a_page_that_does_not_exist_gives_the_nearest(world: Running, ada: Browser, page: str) -> None:
    app = await world.application(ada)
    await used(world, record(1, app))
    answer = await ada.get(f"/usage?page={page}")
    assert answer.status_code == 200
    assert answer.text.count("data-request=") == 1


async def test_anothers_usage_is_not_shown_and_its_application_not_found(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    await used(world, record(1, app))
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    assert "Nothing used yet" in (await eve.get("/usage")).text
    answers = [await eve.get(f"/usage?application={each}") for each in (app, new_id("app"), "x")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_what_a_proxy_sends_is_shown_as_text(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    await used(world, record(1, app, model="<b>x</b>", action='"><script>'))
    page = (await ada.get("/usage")).text
    assert "<b>x</b>" not in page
    assert '"><script>' not in page


@contextlib.contextmanager
def asked() -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """Every statement that goes to a database meanwhile, with its parameters."""
    found: list[tuple[str, tuple[object, ...]]] = []

    def note(_to: object, _cursor: object, statement: str, given: tuple[object, ...], *_rest: object) -> None:
        found.append((statement, given))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("only", [False, True])
async def test_no_list_of_usage_is_sorted_out_of_all_rows(world: Running, ada: Browser, only: bool) -> None:
    app = await world.application(ada)
    await used(world, *(record(number, app) for number in range(1, 4)))
    deploy, of = Program(world.site, await token_of(world)), f"application={app}" if only else ""
    with asked() as statements:
        for answer in (
            await ada.get(f"/usage?from=&to=&{of}"),
            await ada.get(f"/usage.csv?from=&to=&{of}"),
            await deploy.get(f"/usage?limit=1&{of}"),
        ):
            assert answer.status_code == 200
    lists = [each for each in statements if "FROM usage" in each[0] and "LIMIT" in each[0]]
    assert len(lists) == 3
    with contextlib.closing(sqlite3.connect(world.console.config.database_path)) as database:
        for statement, parameters in lists:
            plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert not [step for step in plan if "FOR ORDER BY" in step], (statement, plan)


async def test_the_filter_offers_each_model_and_action_once(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    pairs = [("", "m-b"), ("shorten", "m-b"), ("shorten", "m-a"), ("expand", "")]
    rows = enumerate(pairs, 1)
    await used(world, *(record(at, app, action=action, model=model) for at, (action, model) in rows))
    page = (await ada.get("/usage")).text
    assert re.findall(r"<option>([^<]+)</option>", page) == ["m-a", "m-b", "expand", "shorten"]
