"""The pages of plans and budgets: what is typed reaches the proxies, what cannot be is said."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from sealgate.console.budgets.forms import plan_from_form, said
from sealgate.console.feed.pricing import with_prices
from sealgate.console.feed.services import application_document, changes_since
from sealgate.console.forms import Form
from sealgate.console.usage.prices import Prices
from sealgate.messages import feed
from sealgate.policy.budgets import Budget
from sealgate.policy.document import Plan, PlanLimits, Policy, PolicyError, decode_policy
from tests.console.running import Browser, Running

MONEY = {"scope": "application", "measure": "money", "window": "month", "most": "25.50"}
TOKENS = {"scope": "user", "measure": "tokens", "window": "day", "most": "20000"}


async def policy(world: Running, app: str) -> Policy:
    async with world.console.database.reading() as tx:
        document = await application_document(tx, app)
    assert document is not None
    return decode_policy(document.policy)


async def free_plan(world: Running, ada: Browser, app: str, **more: Any) -> None:
    found = await policy(world, app)
    fields = [("id", "free"), ("label", "Free"), ("output_tokens", "300")]
    fields += [("model", each) for each in found.models] + [("action", "shorten")]
    fields += [("endpoint", each) for each in found.endpoints]
    answer = await ada.submit(f"/applications/{app}/plans", [*fields, *more.items()])
    assert answer.status_code == 303, answer.text


async def test_a_plan_and_its_budget_reach_the_proxies(world: Running, ada: Browser) -> None:
    app = await world.application(ada, "Larkspur")
    await free_plan(world, ada, app)
    await ada.submit(f"/applications/{app}/budgets", {**TOKENS, "plan": "free"})
    await ada.submit(f"/applications/{app}/budgets", MONEY)
    found = await policy(world, app)
    assert found.plans == (
        Plan("free", "Free", actions=("shorten",), limits=PlanLimits(output_tokens=300, tools=False)),
    )
    assert found.budgets == (
        Budget("user", "tokens", "day", 20_000, ("free",)),
        Budget("application", "money", "month", 25_500_000_000),
    )


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget("user", "requests", "day", 1), "1 request a day for each user"),
        (Budget("session", "streams", "at_once", 1), "1 answer at once for each session"),
        (Budget("plan", "tokens", "minute", 5_000), "5,000 tokens a minute for each plan"),
        (Budget("organization", "money", "month", 10**10), "$10.00 a month for all applications together"),
    ],
)
def test_a_budget_is_said_in_one_line(budget: Budget, words: str) -> None:
    assert said(budget) == words


async def test_the_page_says_each_budget_and_what_people_read_at_its_end(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada, "Larkspur")
    await ada.submit(f"/applications/{app}/budgets", TOKENS)
    await ada.submit(f"/applications/{app}/budgets", MONEY)
    page = (await ada.get(f"/applications/{app}/plans")).text
    assert "20,000 tokens a day for each user" in page
    assert "Your tokens for today are used up. The count begins anew at midnight (UTC)." in page
    assert "$25.50 a month for the application" in page
    assert "An administrator can raise the limit." in page


async def test_a_budget_that_counts_the_same_is_replaced_and_keeps_its_reset(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada, "Larkspur")
    root = f"/applications/{app}/budgets"
    await ada.submit(root, TOKENS)
    await ada.submit(f"{root}/reset", {"budget": "user tokens day"})
    await ada.submit(root, {**TOKENS, "most": "5"})
    assert (await policy(world, app)).budgets == (Budget("user", "tokens", "day", 5, reset=1),)
    await ada.submit(f"{root}/remove", {"budget": "user tokens day"})
    assert (await policy(world, app)).budgets == ()


async def test_a_plan_that_is_removed_takes_its_budgets_along(world: Running, ada: Browser) -> None:
    app = await world.application(ada, "Larkspur")
    await free_plan(world, ada, app)
    await ada.submit(f"/applications/{app}/budgets", {**TOKENS, "plan": "free"})
    await ada.submit(f"/applications/{app}/budgets", MONEY)
    await ada.submit(f"/applications/{app}/plans/remove", {"id": "free"})
    found = await policy(world, app)
    assert found.plans == ()
    assert [budget.measure for budget in found.budgets] == ["money"]


WRONG = {
    "no number": ("budgets", {**TOKENS, "most": "many"}, "At most cannot be"),
    "no dollars": ("budgets", {**MONEY, "most": "1,50"}, "dollars"),
    "no money at all": ("budgets", {**MONEY, "most": "0"}, "dollars"),
    "a scope that is none": ("budgets", {**TOKENS, "scope": "planet"}, "is not one of these"),
    "the organization's scope": ("budgets", {**TOKENS, "scope": "organization"}, "at the organization"),
    "money in a minute": ("budgets", {**MONEY, "window": "minute"}, "by day or month"),
    "a plan that there is not": ("budgets", {**TOKENS, "plan": "gold"}, "gold"),
    "a name that no token can hold": ("plans", {"id": "free plan"}, "cannot name a plan"),
    "a limit that is no number": ("plans", {"id": "free", "output_tokens": "x"}, "Output tokens cannot be"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_is_said_and_changes_nothing(world: Running, ada: Browser, name: str) -> None:
    part, fields, words = WRONG[name]
    app = await world.application(ada, "Larkspur")
    before = await policy(world, app)
    answer = await ada.submit(f"/applications/{app}/{part}", fields)
    assert answer.status_code == 422
    assert words in answer.text.replace("&#39;", "'")
    assert await policy(world, app) == before


async def test_the_organizations_budgets_stand_in_every_applications_document(
    world: Running, ada: Browser
) -> None:
    apps = [await world.application(ada, name) for name in ("Larkspur", "Blog")]
    async with world.console.database.reading() as tx:
        cursor = (await changes_since(tx, 0)).cursor
    answer = await ada.submit("/budgets", {"measure": "money", "window": "month", "most": "100"})
    assert answer.status_code == 303
    for app in apps:
        found = (await policy(world, app)).budgets
        assert found == (Budget("organization", "money", "month", 100_000_000_000),)
    async with world.console.database.reading() as tx:
        assert set((await changes_since(tx, cursor)).applications) == set(apps)
    assert "$100.00 a month for all applications together" in (await ada.get("/budgets")).text
    await ada.submit("/budgets/reset", {"budget": "organization money month"})
    assert (await policy(world, apps[0])).budgets[0].reset == 1
    await ada.submit("/budgets/remove", {"budget": "organization money month"})
    assert (await policy(world, apps[0])).budgets == ()


@pytest.mark.parametrize("column", ["budgets", "policy"])
async def test_where_budgets_or_policy_cannot_be_read_proxies_are_told_so(
    world: Running, ada: Browser, column: str
) -> None:
    app = await world.application(ada, "Larkspur")
    await ada.submit("/budgets", {"measure": "money", "window": "month", "most": "100"})
    table = "organizations" if column == "budgets" else "applications"
    async with world.console.database.writing() as tx:
        await tx.execute(text(f"UPDATE {table} SET {column} = x'81ff'"))
    async with world.console.database.reading() as tx:
        document = await application_document(tx, app)
    assert document is not None
    priced = with_prices(document, Prices(), world.clock.now_s)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(priced), type=feed.Application)
    with pytest.raises(PolicyError):
        decode_policy(again.policy)


async def test_an_application_and_its_organization_have_room_for_each_others_budgets(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada, "Larkspur")
    kinds = [
        {"scope": scope, "measure": measure, "window": window, "most": "1"}
        for scope in ("user", "session", "plan", "application")
        for measure in ("requests", "tokens")
        for window in ("minute", "day")
    ]
    for each in kinds:
        assert (await ada.submit(f"/applications/{app}/budgets", each)).status_code == 303
    refused = await ada.submit(f"/applications/{app}/budgets", MONEY)
    assert "at most 16 budgets" in refused.text
    for measure in ("requests", "tokens"):
        for window in ("minute", "day", "month"):
            fields = {"measure": measure, "window": window, "most": "1"}
            assert (await ada.submit("/budgets", fields)).status_code == 303
    for window in ("day", "month"):
        await ada.submit("/budgets", {"measure": "money", "window": window, "most": "1"})
    assert len((await policy(world, app)).budgets) == 24
    refused = await ada.submit("/budgets", {"measure": "streams", "most": "1"})
    assert "at most 8 budgets" in refused.text


def test_a_plan_keeps_what_its_page_does_not_show() -> None:
    hidden: dict[str, Any] = {
        "body_bytes": 2_048,
        "images": 1,
        "upload_bytes": 4_096,
        "pictures": 2,
        "answers": 3,
    }
    limits = PlanLimits(picture_pixels=65_536, **hidden)
    before = Policy(models=("gpt",), plans=(Plan("free", "Free", limits=limits),))
    saved = plan_from_form(before, Form([("id", "free"), ("tools", "yes"), ("output_tokens", "300")]))
    assert saved.limits == msgspec.structs.replace(limits, output_tokens=300)


async def test_what_a_request_may_hold_is_set_beside_the_limits(world: Running, ada: Browser) -> None:
    app = await world.application(ada, "Larkspur")
    before = await policy(world, app)
    usual = {
        "requests_per_minute": "20",
        "concurrent_streams": "3",
        "output_tokens": "1024",
        "models": " ".join(before.models),
    }
    address = f"/applications/{app}/limits"
    held = {"clamps_offered": "yes", "input_bytes": "5000", "images": "0", "answers": "4"}
    await ada.submit(address, {**usual, **held})
    limits = (await policy(world, app)).limits
    assert (limits.input_bytes, limits.images, limits.tools, limits.answers) == (5_000, 0, False, 4)
    await ada.submit(address, usual)
    assert (await policy(world, app)).limits == limits, "a form without these fields leaves them alone"
    await ada.submit(address, {**usual, "clamps_offered": "yes", "tools": "yes"})
    assert (await policy(world, app)).limits == before.limits
    refused = await ada.submit(address, {**usual, "clamps_offered": "yes", "input_bytes": "much"})
    assert "Bytes of text cannot be" in refused.text
