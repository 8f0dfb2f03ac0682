"""Embeddings and moderations over the proxy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from sealgate.messages.feed import CredentialReference, Outcome
from tests.proxy.provider_endpoints import EMBEDDINGS, MODERATIONS, WHOLES
from tests.proxy.world import World, until

EMBEDDINGS_ASKED = {"model": "gpt-test", "input": ["canary one", "canary two"]}
MODERATIONS_ASKED = {"input": "canary text"}
ENDPOINTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "embeddings": (EMBEDDINGS_ASKED, EMBEDDINGS),
    "moderations": (MODERATIONS_ASKED, MODERATIONS),
}


async def test_embeddings_come_whole_and_the_provider_says_what_they_took(world: World) -> None:
    answer = await world.chat(EMBEDDINGS_ASKED, target="/v1/embeddings")
    assert (answer.status, answer.json()) == (200, EMBEDDINGS)
    record = await world.record()
    assert (record.endpoint, record.outcome, record.estimated) == ("embeddings", Outcome.COMPLETED, False)
    assert (record.input_tokens, record.output_tokens) == (7, 0)


async def test_moderations_come_whole_and_their_use_is_estimated(world: World) -> None:
    answer = await world.chat(MODERATIONS_ASKED, target="/v1/moderations")
    assert (answer.status, answer.json()) == (200, MODERATIONS)
    record = await world.record()
    assert (record.endpoint, record.outcome, record.estimated) == ("moderations", Outcome.COMPLETED, True)
    assert (record.input_tokens, record.output_tokens) == (3, 0)  # 11 bytes


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_what_names_the_user_or_a_store_does_not_go_up(world: World, endpoint: str) -> None:
    asked, _answer = ENDPOINTS[endpoint]
    await world.chat(asked, target=f"/v1/{endpoint}")
    call = world.provider.calls[0]
    assert call.target == f"/v1/{endpoint}"
    assert not {"safety_identifier", "store", "user", "max_completion_tokens"} & set(call.body)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_without_the_permission_nothing_goes_up(world: World, endpoint: str) -> None:
    token = world.token(permissions=("api:chat.completions",))
    answer = await world.chat(ENDPOINTS[endpoint][0], target=f"/v1/{endpoint}", token=token)
    assert (answer.status, answer.error["code"]) == (403, "permission_missing")
    assert not world.provider.calls


FAULTS = {
    "echo-401": (502, "provider_rejected_key", Outcome.UPSTREAM_REFUSED),
    "quota": (429, "provider_quota_exhausted", Outcome.UPSTREAM_REFUSED),
    "html-200": (502, "provider_failed", Outcome.UPSTREAM_FAILED),
    "garbage": (502, "provider_failed", Outcome.UPSTREAM_FAILED),
    "broken-json": (502, "provider_failed", Outcome.UPSTREAM_FAILED),
    "reset-at-once": (502, "provider_failed", Outcome.UPSTREAM_FAILED),
}


@pytest.mark.parametrize("model", FAULTS)
async def test_a_provider_that_fails_is_told_of_in_our_words(world: World, model: str) -> None:
    status, code, outcome = FAULTS[model]
    answer = await world.chat({"model": model, "input": "canary"}, target="/v1/embeddings")
    assert (answer.status, answer.error["code"]) == (status, code)
    assert b"acme-corp" not in answer.body
    record = await world.record()
    assert (record.outcome, record.endpoint) == (outcome, "embeddings")


async def test_a_client_that_leaves_ends_the_call(world: World) -> None:
    browser = await world.browser()
    browser.send(world.request({"model": "hang", "input": "canary"}, target="/v1/embeddings"))
    await world.provider.started.wait()
    browser.close()
    await until(lambda: world.provider.calls[0].ended_by == "client_left")
    assert (await world.record()).outcome is Outcome.CANCELLED


async def test_a_provider_without_the_endpoint_is_not_asked(world: World) -> None:
    world.publish(credential=CredentialReference(world.credential, "azure-openai", world.provider.origin))
    answer = await world.chat(MODERATIONS_ASKED, target="/v1/moderations")
    assert (answer.status, answer.error["code"]) == (403, "endpoint_not_at_provider")
    assert not world.vault.opens


async def test_a_thousand_vectors_come_whole_and_what_is_larger_is_told_of(world: World) -> None:
    large = {"object": "list", "data": ["A" * 20_000_000], "usage": {"prompt_tokens": 7}}
    with answering("/embeddings", large):
        answer = await world.chat(EMBEDDINGS_ASKED, target="/v1/embeddings")
    assert (answer.status, answer.json()) == (200, large)
    with answering("/moderations", large):
        answer = await world.chat(MODERATIONS_ASKED, target="/v1/moderations")
    assert (answer.status, answer.error["code"]) == (502, "answer_too_large")


@contextlib.contextmanager
def answering(endpoint: str, answer: dict[str, Any]) -> Iterator[None]:
    """The provider says this for a while."""
    before, WHOLES[endpoint] = WHOLES[endpoint], answer
    try:
        yield
    finally:
        WHOLES[endpoint] = before
