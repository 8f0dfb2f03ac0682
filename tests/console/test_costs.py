"""Costs: list prices from the package alone, what has none, sums, the chart, the filters and the file."""

from __future__ import annotations

import csv
import datetime
import io
import socket
from importlib.metadata import version

import pytest
from sqlalchemy import select, update

from sealgate.console.days import DAY_S, DayRange, day_of, parse_day
from sealgate.console.usage import listing
from sealgate.console.usage.charts import MOST_DAYS, make_chart
from sealgate.console.usage.listing import UsageDay
from sealgate.console.usage.models import Usage
from sealgate.console.usage.prices import Prices, Spent
from sealgate.console.usage.pricing import price_batch, price_waiting
from sealgate.console.usage.services import count_usage
from sealgate.ids import new_id
from sealgate.messages.feed import Outcome, UsageBatch, UsageRecord
from tests.console.fake_desk import OPENAI
from tests.console.running import Browser, Running
from tests.console.test_feed import connected, record

PRICES = Prices()
AT = 1_760_000_000.0


def spent(**changed: object) -> Spent:
    usual: dict[str, object] = {
        "provider": "openai",
        "origin": OPENAI.origin,
        "model": "gpt-4o-mini",
        "input_tokens": 1_000,
        "output_tokens": 100,
        "cached_tokens": 0,
        "at": AT,
    }
    return Spent(**{**usual, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "origin", "moment", "dollars"),
    [
        ("o3", OPENAI.origin, "2025-05-01T12:00Z", 10),
        ("o3", OPENAI.origin, "2025-07-01T12:00Z", 2),
        ("deepseek-chat", "https://api.deepseek.com", "2025-05-01T16:29Z", 0.27),
        ("deepseek-chat", "https://api.deepseek.com", "2025-05-01T16:30Z", 0.135),
        ("deepseek-chat", "https://api.elsewhere.example", "2025-05-01T12:00Z", None),
    ],
)
def test_a_price_is_of_its_moment_and_of_where_was_asked(
    model: str, origin: str, moment: str, dollars: float | None
) -> None:
    provider = "openai" if origin == OPENAI.origin else "openai-compatible"
    at = datetime.datetime.fromisoformat(moment).timestamp()
    of = spent(provider=provider, origin=origin, model=model, at=at, input_tokens=1_000_000, output_tokens=0)
    assert PRICES.nano_usd(of) == (None if dollars is None else round(dollars * 1e9))


async def application(world: Running, browser: Browser, name: str = "Larkspur") -> str:
    """An application with an add-on at OpenAI: its provider decides whose prices count."""
    app = await world.application(browser, name)
    path = f"/applications/{app}/add-on"
    await browser.submit(f"{path}/key", {"destination": f"openai {OPENAI.origin}"}, page=path)
    return app


async def used(world: Running, *records: UsageRecord) -> None:
    """Counted and priced, as the feed does it."""
    batch = UsageBatch(proxy="prx", epoch=new_id("ep"), records=records)
    priced = await price_batch(world.console.database, PRICES, batch)
    async with world.console.database.writing() as tx:
        await count_usage(tx, batch, priced)


@pytest.mark.parametrize(
    ("changed", "nano_usd"),
    [
        ({}, 210_000),  # 1,000 × $0.15 and 100 × $0.60 for a million
        ({"cached_tokens": 400}, 180_000),  # 600 × $0.15, 400 × $0.075, 100 × $0.60
        ({"cached_tokens": 5_000}, 135_000),  # never more than went in
        ({"provider": "azure-openai", "origin": "https://x.example"}, 210_000),
        ({"model": "text-embedding-3-small", "output_tokens": 0}, 20_000),
        ({"model": "gpt-sim"}, None),
        ({"model": ""}, None),
        ({"provider": "openai-compatible", "origin": "http://127.0.0.1:11434"}, None),
        ({"provider": "", "origin": ""}, None),
        ({"model": "gpt-sim", "input_tokens": 0, "output_tokens": 0}, 0),
    ],
    ids=[
        "plain", "cached", "cached too many", "azure", "embedding", "unknown model", "no model",
        "unknown origin", "no provider", "nothing spent",
    ],
)  # fmt: skip
def test_the_price_is_the_providers_list_price_or_none(
    changed: dict[str, object], nano_usd: int | None
) -> None:
    assert PRICES.nano_usd(spent(**changed)) == nano_usd


