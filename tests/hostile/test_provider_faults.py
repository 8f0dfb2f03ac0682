"""Every way in which a provider can fail: mapped to who can fix it, never relayed, counted once."""

from __future__ import annotations

import msgspec
import pytest

from sealgate.messages.feed import CredentialReference, Outcome
from sealgate.policy.document import Limits, decode_policy, encode_policy
from tests.proxy.world import KEY, World, prompt, until

# model → status, code, who, outcome, whether clients should retry
FAULTS = {
    "echo-401": (502, "provider_rejected_key", "administrator", Outcome.UPSTREAM_REFUSED, False),
    "quota": (429, "provider_quota_exhausted", "administrator", Outcome.UPSTREAM_REFUSED, False),
    "rate": (429, "provider_rate_limited", "time", Outcome.UPSTREAM_REFUSED, True),
    "html-500": (502, "provider_error", "time", Outcome.UPSTREAM_REFUSED, True),
    "html-200": (502, "provider_failed", "time", Outcome.UPSTREAM_FAILED, True),
    "redirect": (502, "provider_redirected", "administrator", Outcome.UPSTREAM_REFUSED, False),
    "too-long": (400, "text_too_long", "user", Outcome.UPSTREAM_REFUSED, False),
    "bad-400": (400, "provider_refused_request", "administrator", Outcome.UPSTREAM_REFUSED, False),
    "no-model": (404, "provider_model_unknown", "administrator", Outcome.UPSTREAM_REFUSED, False),
    "reset-at-once": (502, "provider_failed", "time", Outcome.UPSTREAM_FAILED, True),
    "garbage": (502, "provider_failed", "time", Outcome.UPSTREAM_FAILED, True),
    "smuggle": (502, "provider_failed", "time", Outcome.UPSTREAM_FAILED, True),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", FAULTS)
async def test_a_providers_fault_is_mapped_and_counted_once(world: World, model: str, stream: bool) -> None:
    status, code, who, outcome, retry = FAULTS[model]
    answer = await world.chat(prompt(model, stream=stream))
    assert (answer.status, answer.error["code"], answer.error["who"]) == (status, code, who)
    assert (answer.headers.get("x-should-retry") != "false") is retry
    record = await world.record()
    assert (record.outcome, record.status) == (outcome, status)


@pytest.mark.parametrize("model", [*FAULTS, "error-event", "reset", "truncated"])
async def test_nothing_of_the_providers_words_reaches_the_client(world: World, model: str) -> None:
    browser = await world.browser()
    browser.send(world.request(prompt(model, stream=True), connection="close"))
    raw = await browser.closed()
    assert KEY.encode() not in raw
    assert KEY[-4:].encode() not in raw
    assert b"acme-corp" not in raw
    assert KEY not in world.log.getvalue()
    assert "acme-corp" not in world.log.getvalue()


async def test_the_providers_retry_after_is_passed_on_as_a_number(world: World) -> None:
    assert (await world.chat(prompt("rate"))).headers["retry-after"] == "7"


BROKEN_STREAMS = {
    "reset": ("provider_truncated", Outcome.TRUNCATED),
    "truncated": ("provider_truncated", Outcome.TRUNCATED),
}


@pytest.mark.parametrize("model", BROKEN_STREAMS)
async def test_a_stream_that_breaks_ends_with_an_error_event_and_no_end_marker(
    world: World, model: str
) -> None:
    code, outcome = BROKEN_STREAMS[model]
    answer = await world.chat(prompt(model, stream=True))
    assert answer.status == 200
    assert f'"code":"{code}"'.encode() in answer.body
    assert b"[DONE]" not in answer.body
    record = await world.record()
    assert (record.outcome, record.estimated) == (outcome, True)
    assert record.output_tokens > 0


async def test_an_error_that_the_provider_hides_in_a_200_becomes_an_error_answer(world: World) -> None:
    answer = await world.chat(prompt("error-event", stream=True))
    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert (await world.record()).outcome is Outcome.UPSTREAM_REFUSED


async def test_an_action_that_breaks_ends_with_our_error_event(world: World) -> None:
    document = world.document()
    policy = decode_policy(document.policy)
    broken = tuple(msgspec.structs.replace(action, model="truncated") for action in policy.actions)
    policy = msgspec.structs.replace(policy, actions=broken)
    world.publish(policy=msgspec.Raw(encode_policy(policy)))
    answer = await world.action({"text": "a"})
    assert answer.body.startswith(b'event: delta\ndata: {"text":"Short"}\n\nevent: error\n')
    assert b"event: done" not in answer.body


async def test_a_broken_json_answer_is_an_error_and_not_half_an_answer(world: World) -> None:
    assert (await world.chat(prompt("broken-json"))).error["code"] == "provider_failed"


async def test_a_provider_that_says_nothing_is_given_up_after_the_first_byte_time(world: World) -> None:
    world.publish(Limits(requests_per_minute=100, first_byte_s=0.1))
    answer = await world.chat(prompt("hang"))
    assert (answer.status, answer.error["code"]) == (504, "provider_timeout")
    assert (await world.record()).outcome is Outcome.UPSTREAM_TIMEOUT
    await until(lambda: world.provider.calls[0].ended_by == "client_left")


async def test_a_stream_that_stalls_is_given_up_after_the_idle_time(world: World) -> None:
    world.publish(Limits(requests_per_minute=100, idle_s=0.1))
    answer = await world.chat(prompt("wait", stream=True))
    assert b'"code":"provider_timeout"' in answer.body
    assert (await world.record()).outcome is Outcome.UPSTREAM_TIMEOUT


async def test_an_answer_that_takes_too_long_in_all_is_given_up(world: World) -> None:
    world.publish(Limits(requests_per_minute=100, total_s=0.1))
    answer = await world.chat(prompt("wait", stream=True))
    assert b'"code":"provider_timeout"' in answer.body


async def test_a_certificate_that_does_not_verify_gets_no_key(world: World) -> None:
    await world.stop_proxy()
    await world.start_proxy(egress_ca_file=None)
    await world.connected()
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == (502, "provider_certificate")
    assert not world.provider.raw_requests


async def test_a_certificate_for_another_name_gets_no_key(world: World) -> None:
    origin = f"https://other.localhost:{world.provider.port}"
    world.publish(credential=CredentialReference(world.credential, "openai", origin))
    assert (await world.chat()).error["code"] == "provider_certificate"
    assert not world.provider.raw_requests


@pytest.mark.parametrize(
    "origin", ["http://provider.localhost", "https://user@host", "ftp://x", "https://h/path"]
)
async def test_a_destination_that_is_no_https_origin_gets_no_key(world: World, origin: str) -> None:
    world.publish(credential=CredentialReference(world.credential, "openai", origin))
    assert (await world.chat()).error["code"] == "provider_address"


async def test_nobody_listening_is_an_error_that_time_may_fix(world: World) -> None:
    await world.provider.close()
    answer = await world.chat()
    assert (answer.status, answer.error["code"], answer.error["who"]) == (502, "provider_unreachable", "time")
