"""The free prompt: its own right, its history, its events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sealgate.messages.feed import Outcome
from sealgate.policy.document import Prompt
from tests.proxy.world import Answer, World

TARGET = "/assistant/v1/prompt"
TURN = {"prompt": "Write a headline.", "answer": "Larks at dawn"}


async def ask(world: World, body: dict[str, Any], **how: Any) -> Answer:
    return await world.chat(body, target=TARGET, **how)


async def test_a_prompt_answers_with_the_assistants_events_and_is_counted(world: World) -> None:
    answer = await ask(world, {"prompt": "Shorten this.", "text": "A canary text."})
    assert answer.status == 200
    assert answer.body.startswith(b'event: delta\ndata: {"text":"Short')
    assert b"event: done" in answer.body
    record = await world.record()
    assert (record.endpoint, record.action, record.model) == ("assistant.prompt", "", "gpt-test")
    assert record.outcome is Outcome.COMPLETED


async def test_the_instructions_stay_here_and_the_history_goes_up_in_order(world: World) -> None:
    await ask(world, {"prompt": "Again.", "text": "A canary text.", "history": [TURN], "locale": "de-CH"})
    messages = world.provider.calls[0].body["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0]["content"].startswith("You help with newsletters.")
    assert "A canary text." in messages[1]["content"]
    assert (messages[2]["content"], messages[3]["content"]) == ("Larks at dawn", "Again.")


async def test_a_prompt_needs_no_selection(world: World) -> None:
    assert (await ask(world, {"prompt": "Write a headline."})).status == 200


async def test_the_right_to_prompt_is_one_of_its_own(world: World) -> None:
    token = world.token(permissions=("action:*", "api:*"))
    answer = await ask(world, {"prompt": "Hello"}, token=token)
    assert (answer.status, answer.error["code"]) == (403, "permission_missing")
    assert "`prompt`" in answer.error["message"]
    me = (await world.get("/assistant/v1/me", token=token)).json()
    assert me["rights"] == {"prompt": False, "follow_ups": 0}


async def test_an_application_without_a_free_prompt_offers_none(world: World) -> None:
    world.publish(rules={"prompt": None})
    answer = await ask(world, {"prompt": "Hello"})
    assert (answer.status, answer.error["code"]) == (404, "prompt_not_offered")
    me = (await world.get("/assistant/v1/me", token=world.token())).json()
    assert me["rights"] == {"prompt": False, "follow_ups": 0}


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no prompt": ({"text": "a"}, "missing_field", "prompt"),
    "a blank prompt": ({"prompt": " "}, "invalid_value", "prompt"),
    "a prompt that is no string": ({"prompt": ["a"]}, "invalid_value", "prompt"),
    "a text that is no string": ({"prompt": "a", "text": 1}, "invalid_value", "text"),
    "a history that is no list": ({"prompt": "a", "history": {"a": 1}}, "invalid_value", "history"),
    "a turn that is no object": ({"prompt": "a", "history": ["b"]}, "invalid_value", "history[0]"),
    "a turn without an answer": (
        {"prompt": "a", "history": [TURN, {"prompt": "b"}]},
        "missing_field",
        "history[1].answer",
    ),
    "a turn with more": (
        {"prompt": "a", "history": [{**TURN, "role": "system"}]},
        "unknown_field",
        "history[0].role",
    ),
    "too many turns": ({"prompt": "a", "history": [TURN] * 3}, "history_too_long", "history"),
    "a model": ({"prompt": "a", "model": "gpt-test"}, "unknown_field", "model"),
    "messages": ({"prompt": "a", "messages": []}, "unknown_field", "messages"),
    "a locale that is none": ({"prompt": "a", "locale": "de CH; drop"}, "invalid_value", "locale"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_prompt_takes_only_what_it_offers(world: World, case: str) -> None:
    body, code, param = BAD[case]
    answer = await ask(world, body)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param)
    assert not world.provider.calls


async def test_a_prompt_that_breaks_ends_with_our_error_event(world: World) -> None:
    world.publish(rules={"prompt": Prompt(model="truncated", instructions="Help.")})
    answer = await ask(world, {"prompt": "Hello"})
    *_, last = answer.body.decode().strip().split("\n\n")
    assert last.startswith("event: error\n")
    assert json.loads(last.split("data: ")[1])["error"]["code"] == "provider_truncated"
    assert (await world.record()).outcome is Outcome.TRUNCATED
