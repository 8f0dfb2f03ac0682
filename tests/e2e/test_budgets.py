"""Budgets from the console to the proxy, in real processes: set over the API, fed, held, told, kept."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sealgate.console.database import Database
from tests.console.api.program import mint
from tests.e2e.running_demo import RunningDemo, wait_for
from tests.e2e.test_refusals import ASK, error_of, post

PLAN = "tight"


@pytest.fixture(scope="module")
def api(demo: RunningDemo) -> Iterator[httpx.Client]:
    """The management API, with a token that may write."""
    token = asyncio.run(_token(demo))
    with httpx.Client(
        base_url=f"http://127.0.0.1:{demo.settings.console.port}",
        headers={
            "authorization": f"Bearer {token}",
            "host": f"console.localhost:{demo.settings.console.port}",
        },
        timeout=20,
    ) as client:
        yield client


async def _token(demo: RunningDemo) -> str:
    path = demo.folder / "console" / "console.db"
    with contextlib.closing(sqlite3.connect(path)) as there:
        organization, owner = there.execute("select organization_id, id from users").fetchone()
    database = Database(path)
    try:
        return await mint(database, organization, owner, time.time(), ("read", "write"))
    finally:
        await database.close()


@pytest.fixture
def budgets(demo: RunningDemo, api: httpx.Client) -> Iterator[Any]:
    """Sets budgets for sessions of one plan; other sessions of the demo are left alone."""

    def put(*rows: dict[str, Any]) -> None:
        plans = [{"id": PLAN, "label": "Tight"}]
        policy = {"plans": plans, "budgets": [{**row, "plans": [PLAN]} for row in rows]}
        path = f"/api/v1/applications/{demo.application}"
        answer = api.patch(path, json={"policy": policy})
        assert answer.status_code == 200, answer.text
        version = answer.json()["version"]
        wait_for(lambda: _known(demo) == version)

    yield put
    path = f"/api/v1/applications/{demo.application}"
    assert api.patch(path, json={"policy": {"plans": [], "budgets": []}}).status_code == 200


def _known(demo: RunningDemo) -> int:
    known = demo.admin("/-/applications")[1]["known"]
    return next((int(each["version"]) for each in known if each["application"] == demo.application), 0)


def token(demo: RunningDemo, user: str) -> str:
    return demo.signer().token(user, ("api:*",), plan=PLAN)


def test_a_budget_that_is_set_in_the_console_is_held_told_and_outlives_the_proxy(
    demo: RunningDemo, budgets: Any
) -> None:
    assert post(demo, ASK, demo.token()).status_code == 200
    budgets({"scope": "user", "measure": "requests", "window": "day", "most": 2})
    mine = token(demo, "budget-1")
    first = post(demo, ASK, mine)
    assert first.status_code == 200
    assert "limit=2; remaining=1" in first.headers["x-sealgate-budget"]
    demo.kill("proxy")
    before = demo.pid("proxy")
    wait_for(lambda: demo.pid("proxy") != before, 20)
    wait_for(lambda: _answers(demo), 20)
    assert post(demo, ASK, mine).status_code == 200
    refused = post(demo, ASK, mine)
    error = error_of(refused)
    assert (refused.status_code, error["code"], error["who"]) == (429, "budget_used_up", "time")
    assert error["limit"] == {"scope": "user", "measure": "requests", "window": "day"}
    assert post(demo, ASK, token(demo, "budget-2")).status_code == 200
    assert post(demo, ASK, demo.token()).status_code == 200, "sessions without the plan are not limited"


def _answers(demo: RunningDemo) -> bool:
    try:
        return demo.admin("/-/connected")[0] == 200
    except OSError:
        return False


def test_a_budget_of_money_goes_by_the_prices_that_the_console_feeds(demo: RunningDemo, budgets: Any) -> None:
    assert post(demo, ASK, demo.token()).status_code == 200
    budgets({"scope": "user", "measure": "money", "window": "month", "most": 10**12})
    error = error_of(post(demo, ASK, token(demo, "budget-3")))
    assert error["code"] == "price_missing", "the simulator's model has no price"


def test_what_the_console_lifts_is_lifted_at_once(demo: RunningDemo, budgets: Any) -> None:
    assert post(demo, ASK, demo.token()).status_code == 200
    row = {"scope": "user", "measure": "requests", "window": "day", "most": 1}
    budgets(row)
    mine = token(demo, "budget-4")
    assert post(demo, ASK, mine).status_code == 200
    assert post(demo, ASK, mine).status_code == 429
    budgets({**row, "most": 2})
    assert post(demo, ASK, mine).status_code == 200
    assert post(demo, ASK, mine).status_code == 429
