"""A provider's row applied: the path, the header of the key, the fields that it does not know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sealgate.messages.feed import CredentialReference
from tests.proxy.provider import Provider
from tests.proxy.world import KEY, World, prompt, until


def use(world: World, provider: str, origin: str = "") -> None:
    world.publish(credential=CredentialReference(world.credential, provider, origin or world.provider.origin))


async def test_azure_has_its_own_path_and_reads_the_key_from_its_own_header(world: World) -> None:
    use(world, "azure-openai")
    assert (await world.chat()).status == 200
    call = world.provider.calls[0]
    assert call.target == "/openai/v1/chat/completions"
    assert call.headers["api-key"] == KEY
    assert "authorization" not in call.headers


async def test_a_compatible_provider_is_not_sent_fields_that_it_does_not_know(world: World) -> None:
    use(world, "openai-compatible")
    assert (await world.chat(prompt(stream=True, max_completion_tokens=5))).status == 200
    call = world.provider.calls[0]
    assert call.target == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert not {"store", "safety_identifier", "max_completion_tokens"} & set(call.body)
    assert call.body["max_tokens"] == 5
    assert call.body["stream_options"] == {"include_usage": True}


async def test_a_provider_that_the_proxy_does_not_know_gets_no_key(world: World) -> None:
    use(world, "acme-models")
    answer = await world.chat()
    assert (answer.status, answer.error["code"], answer.error["who"]) == (
        403,
        "provider_unknown",
        "administrator",
    )
    assert not world.vault.opens
    assert not world.provider.calls


async def test_an_actions_request_is_fitted_to_its_provider_too(world: World) -> None:
    use(world, "azure-openai")
    assert (await world.action({"text": "A canary text."})).status == 200
    assert world.provider.calls[0].target == "/openai/v1/chat/completions"


@pytest.fixture
async def plain(world: World) -> AsyncIterator[Provider]:
    """A provider of this machine that speaks plain HTTP, which the world's applications use."""
    folder = world.folder / "plain"
    folder.mkdir()
    provider = Provider(folder, tls=False)
    await provider.start()
    use(world, "openai-compatible", f"http://127.0.0.1:{provider.port}")
    yield provider
    await provider.close()


async def test_plain_http_is_refused_by_default(world: World, plain: Provider) -> None:
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == (502, "provider_address")
    assert not plain.connections


async def test_plain_http_to_this_machine_works_where_it_is_allowed_and_says_so_loudly(
    world: World, plain: Provider
) -> None:
    await restarted(world, dangerously_allow_plain_http_to_loopback=True)
    assert "proxy plain_http_allowed" in world.log.getvalue()
    for _ in range(3):
        answer = await world.chat(prompt(stream=True))
        assert answer.body.endswith(b"data: [DONE]\n\n")
    assert [call.headers["authorization"] for call in plain.calls] == [f"Bearer {KEY}"] * 3
    assert plain.connections == 1, "the connection was used again"


async def test_a_key_that_went_in_the_clear_is_wiped_once_the_answer_begins(
    world: World, plain: Provider
) -> None:
    await restarted(world, dangerously_allow_plain_http_to_loopback=True)
    await world.chat()
    (upstream,) = world.running.parts.pool.all
    assert repr(upstream._secret) == "SecretRequest(wiped)"


async def test_the_setting_does_not_let_plain_http_leave_this_machine(world: World) -> None:
    await restarted(world, dangerously_allow_plain_http_to_loopback=True)
    use(world, "openai-compatible", "http://models.example.org:80")
    assert (await world.chat()).error["code"] == "provider_address"


async def test_without_the_setting_nothing_is_said(world: World) -> None:
    await asyncio.sleep(0)
    assert "plain_http_allowed" not in world.log.getvalue()


async def restarted(world: World, **changes: object) -> None:
    await world.stop_proxy()
    await world.start_proxy(**changes)
    await world.connected()
    await until(lambda: world.running.parts.applications.informed)
