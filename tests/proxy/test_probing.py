"""The test of a key: asked over the feed, done once, told in one of twelve words; no exchange."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sealgate.messages.feed import ProbeAsked, ProbeDone, ProbeResult
from sealgate.messages.frames import Refusal
from sealgate.proxy.probing import judge
from sealgate.proxy.wire.events import BodyPart, ResponseHead
from sealgate.proxy.wire.responses import ResponseReader
from tests.proxy.provider import FAULTS, whole
from tests.proxy.world import KEY, World, until


async def probe(world: World, model: str = "gpt-test", **changes: Any) -> ProbeDone:
    fields: dict[str, Any] = {
        "probe": f"probe-{len(world.console.probes)}",
        "organization": world.organization,
        "application": world.application,
        "credential": world.credential,
        "provider": "openai",
        "origin": world.provider.origin,
        "version": None,
        "model": model,
    }
    asked = ProbeAsked(**{**fields, **changes})
    assert world.console.server.notify_one(asked)
    await until(lambda: asked.probe in world.console.probes, 10.0)
    return world.console.probes[asked.probe]


async def test_a_good_key_is_ok_and_was_asked_for_one_token(world: World) -> None:
    done = await probe(world)
    assert (done.result, done.status) == (ProbeResult.OK, 200)
    assert done.duration_ms >= 0
    (call,) = world.provider.calls
    assert call.target == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.body["max_completion_tokens"] == 1
    assert call.body["store"] is False
    assert "safety_identifier" not in call.body


async def test_a_probe_is_logged_without_the_key_and_is_no_exchange(world: World) -> None:
    await probe(world)
    await until(lambda: "proxy key_probed" in world.log.getvalue())
    assert KEY not in world.log.getvalue()
    assert world.running.parts.journal.next_sequence == 1
    assert not world.console.usage
    assert len(world.running.parts.keys) == 0, "the key is not kept"


async def test_the_version_that_was_asked_for_is_opened(world: World) -> None:
    await probe(world, version=7)
    assert world.vault.opens[-1].version == 7
    await world.chat()
    assert world.vault.opens[-1].version is None


RESULTS = {
    "echo-401": (ProbeResult.INVALID_KEY, 401),
    "quota": (ProbeResult.NO_CREDIT, 429),
    "rate": (ProbeResult.RATE_LIMITED, 429),
    "no-model": (ProbeResult.MODEL_NOT_ALLOWED, 404),
    "html-500": (ProbeResult.PROVIDER_ERROR, 500),
    "html-200": (ProbeResult.PROVIDER_ERROR, 200),
    "redirect": (ProbeResult.PROVIDER_ERROR, 302),
    "bad-400": (ProbeResult.PROVIDER_ERROR, 400),
    "garbage": (ProbeResult.UNREACHABLE, 0),
    "reset-at-once": (ProbeResult.UNREACHABLE, 0),
}


@pytest.mark.parametrize("model", RESULTS)
async def test_each_answer_of_the_provider_has_its_own_result(world: World, model: str) -> None:
    assert model in FAULTS
    done = await probe(world, model)
    assert (done.result, done.status) == RESULTS[model]


async def test_nobody_listening_is_unreachable(world: World) -> None:
    await world.provider.close()
    assert (await probe(world)).result is ProbeResult.UNREACHABLE


async def test_a_certificate_that_does_not_verify_is_a_result_of_its_own(world: World) -> None:
    origin = f"https://other.localhost:{world.provider.port}"
    assert (await probe(world, origin=origin)).result is ProbeResult.CERTIFICATE
    assert not world.vault.opens, "no key is opened for a host that nobody vouches for"


@pytest.mark.parametrize("code", ["credential_revoked", "no_credential", "credential_damaged"])
async def test_a_version_that_the_vault_does_not_open_is_unavailable(world: World, code: str) -> None:
    world.vault.refusal = Refusal(code=code, message="No.")
    assert (await probe(world)).result is ProbeResult.CREDENTIAL_UNAVAILABLE
    assert not world.provider.calls


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("open_quota", ProbeResult.OPEN_QUOTA),
        ("vault_unavailable", ProbeResult.VAULT_UNAVAILABLE),
        ("vault_rolled_back", ProbeResult.VAULT_UNAVAILABLE),
    ],
)
async def test_a_refusal_that_says_nothing_of_the_key_is_a_result_of_its_own(
    world: World, code: str, result: ProbeResult
) -> None:
    world.vault.refusal = Refusal(code=code, message="No.")
    assert (await probe(world)).result is result
    assert not world.provider.calls


async def test_a_provider_that_is_not_known_is_not_asked(world: World) -> None:
    assert (await probe(world, provider="acme")).result is ProbeResult.PROVIDER_ERROR
    assert not world.vault.opens


async def test_azure_is_asked_in_its_own_way(world: World) -> None:
    assert (await probe(world, provider="azure-openai")).result is ProbeResult.OK
    assert world.provider.calls[0].target == "/openai/v1/chat/completions"
    assert world.provider.calls[0].headers["api-key"] == KEY


async def test_many_probes_at_once_are_all_answered(world: World) -> None:
    for number in range(12):
        asked = ProbeAsked(
            probe=f"many-{number}",
            organization=world.organization,
            application=world.application,
            credential=world.credential,
            provider="openai",
            origin=world.provider.origin,
            version=None,
            model="gpt-test",
        )
        assert world.console.server.notify_one(asked)
    await until(lambda: len(world.console.probes) == 12, 10.0)
    assert {done.result for done in world.console.probes.values()} == {ProbeResult.OK}


async def test_a_proxy_that_stops_leaves_a_probe_and_its_connection(world: World) -> None:
    asked = ProbeAsked(
        probe="hanging",
        organization=world.organization,
        application=world.application,
        credential=world.credential,
        provider="openai",
        origin=world.provider.origin,
        version=None,
        model="hang",
    )
    world.console.server.notify_one(asked)
    await world.provider.started.wait()
    await world.stop_proxy()
    await until(lambda: world.provider.calls[0].ended_by == "client_left")
    assert not world.console.probes


def answered(raw: bytes) -> tuple[ResponseHead, bytes]:
    head, body, _end = ResponseReader().feed(raw)
    assert isinstance(head, ResponseHead)
    assert isinstance(body, BodyPart)
    return head, body.data


def says(status: int, **fields: str) -> bytes:
    """An error as OpenAI words it."""
    return whole(status, "application/json", json.dumps({"error": fields}).encode())


REGION = "Please make your request to eu.api.openai.com"
EUROPE = "This endpoint is only accessible by projects with geography restrictions enabled."
TOO_FEW = "Could not finish the message because max_tokens or model output limit was reached."
COUNTRY = "unsupported_country_region_territory"
ANSWERS: dict[str, tuple[bytes, ProbeResult]] = {
    "a key of another region": (
        says(401, code="incorrect_hostname", message=REGION),
        ProbeResult.WRONG_REGION,
    ),
    "a key that Europe does not know": (says(401, message=EUROPE), ProbeResult.WRONG_REGION),
    "a project without the model": (says(403, code="model_not_found"), ProbeResult.MODEL_NOT_ALLOWED),
    "a key without the scope": (says(403, message="Missing scopes"), ProbeResult.MODEL_NOT_ALLOWED),
    "a country that is not served": (says(403, code=COUNTRY), ProbeResult.PROVIDER_ERROR),
    "an account without billing": (says(429, code="billing_not_active"), ProbeResult.NO_CREDIT),
    "payment required": (says(402, message="x"), ProbeResult.NO_CREDIT),
    "a model that needs more than one token": (says(400, message=TOO_FEW), ProbeResult.OK),
    "a model that names its bound otherwise": (says(400, param="max_completion_tokens"), ProbeResult.OK),
    "an error inside a 200": (says(200, message="acme-corp"), ProbeResult.PROVIDER_ERROR),
    "an overloaded provider": (says(503, message="x"), ProbeResult.PROVIDER_ERROR),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_the_provider_says_is_told_apart(case: str) -> None:
    raw, result = ANSWERS[case]
    head, body = answered(raw)
    assert judge(head, body) == (result, head.status)
