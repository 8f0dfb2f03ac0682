"""Budgets through the running proxy: refused, made shorter, cut, given back, and told in words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from sealgate.messages.feed import ModelPrice, Outcome, Prices
from sealgate.policy.budgets import Budget
from sealgate.policy.catalogue import ready_actions
from sealgate.policy.document import Plan
from tests.proxy.world import Answer, World, prompt, until

PRICE = ModelPrice(input=1_000_000_000, cached_input=500_000_000, output=2_000_000_000)
PRICES = Prices("a table", {"gpt-test": PRICE, "flood": PRICE})


async def with_budgets(world: World, *budgets: Budget, prices: Prices | None = None, **rules: Any) -> None:
    world.publish(rules={"budgets": budgets, **rules}, prices=prices)
    version = world.console.documents[world.application].version
    await world.chat(token=world.token(permissions=()))  # the document is there
    await until(lambda: world.running.parts.applications.ids()[0][1] == version)


def told(answer: Answer) -> tuple[int, str, str, dict[str, str]]:
    return answer.status, answer.error["code"], answer.error["who"], answer.error["limit"]


def limit(scope: str, measure: str, window: str) -> dict[str, str]:
    return {"scope": scope, "measure": measure, "window": window}


async def test_requests_of_a_day_are_counted_and_the_refusal_names_the_limit(world: World) -> None:
    await with_budgets(world, Budget("user", "requests", "day", 2))
    for _ in range(2):
        assert (await world.chat()).status == 200
    refused = await world.chat()
    assert told(refused) == (429, "budget_used_up", "time", limit("user", "requests", "day"))
    assert refused.error["type"] == "insufficient_quota"
    assert refused.error["message"].startswith("Your requests for today are used up.")
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert refused.headers["x-should-retry"] == "false"
    assert (await world.chat(token=world.token(user="somebody else"))).status == 200
    assert len(world.provider.calls) == 3
    assert world.running.parts.outcomes[Outcome.REFUSED_LIMIT] == 1


async def test_a_minutes_limit_may_be_tried_again(world: World) -> None:
    await with_budgets(world, Budget("application", "requests", "minute", 1))
    assert (await world.chat()).status == 200
    refused = await world.chat(token=world.token(user="somebody else"))
    assert told(refused)[1:] == ("budget_rate_limited", "time", limit("application", "requests", "minute"))
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "x-should-retry" not in refused.headers


SCOPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "session": ({"sid": "one"}, {"sid": "two"}),
    "user": ({"user": "ada"}, {"user": "bob"}),
    "plan": ({"plan": "free"}, {"plan": "pro"}),
}


@pytest.mark.parametrize("scope", SCOPES)
async def test_each_scope_counts_its_own(world: World, scope: Any) -> None:
    plans = (Plan("free", "Free"), Plan("pro", "Pro"))
    await with_budgets(world, Budget(scope, "requests", "day", 1), plans=plans)
    one, other = SCOPES[scope]
    one, other = {"sid": "s", **one}, {"sid": "s", **other}
    assert (await world.chat(token=world.token(**one))).status == 200
    assert (await world.chat(token=world.token(**one))).error["limit"]["scope"] == scope
    assert (await world.chat(token=world.token(**other))).status == 200


async def test_an_organizations_budget_is_shared_by_its_applications(world: World) -> None:
    await with_budgets(world, Budget("organization", "requests", "month", 1))
    assert (await world.chat()).status == 200
    ours, world.application = world.application, world.application[:-1] + "a"
    world.publish(rules={"budgets": (Budget("organization", "requests", "month", 1),)})
    refused = await world.chat()
    assert refused.error["message"].startswith("The organization's requests for this month are used up.")
    world.application = ours


async def test_streams_at_once_are_counted_across_a_users_sessions(world: World) -> None:
    await with_budgets(world, Budget("user", "streams", "at_once", 1))
    browser = await world.stream(token=world.token(sid="one"))
    refused = await world.chat(token=world.token(sid="two"))
    assert told(refused)[1] == "too_many_streams"
    browser.close()
    await until(lambda: not world.running.parts.running)
    assert (await world.chat(token=world.token(sid="two"))).status == 200


async def test_tokens_settle_to_the_providers_figures(world: World) -> None:
    budget = Budget("user", "tokens", "day", 3_000)
    await with_budgets(world, budget)
    for _ in range(10):  # each holds over 1,024, and uses 15
        assert (await world.chat()).status == 200
    counters = world.running.parts.ledger.lasting()
    assert [used for _window, used in counters.values()] == [150]


async def test_an_answer_is_made_shorter_where_less_is_left(world: World) -> None:
    await with_budgets(world, Budget("user", "tokens", "day", 300))
    assert (await world.chat()).status == 200
    assert 64 <= world.provider.calls[-1].body["max_completion_tokens"] < 300


async def test_an_answer_is_not_made_useless(world: World) -> None:
    await with_budgets(world, Budget("user", "tokens", "day", 100))
    refused = await world.chat()
    assert told(refused)[:3] == (400, "request_over_budget", "user")
    assert "retry-after" not in refused.headers
    assert (await world.chat(prompt(max_completion_tokens=20))).status == 200


async def test_money_is_counted_by_the_documents_prices(world: World) -> None:
    await with_budgets(world, Budget("user", "money", "month", 10_000_000), prices=PRICES)
    assert (await world.chat()).status == 200
    used = [used for _window, used in world.running.parts.ledger.lasting().values()]
    assert used == [8 * 1_000 + 3 * 500 + 4 * 2_000]  # 11 in, 3 of them cached, 4 out


async def test_a_model_without_a_price_is_refused_unless_the_budget_allows_it(world: World) -> None:
    budget = Budget("user", "money", "month", 10_000_000)
    await with_budgets(world, budget)
    refused = await world.chat()
    assert (refused.status, refused.error["code"], refused.error["who"]) == (
        403,
        "price_missing",
        "administrator",
    )
    await with_budgets(world, msgspec.structs.replace(budget, unpriced="allow"))
    assert (await world.chat()).status == 200


async def test_moderations_cost_nothing(world: World) -> None:
    await with_budgets(world, Budget("user", "money", "day", 1), prices=PRICES)
    answer = await world.chat({"input": "x"}, target="/v1/moderations")
    assert answer.status == 200


FLOODS = {
    "chat": ("/v1/chat/completions", prompt("flood", stream=True)),
    "responses": ("/v1/responses", {"model": "resp-flood", "input": "x", "stream": True}),
    "action": ("/assistant/v1/actions/shorten", {"text": "x"}),
}


@pytest.mark.parametrize("dialect", FLOODS)
async def test_a_hard_cap_cuts_a_running_stream_with_a_clear_last_event(world: World, dialect: str) -> None:
    action = next(each for each in ready_actions("flood") if each.id == "shorten")
    await with_budgets(world, Budget("user", "tokens", "day", 3_000), actions=(action,))
    target, body = FLOODS[dialect]
    answer = await world.chat(body, target=target)
    assert answer.complete
    last = answer.body.split(b"\n\n")[-2]
    error = json.loads(last[last.index(b"{") :])["error"]
    assert (error["code"], error["who"]) == ("budget_cut", "time")
    assert error["limit"] == limit("user", "tokens", "day")
    assert error["message"].startswith("Your tokens for today were used up while this answer was written.")
    assert b"[DONE]" not in answer.body
    await until(lambda: world.provider.calls[0].ended_by == "client_left")
    record = await world.record()
    assert (record.outcome, record.status, record.estimated) == (Outcome.CUT, 200, True)
    assert record.output_tokens > 1_000


async def test_what_never_reached_the_provider_is_given_back_whole(world: World) -> None:
    await with_budgets(world, Budget("user", "requests", "day", 1), Budget("user", "tokens", "day", 3_000))
    await world.provider.close()
    assert (await world.chat()).error["code"] == "provider_unreachable"
    assert world.running.parts.ledger.lasting() == {}
    assert (await world.chat()).error["code"] == "provider_unreachable"


async def test_what_the_provider_refused_counts_as_a_request_without_tokens(world: World) -> None:
    await with_budgets(world, Budget("user", "requests", "day", 9), Budget("user", "tokens", "day", 3_000))
    assert (await world.chat(prompt("rate"))).status == 429
    assert [used for _window, used in world.running.parts.ledger.lasting().values()] == [1]


async def test_of_a_hundred_at_once_exactly_as_many_pass_as_there_is_room_for(world: World) -> None:
    await with_budgets(world, Budget("application", "requests", "day", 30))
    answers = await asyncio.gather(*(world.chat(token=world.token(user=f"u{n}")) for n in range(100)))
    assert sorted(answer.status for answer in answers) == [200] * 30 + [429] * 70


async def test_under_parallel_load_no_more_is_spent_than_there_is(world: World) -> None:
    most = 4_000
    await with_budgets(world, Budget("application", "tokens", "day", most))
    for _ in range(4):
        await asyncio.gather(*(world.chat(prompt(max_completion_tokens=100)) for n in range(100)))
    used = next(used for _window, used in world.running.parts.ledger.lasting().values())
    assert most - 200 <= used <= most * 1.01


async def test_a_reset_begins_the_count_anew(world: World) -> None:
    budget = Budget("user", "requests", "day", 1)
    await with_budgets(world, budget)
    assert (await world.chat()).status == 200
    assert (await world.chat()).status == 429
    await with_budgets(world, msgspec.structs.replace(budget, reset=1))
    assert (await world.chat()).status == 200
    assert (await world.chat()).status == 429


async def test_an_orderly_restart_and_one_after_that_keep_the_count(world: World) -> None:
    await with_budgets(world, Budget("user", "requests", "day", 3))
    for _ in range(3):
        assert (await world.chat()).status == 200
        await world.stop_proxy()
        await world.start_proxy()
        await world.connected()
    assert (await world.chat()).error["code"] == "budget_used_up"
    raw = (world.config.data_dir / "budgets.checkpoint").read_bytes()
    assert b"user-1" not in raw


def told_budget(answer: Answer) -> dict[str, str]:
    measure, *parts = answer.headers["x-sealgate-budget"].split("; ")
    return {"measure": measure, **dict(part.split("=") for part in parts)}


async def test_answers_tell_what_is_left_of_ones_own_tightest_budget(world: World) -> None:
    await with_budgets(
        world,
        Budget("user", "requests", "day", 4),
        Budget("user", "tokens", "day", 1_000_000),
        Budget("application", "requests", "day", 3),
    )
    answer = await world.chat()
    left = told_budget(answer)
    assert 0 < int(left.pop("reset")) <= 86_400
    assert left == {"measure": "requests", "window": "day", "share": "0.75", "limit": "4", "remaining": "3"}
    assert "x-sealgate-budget" in answer.headers["access-control-expose-headers"]
    await world.chat()
    assert told_budget(await world.chat())["remaining"] == "1"
    refused = await world.chat()
    assert refused.error["limit"]["scope"] == "application"
    assert told_budget(refused)["remaining"] == "1", "what was refused is given back"


async def test_money_is_told_as_a_share_and_shared_budgets_not_at_all(world: World) -> None:
    await with_budgets(world, Budget("user", "money", "month", 50_000_000), prices=PRICES)
    await world.chat()
    left = told_budget(await world.chat())
    assert set(left) == {"measure", "window", "share", "reset"}
    assert 0 < float(left["share"]) < 1
    await with_budgets(world, Budget("application", "money", "month", 50_000_000), prices=PRICES)
    assert "x-sealgate-budget" not in (await world.chat()).headers


async def test_the_assistant_is_told_what_its_user_has_left(world: World) -> None:
    await with_budgets(world, Budget("user", "requests", "day", 4))
    token = world.token()
    first = (await world.get("/assistant/v1/me", token=token)).json()["allowance"]["budget"]
    assert first is None, "no key was opened yet, so nobody knows the pseudonym"
    await world.chat(token=token)
    for again in (token, world.token(sid="another")):
        budget = (await world.get("/assistant/v1/me", token=again)).json()["allowance"]["budget"]
        assert (budget["measure"], budget["window"], budget["limit"], budget["remaining"]) == (
            "requests",
            "day",
            4,
            3,
        )


async def test_refusals_are_counted_for_operators_without_a_subject(world: World) -> None:
    await with_budgets(world, Budget("user", "requests", "day", 1))
    for _ in range(3):
        await world.chat()
    shown = (await world.admin("/-/limits")).json()
    assert shown["refused"] == [{**limit("user", "requests", "day"), "count": 2}]
    assert [(each["used"], each["most"]) for each in shown["top"]] == [(1, 1)]
    assert shown["top"][0]["owner"].startswith(f"{world.application}:")
    assert "user-1" not in json.dumps(shown)
    page = (await world.admin("/metrics")).body.decode()
    labels = 'scope="user",measure="requests",window="day"'
    assert f"sealgate_proxy_budget_refusals_total{{{labels}}} 2" in page
