"""The list of models: the application's, and nobody else's."""

from __future__ import annotations

from tests.proxy.world import World

ALLOWED = ("gpt-test", "meta/llama-3")


async def test_the_list_has_openais_shape_and_the_policys_models(world: World) -> None:
    world.publish(rules={"models": ALLOWED, "actions": ()})
    answer = await world.get("/v1/models", token=world.token())
    told = answer.json()
    assert (answer.status, told["object"]) == (200, "list")
    assert [model["id"] for model in told["data"]] == list(ALLOWED)
    assert {model["object"] for model in told["data"]} == {"model"}
    assert all(set(model) == {"id", "object", "created", "owned_by"} for model in told["data"])


async def test_one_model_is_found_by_its_name_however_it_is_spelled(world: World) -> None:
    world.publish(rules={"models": ALLOWED, "actions": ()})
    for spelling in ("meta/llama-3", "meta%2Fllama-3"):
        answer = await world.get(f"/v1/models/{spelling}", token=world.token())
        assert (answer.status, answer.json()["id"]) == (200, "meta/llama-3")


async def test_a_model_that_is_not_on_the_list_is_not_there(world: World) -> None:
    answer = await world.get("/v1/models/gpt-secret", token=world.token())
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")


async def test_asking_for_models_needs_the_right_and_no_key(world: World) -> None:
    refused = await world.get("/v1/models", token=world.token(permissions=("api:chat.completions",)))
    assert (refused.status, refused.error["code"]) == (403, "permission_missing")
    assert (await world.get("/v1/models")).error["code"] == "session_missing"
    await world.get("/v1/models", token=world.token())
    assert not world.vault.opens
    assert not world.provider.calls


async def test_an_application_need_not_offer_its_list(world: World) -> None:
    world.publish(rules={"endpoints": ("chat.completions",)})
    answer = await world.get("/v1/models", token=world.token())
    assert (answer.status, answer.error["code"]) == (403, "endpoint_not_allowed")


async def test_a_model_is_only_read(world: World) -> None:
    answer = await world.chat({}, target="/v1/models")
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
