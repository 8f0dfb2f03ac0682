"""Keys that fail: each in its own way, with OpenAI's status, type and code; and Azure's way to send one."""

from __future__ import annotations

import httpx
import openai
import pytest

from sealgate.simulator import Simulator
from sealgate.simulator.keys import KEY_FAULTS

from .conftest import KEY, last, sdk_for, trust

FAILURES = {
    "invalid": (401, "invalid_request_error", "invalid_api_key"),
    "wrongregion": (401, "invalid_request_error", "incorrect_hostname"),
    "country": (403, "request_forbidden", "unsupported_country_region_territory"),
    "nocredit": (429, "insufficient_quota", "insufficient_quota"),
    "ratelimited": (429, "requests", "rate_limit_exceeded"),
    "nomodel": (403, "invalid_request_error", "model_not_found"),
    "overloaded": (503, "service_unavailable_error", "server_is_overloaded"),
}
LISTS_MODELS = ("nocredit", "ratelimited", "nomodel", "overloaded")


def key_with(fault: str) -> str:
    return f"sk-sim-{fault}-0123456789abcdef"


def test_every_named_fault_is_looked_at_here() -> None:
    assert set(FAILURES) == set(KEY_FAULTS)


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_key_fails_as_its_name_says(simulator: Simulator, fault: str) -> None:
    async with sdk_for(simulator, key_with(fault)) as sdk:
        for asking in (
            sdk.chat.completions.create(
                model="gpt-sim", messages=[{"role": "user", "content": "hi"}], max_completion_tokens=1
            ),
            sdk.responses.create(model="gpt-sim", input="hi"),
            sdk.embeddings.create(model="text-embedding-3-small", input="hi"),
            sdk.moderations.create(input="hi"),
        ):
            with pytest.raises(openai.APIStatusError) as caught:
                await asking
            assert (caught.value.status_code, caught.value.type, caught.value.code) == FAILURES[fault]


@pytest.mark.parametrize("fault", FAILURES)
async def test_models_are_listed_for_a_key_that_is_known(simulator: Simulator, fault: str) -> None:
    async with sdk_for(simulator, key_with(fault)) as sdk:
        if fault in LISTS_MODELS:
            assert [model async for model in sdk.models.list()]
            return
        with pytest.raises(openai.APIStatusError) as caught:
            [model async for model in sdk.models.list()]
        assert caught.value.code == FAILURES[fault][2]


async def test_the_wrong_region_names_the_right_host(simulator: Simulator) -> None:
    async with sdk_for(simulator, key_with("wrongregion")) as sdk:
        with pytest.raises(openai.AuthenticationError, match=r"make your request to us\.api\.openai\.com"):
            await sdk.responses.create(model="gpt-sim", input="hi")


async def test_a_rate_limit_says_when_to_come_back(simulator: Simulator) -> None:
    async with sdk_for(simulator, key_with("ratelimited")) as sdk:
        with pytest.raises(openai.RateLimitError) as caught:
            await sdk.responses.create(model="gpt-sim", input="hi")
    assert caught.value.response.headers["retry-after"] == "20"


@pytest.mark.parametrize(
    "headers", [{"api-key": KEY}, {"authorization": f"Bearer {KEY}"}], ids=["key", "bearer"]
)
async def test_azure_s_addresses_and_header_are_taken(simulator: Simulator, headers: dict[str, str]) -> None:
    base = f"https://127.0.0.1:{simulator.port}/openai/v1"
    async with httpx.AsyncClient(verify=trust(simulator), headers=headers) as client:
        answer = await client.post(
            f"{base}/chat/completions?api-version=preview",
            json={"model": "gpt-sim", "messages": [{"role": "user", "content": "hi"}]},
        )
        models = await client.get(f"{base}/models")
    assert (answer.status_code, models.status_code) == (200, 200)
    assert last(simulator).key_last_four == KEY[-4:]


async def test_azure_s_header_is_nothing_at_openai_s_addresses(simulator: Simulator) -> None:
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        answer = await client.get(f"{simulator.base_url}/models", headers={"api-key": KEY})
    assert answer.status_code == 401