def test_prices_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise AssertionError("somebody went out")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert Prices().nano_usd(spent()) == 210_000


def test_the_table_says_which_and_how_old_it_is() -> None:
    assert PRICES.name == f"genai-prices {version('genai-prices')}"
    today = datetime.date(2026, 11, 23)
    newest = PRICES.newest(today)
    assert newest is not None
    assert datetime.date(2026, 1, 1) < newest <= today
    assert PRICES.newest(datetime.date(2000, 1, 1)) is None


async def test_usage_is_priced_as_it_comes_in(world: Running, ada: Browser) -> None:
    app = await application(world, ada)
    async with connected(world) as proxy:
        batch = UsageBatch(
            proxy="prx", epoch=new_id("ep"), records=(record(1, app), record(2, app, model="x"))
        )
        await proxy.ask(batch)
    async with world.console.database.reading() as tx:
        rows = (await tx.scalars(select(Usage).order_by(Usage.sequence))).all()
    assert [(row.cost_nano_usd, row.price_table) for row in rows] == [
        (3_300, PRICES.name),
        (None, PRICES.name),
    ]


async def test_what_an_older_table_had_no_price_for_is_looked_up_again_and_what_had_one_stays(
    world: Running, ada: Browser
) -> None:
    app = await application(world, ada)
    await used(world, *(record(number, app) for number in range(1, 4)))
    async with world.console.database.writing() as tx:
        await tx.execute(
            update(Usage).where(Usage.sequence == 1).values(cost_nano_usd=None, price_table=None)
        )
        await tx.execute(
            update(Usage).where(Usage.sequence == 2).values(cost_nano_usd=None, price_table="older")
        )
        await tx.execute(
            update(Usage).where(Usage.sequence == 3).values(cost_nano_usd=7, price_table="older")
        )
    assert await price_waiting(world.console.database, PRICES) == 2
    assert await price_waiting(world.console.database, PRICES) == 0
    async with world.console.database.reading() as tx:
        costs = (await tx.scalars(select(Usage.cost_nano_usd).order_by(Usage.sequence))).all()
    assert costs == [3_300, 3_300, 7]


async def test_the_page_shows_costs_sums_and_what_has_no_price(world: Running, ada: Browser) -> None:
    app = await application(world, ada)
    big = record(1, app, input_tokens=2_000_000, output_tokens=1_000_000)
    await used(world, big, record(2, app), record(3, app, model="gpt-sim"))
    page = (await ada.get("/usage")).text
    for words in ("$0.90", "$0.000003", "no price", "1 exchange has no price", PRICES.name):
        assert words in page
    assert "<dd>$0.9000</dd>" in page, "the sum leaves out what has no price"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", 3),
        ("model=gpt-4o", 1),
        ("action=shorten", 2),
        ("action=-", 1),
        ("outcome=cancelled", 1),
        ("outcome=completed&model=gpt-4o-mini", 2),
        ("from=2023-11-14&to=2023-11-14", 3),
        ("from=2023-11-13&to=2023-11-13", 0),
        ("from=&to=", 4),
        ("to=2020-01-01", 0),
        ("from=2023-99-99&to=x", 4),
        ("model=%27+OR+1%3D1+--", 0),
    ],
)
async def test_the_filters_narrow_page_sums_and_file_alike(
    world: Running, ada: Browser, query: str, rows: int
) -> None:
    app, now = await application(world, ada), world.clock()
    await used(
        world,
        record(1, app),
        record(2, app, model="gpt-4o", action="shorten", outcome=Outcome.CANCELLED),
        record(3, app, action=""),
        record(4, app, started_at=now - 90 * DAY_S),
    )
    page = (await ada.get(f"/usage?{query}")).text
    assert page.count("data-request=") == rows
    assert (f"<dt>Exchanges</dt><dd>{rows}</dd>" in page) is (rows > 0)
    answer = await ada.get(f"/usage.csv?{query}")
    assert len(list(csv.reader(io.StringIO(answer.text)))) == rows + 1


