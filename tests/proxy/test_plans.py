"""What a session may do whose token names a plan, through the running proxy."""

from __future__ import annotations

from typing import Any

from sealgate.policy.catalogue import ready_actions
from sealgate.policy.document import Plan, PlanLimits
from tests.proxy.world import World, prompt, until

SHORTEN = next(action for action in ready_actions("gpt-test") if action.id == "shorten")
FREE = Plan(
    "free",
    "Free",
    models=("gpt-test",),
    endpoints=("chat.completions",),
    actions=("shorten",),
    prompt=False,
    limits=PlanLimits(output_tokens=50, tools=False, input_bytes=100, images=0),
)
PRO = Plan("pro", "Pro")
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {}}}


async def with_plans(world: World) -> None:
    await world.connected()
    world.publish(rules={"plans": (FREE, PRO)})


async def test_a_plans_limits_hold_its_sessions_and_no_others(world: World) -> None:
    await with_plans(world)
    for plan, most in (("free", 50), ("pro", 1_024), (None, 1_024)):
        await world.chat(prompt(max_completion_tokens=900_000), token=world.token(plan=plan))
        assert world.provider.calls[-1].body["max_completion_tokens"] == most


async def test_a_plans_lists_hold_its_sessions(world: World) -> None:
    await with_plans(world)
    free, pro = world.token(plan="free"), world.token(plan="pro")
    assert (await world.chat(target="/v1/responses", token=free)).error["code"] == "endpoint_not_allowed"
    assert (await world.chat(prompt("wait"), token=free)).error["code"] == "model_not_allowed"
    assert (await world.action({"text": "x"}, "grammar", token=free)).error["code"] == "action_unknown"
    assert (await world.action({"text": "A long text."}, token=free)).status == 200
    asked = await world.chat({"prompt": "x"}, target="/assistant/v1/prompt", token=free)
    assert asked.error["code"] == "prompt_not_offered"
    asked = await world.chat({"prompt": "x"}, target="/assistant/v1/prompt", token=pro)
    assert asked.status == 200
    listed = (await world.get("/v1/models", token=pro)).json()["data"]
    assert len(listed) > 1


async def test_a_plans_clamps_are_refused_by_name_before_anything_goes_up(world: World) -> None:
    await with_plans(world)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    refused: dict[str, dict[str, Any]] = {
        "field_not_allowed": prompt(tools=[TOOL]),
        "text_too_long": {"model": "gpt-test", "messages": [{"role": "user", "content": "x" * 101}]},
    }
    for code, body in refused.items():
        answer = await world.chat(body, token=world.token(plan="free"))
        assert (answer.status, answer.error["code"], answer.error["who"]) == (400, code, "user")
    long = await world.action({"text": "x" * 101}, token=world.token(plan="free"))
    assert long.error["code"] == "text_too_long"
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": [picture]}]}
    assert "pictures" in (await world.chat(body, token=world.token(plan="free"))).error["message"]
    assert world.provider.calls == []


async def test_the_assistant_is_offered_what_its_plan_has(world: World) -> None:
    await with_plans(world)
    me = (await world.get("/assistant/v1/me", token=world.token(plan="free"))).json()
    assert [each["id"] for each in me["actions"]] == ["shorten"]
    assert me["rights"]["prompt"] is False


async def test_a_plan_that_there_is_not_is_refused_and_names_who_can_add_it(world: World) -> None:
    await with_plans(world)
    answer = await world.chat(token=world.token(plan="gold"))
    assert (answer.status, answer.error["code"], answer.error["who"]) == (
        403,
        "plan_unknown",
        "administrator",
    )
    assert answer.headers["x-should-retry"] == "false"


async def test_an_application_without_plans_does_not_mind_what_a_token_names(world: World) -> None:
    await world.connected()
    world.publish()
    assert (await world.chat(token=world.token(plan="gold"))).status == 200


async def test_a_plan_that_is_changed_counts_from_the_next_request_on(world: World) -> None:
    await with_plans(world)
    token = world.token(plan="pro")
    assert (await world.chat(token=token)).status == 200
    world.publish(rules={"plans": (FREE,)})
    await until(lambda: world.running.parts.applications.ids()[0][1] == 3)
    assert (await world.chat(token=token)).error["code"] == "plan_unknown"
