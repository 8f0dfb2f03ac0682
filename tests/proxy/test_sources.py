"""Several sources: in order, one after the other, and one outcome whatever was tried."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.messages.feed import Outcome
from sealgate.messages.frames import Refusal
from sealgate.messages.opening import CredentialEvent
from sealgate.policy.document import ENDPOINTS, USUAL_ENDPOINTS, Endpoint, Limits, Source
from sealgate.proxy.breaker import FAILURES
from tests.proxy.form_writing import TYPE, form
from tests.proxy.world import KEY, LIMITS, World, prompt, until

OTHER_KEY = "sk-canary-other-9a77e02b46c84f1c"
QUICK = Limits(requests_per_minute=1_000, concurrent_streams=100, retries=0, first_byte_s=0.3, connect_s=0.3)


def two_sources(
    world: World,
    fault: str,
    limits: Limits = LIMITS,
    first: dict[str, Any] | None = None,
    endpoints: tuple[Endpoint, ...] = USUAL_ENDPOINTS,
    **second: Any,
) -> str:
    """The add-on's own key answers with this fault; another credential is next. Gives the other's id."""
    other = new_id("cred")
    world.vault.keys[other] = OTHER_KEY
    named = {"credential": other, "provider": "openai", "origin": world.provider.origin}
    sources = (
        Source(**{"models": {"gpt-test": fault}, **(first or {})}),
        Source(**{**named, "rank": 2, **second}),
    )
    world.publish(limits, rules={"sources": sources, "endpoints": endpoints})
    return other


def keys_used(world: World) -> list[str]:
    return [call.headers["authorization"].removeprefix("Bearer ") for call in world.provider.calls]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["html-500", "quota", "echo-401", "redirect", "rate", "no-model"])
async def test_what_the_provider_refused_goes_to_the_next_source(
    world: World, fault: str, stream: bool
) -> None:
    other = two_sources(world, fault)
    answer = await world.chat(prompt(stream=stream))
    assert answer.status == 200
    assert b"clear" in answer.body
    assert KEY.encode() not in answer.body
    assert keys_used(world) == [KEY, OTHER_KEY]
    record = await world.record()
    assert (record.outcome, record.status) == (Outcome.COMPLETED, 200)
    assert (record.credential, record.provider, record.model) == (other, "openai", "gpt-test")
    assert (record.tries, record.estimated) == (2, False)
    assert sum(world.running.parts.outcomes.values()) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("bad-400", "provider_refused_request"),
        ("too-long", "text_too_long"),
        ("reset-at-once", "provider_failed"),
        ("hang", "provider_timeout"),
        ("late-504", "provider_timeout"),
        ("html-200", "provider_failed"),
        ("error-first", "provider_error"),
    ],
)
async def test_what_may_have_been_done_or_would_be_refused_again_goes_nowhere_else(
    world: World, fault: str, code: str
) -> None:
    two_sources(world, fault, QUICK)
    answer = await world.chat(prompt(stream=True))
    assert answer.error["code"] == code
    assert keys_used(world) == [KEY]
    assert (await world.record()).tries == 1


async def test_a_stream_that_began_is_never_begun_again(world: World) -> None:
    two_sources(world, "reset")
    answer = await world.chat(prompt(stream=True))
    assert b"Short" in answer.body
    assert b"provider_truncated" in answer.body
    assert keys_used(world) == [KEY]
    assert (await world.record()).outcome is Outcome.TRUNCATED


async def test_a_key_goes_to_its_own_origin_alone_when_the_first_cannot_be_reached(world: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"https://provider.localhost:{closed.getsockname()[1]}"
    first = new_id("cred")
    world.vault.keys[first] = OTHER_KEY
    away = Source(credential=first, provider="openai", origin=nowhere)
    world.publish(rules={"sources": (away, Source(rank=2))})
    assert (await world.chat()).status == 200
    assert keys_used(world) == [KEY]
    assert [each.origin for each in world.vault.opens] == [nowhere, world.provider.origin]
    assert (await world.record()).tries == 1, "nothing went up before"


async def test_a_revoked_credential_is_passed_over(world: World) -> None:
    other = two_sources(world, "gpt-test")
    world.vault.keys.pop(world.credential)
    assert (await world.chat()).status == 200
    assert keys_used(world) == [OTHER_KEY]
    assert (await world.record()).credential == other


async def test_a_fallback_to_another_provider_fits_the_request_to_it(world: World) -> None:
    two_sources(world, "html-500", provider="mistral", models={"gpt-test": "mistral-small"})
    assert (await world.chat(prompt(stream=True, seed=7, store=True))).status == 200
    body = world.provider.calls[1].body
    assert (body["model"], body["random_seed"]) == ("mistral-small", 7)
    assert not {"store", "safety_identifier", "stream_options", "max_completion_tokens"} & set(body)
    record = await world.record()
    assert (record.provider, record.model) == ("mistral", "mistral-small")


async def test_a_source_that_cannot_take_the_request_says_less_than_one_that_was_asked(world: World) -> None:
    two_sources(world, "html-500", QUICK, provider="anthropic")
    answer = await world.chat(prompt(response_format={"type": "json_object"}))
    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert len(world.provider.calls) == 1


async def test_a_source_that_cannot_take_the_request_is_passed_over(world: World) -> None:
    two_sources(world, "gpt-test", first={"rank": 2}, rank=1, provider="anthropic")
    assert (await world.chat(prompt(response_format={"type": "json_object"}))).status == 200
    assert keys_used(world) == [KEY]


async def test_when_all_fail_the_client_is_told_once_and_one_outcome_is_written(world: World) -> None:
    two_sources(world, "echo-401", QUICK, models={"gpt-test": "quota"})
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == (429, "provider_quota_exhausted")
    record = await world.record()
    assert (record.outcome, record.tries, record.output_tokens) == (Outcome.UPSTREAM_REFUSED, 2, 0)
    assert sum(world.running.parts.outcomes.values()) == 1


async def test_weights_share_the_requests(world: World) -> None:
    two_sources(world, "gpt-test", rank=1)
    for _ in range(24):
        assert (await world.chat()).status == 200
    assert set(keys_used(world)) == {KEY, OTHER_KEY}, "once in eight million runs, all go one way"


# Retries of one source.


async def test_a_source_that_failed_in_passing_is_asked_again_a_little_later(world: World) -> None:
    world.publish(Limits(retries=2))
    world.provider.failures = 2
    answer = await world.chat(prompt("flaky", stream=True))
    assert answer.body.endswith(b"data: [DONE]\n\n")
    record = await world.record()
    assert (record.outcome, record.tries) == (Outcome.COMPLETED, 3)
    metrics = (await world.admin("/metrics")).body.decode()
    assert 'failed_tries_total{code="provider_error",followed_by="pause"} 2' in metrics


async def test_no_more_retries_than_the_policy_says(world: World) -> None:
    world.publish(Limits(retries=1))
    world.provider.failures = 5
    answer = await world.chat(prompt("flaky"))
    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert len(world.provider.calls) == 2


async def test_a_short_retry_after_is_waited_for_and_a_long_one_is_the_clients(world: World) -> None:
    world.publish(Limits(retries=1))
    world.provider.failures, world.provider.retry_after = 1, "0.4"
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert (await world.chat(prompt("flaky"))).status == 200
    assert loop.time() - began_s >= 0.4
    answer = await world.chat(prompt("rate"))
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert len(world.provider.calls) == 3


async def test_a_client_that_leaves_while_we_wait_is_not_asked_for_again(world: World) -> None:
    world.publish(Limits(retries=1))
    world.provider.failures, world.provider.retry_after = 1, "1.5"
    browser = await world.browser()
    browser.send(world.request(prompt("flaky")))
    await until(lambda: world.running.parts.failed_tries[("provider_error", "pause")] == 1)
    browser.close()
    record = await world.record()
    assert (record.outcome, record.output_tokens) == (Outcome.CANCELLED, 0)
    assert len(world.provider.calls) == 1
    assert not world.running.parts.running


async def test_an_upload_is_sent_whole_to_the_next_source(world: World) -> None:
    """Nothing of a form is used up by a try that failed."""
    two_sources(world, "html-500", endpoints=ENDPOINTS)
    sound = os.urandom(300_000)
    fields: list[tuple[str, Any]] = [("model", "gpt-test"), ("file", ("a.wav", "audio/wav", sound))]
    asked = form([*fields, ("prompt", "two words")])
    answer = await world.chat(asked, target="/v1/audio/transcriptions", content_type=TYPE)
    assert answer.status == 200
    assert keys_used(world) == [KEY, OTHER_KEY]
    first, second = world.provider.calls
    assert second.body == {**first.body, "model": "gpt-test"}
    assert second.body["file"]["content"] == sound
    assert (await world.record()).tries == 2


async def test_an_upload_that_took_long_to_come_has_its_tries_all_the_same(world: World) -> None:
    two_sources(world, "html-500", QUICK, endpoints=ENDPOINTS)
    fields: list[tuple[str, Any]] = [("model", "gpt-test"), ("file", ("a.wav", "audio/wav", b"RIFF" * 100))]
    raw = world.request(form(fields), target="/v1/audio/transcriptions", content_type=TYPE)
    browser = await world.browser()
    browser.send(raw[:-1])
    await until(lambda: bool(world.running.parts.running))
    await asyncio.sleep(QUICK.first_byte_s + 0.05)
    browser.send(raw[-1:])
    assert (await browser.answer()).status == 200
    assert keys_used(world) == [KEY, OTHER_KEY]


async def test_a_request_is_sent_whole_to_the_next_source(world: World) -> None:
    two_sources(world, "html-500")
    assert (await world.chat(prompt(temperature=0.25))).status == 200
    first, second = world.provider.calls
    assert {**first.body, "model": "gpt-test"} == second.body


# What the vault refused.


async def test_a_refused_credential_does_not_cost_an_open_for_every_request(world: World) -> None:
    key = world.vault.keys.pop(world.credential)
    for _ in range(5):
        answer = await world.chat()
        assert (answer.status, answer.error["code"]) == (403, "credential_revoked")
    assert len(world.vault.opens) == 1
    world.vault.keys[world.credential] = key
    world.vault.revoke(world.credential, CredentialEvent.DEPOSITED)
    await until(lambda: "credential_dropped" in world.log.getvalue())
    assert (await world.chat()).status == 200
    assert len(world.vault.opens) == 2


async def test_a_change_of_another_credential_forgets_nothing(world: World) -> None:
    world.vault.keys.pop(world.credential)
    await world.chat()
    world.vault.revoke(new_id("cred"), CredentialEvent.DEPOSITED)
    await until(lambda: "credential_dropped" in world.log.getvalue())
    await world.chat()
    assert len(world.vault.opens) == 1


async def test_a_refusal_is_forgotten_when_the_vault_comes_back(world: World) -> None:
    key = world.vault.keys.pop(world.credential)
    await world.chat()
    world.vault.keys[world.credential] = key
    world.running.parts.credentials.reconnected(())
    assert (await world.chat()).status == 200


async def test_a_vault_that_has_no_time_now_is_asked_again(world: World) -> None:
    world.vault.refusal = Refusal(code="open_quota", message="Later.")
    for _ in range(2):
        assert (await world.chat()).error["code"] == "open_quota"
    assert len(world.vault.opens) == 2


# The breaker.


async def test_a_provider_that_fails_again_and_again_is_left_alone_and_found_again(world: World) -> None:
    world.publish(Limits(retries=0, requests_per_minute=1_000))
    world.provider.failures = FAILURES
    for _ in range(FAILURES):
        assert (await world.chat(prompt("flaky"))).error["code"] == "provider_error"
    answer = await world.chat(prompt("flaky"))
    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert "is asked again in 1 s" in answer.error["message"]
    assert answer.headers["retry-after"] == "1"
    assert len(world.provider.calls) == FAILURES
    assert "proxy breaker_opened" in world.log.getvalue()
    parts = world.running.parts
    key = (world.provider.origin, world.credential, "flaky")
    await until(lambda: parts.breakers.resting(key, now()) is None)
    assert (await world.chat(prompt("flaky"))).status == 200
    assert "proxy breaker_closed" in world.log.getvalue()
    assert len(parts.breakers) == 0


async def test_a_source_that_is_left_alone_costs_no_try(world: World) -> None:
    two_sources(world, "html-500")
    for _ in range(FAILURES + 2):
        assert (await world.chat()).status == 200
    assert keys_used(world).count(KEY) == FAILURES


@pytest.mark.parametrize("fault", ["html-500", "reset-at-once", "late-504"])
async def test_a_model_that_is_broken_leaves_the_others_of_its_key_alone(world: World, fault: str) -> None:
    world.publish(Limits(retries=0, requests_per_minute=1_000))
    for _ in range(FAILURES + 3):
        assert (await world.chat(prompt(fault))).status >= 500
    assert len(world.provider.calls) == FAILURES, "it is left alone"
    assert (await world.chat()).status == 200
    assert (await world.chat(prompt(stream=True))).status == 200


async def test_a_key_that_is_refused_is_left_alone_with_every_model(world: World) -> None:
    world.publish(Limits(retries=0, requests_per_minute=1_000))
    for _ in range(FAILURES):
        await world.chat(prompt("echo-401"))
    assert (await world.chat()).error["code"] == "provider_rejected_key"
    assert len(world.provider.calls) == FAILURES


async def test_limits_and_refused_requests_open_no_breaker(world: World) -> None:
    world.publish(Limits(retries=0, requests_per_minute=1_000))
    for fault in ("rate", "bad-400", "too-long", "no-model") * 3:
        await world.chat(prompt(fault))
    assert len(world.provider.calls) == 12
    assert len(world.running.parts.breakers) == 0


def now() -> float:
    return asyncio.get_running_loop().time()