async def test_the_file_has_every_number_and_no_formula(world: Running, ada: Browser) -> None:
    app = await application(world, ada, "=HYPERLINK(1)")
    await used(
        world, record(1, app, model="@model", action="+shorten", outcome=Outcome.COMPLETED), record(2, app)
    )
    answer = await ada.get(f"/usage.csv?application={app}")
    heads, first, second = csv.reader(io.StringIO(answer.text))
    one, two = (dict(zip(heads, row, strict=True)) for row in (first, second))
    assert (one["application"], one["model"], one["action"]) == ("'=HYPERLINK(1)", "'@model", "'+shorten")
    assert (one["cost_usd"], two["cost_usd"], two["input_tokens"]) == ("", "0.000003300", "10")
    assert two["time"] == "2023-11-14T22:13:22Z"
    assert "pseudonym" not in heads


async def test_the_file_holds_everything_over_all_pages(
    world: Running, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS_AT_ONCE", 100)
    app = await world.application(ada)
    await used(world, *(record(number, app) for number in range(1, 202)))
    rows = list(csv.reader(io.StringIO((await ada.get("/usage.csv")).text)))
    assert len({row[-1] for row in rows[1:]}) == 201


async def test_another_organizations_usage_is_in_no_file(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    await used(world, record(1, app))
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    assert len((await eve.get("/usage.csv")).text.splitlines()) == 1
    assert (await eve.get(f"/usage.csv?application={app}")).status_code == 404


async def test_the_chart_has_a_table_of_the_same_days(world: Running, ada: Browser) -> None:
    app, now = await application(world, ada), world.clock()
    await used(world, *(record(day, app, started_at=now - day * DAY_S) for day in range(1, 4)))
    page = (await ada.get("/usage")).text
    assert page.count("<rect ") == 3
    assert page.count('<th scope="row">') == 3
    assert "style=" not in page


def test_a_chart_fills_empty_days_and_scales_to_the_highest() -> None:
    days = [UsageDay(100, 1, 10, 5), UsageDay(103, 2, 20, 10)]
    chart = make_chart(days, parse_day("1970-04-16"))
    assert [column.height for column in chart.columns] == [50, 0, 0, 100, 0, 0]
    assert (chart.by_cost, chart.cut, chart.width) == (True, False, 60)


def test_a_chart_without_prices_shows_tokens_and_a_long_one_its_newest_days() -> None:
    chart = make_chart([UsageDay(day, 1, 10, 0) for day in range(100, 300)])
    assert (len(chart.columns), chart.by_cost, chart.cut) == (MOST_DAYS, False, True)
    assert chart.columns[-1].day == datetime.date(1970, 1, 1) + datetime.timedelta(days=299)
    assert make_chart([]).columns == []


def test_a_smallest_value_is_still_seen() -> None:
    chart = make_chart([UsageDay(1, 1, 1, 1), UsageDay(2, 1, 1, 10**12)])
    assert [column.height for column in chart.columns] == [1, 100]


@pytest.mark.parametrize(
    "text", ["", "x", "2023-13-01", "2023-1-1", "20230101", "٢٠٢٣-٠١-٠١", "2023-01-01T00"]
)
def test_what_is_no_day_counts_as_not_typed(text: str) -> None:
    assert parse_day(text) is None


def test_days_are_whole_and_in_utc() -> None:
    day = parse_day("2023-11-14")
    assert day is not None
    both = DayRange(day, day)
    assert both.from_s is not None
    assert both.until_s is not None
    assert both.until_s - both.from_s == DAY_S
    assert day_of(both.until_s - 0.001) == day
    assert day_of(both.until_s) > day


async def test_a_sum_of_which_nothing_has_a_price_is_no_price_and_not_nothing(
    world: Running, ada: Browser
) -> None:
    app = await application(world, ada)
    await used(world, record(1, app, model="a-model-of-our-own"))
    page = (await ada.get("/usage?from=&to=")).text
    assert "$0" not in page
    assert page.count("no price") == 3, "in the row, in the sum and in the words below"
