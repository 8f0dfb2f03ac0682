"""Preflights answer everyone alike; every answer, errors too, can be read by the page that asked."""

from __future__ import annotations

import pytest

from tests.proxy.world import World, prompt


async def preflight(world: World, origin: str, target: str) -> tuple[int, dict[str, str]]:
    browser = await world.browser()
    browser.send(
        f"OPTIONS {target} HTTP/1.1\r\nhost: proxy.localhost\r\norigin: {origin}\r\n"
        "access-control-request-method: POST\r\n"
        "access-control-request-headers: authorization,content-type,x-stainless-lang\r\n\r\n".encode()
    )
    answer = await browser.answer()
    return answer.status, {name: value for name, value in answer.headers.items() if name != "x-request-id"}


async def test_a_preflight_allows_what_the_sdks_and_the_assistant_send(world: World) -> None:
    status, headers = await preflight(world, "https://app.example", "/v1/chat/completions")
    assert (status, headers["access-control-allow-origin"]) == (204, "*")
    allowed = headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "x-stainless-lang", "x-stainless-retry-count"} <= set(allowed)
    assert int(headers["access-control-max-age"]) >= 3600
    assert "access-control-allow-credentials" not in headers


async def test_a_preflight_tells_nobody_whether_they_are_known(world: World) -> None:
    known = await preflight(world, "https://app.example", "/v1/chat/completions")
    assert known == await preflight(world, "https://evil.example", "/v1/chat/completions")
    assert known == await preflight(world, "null", "/nowhere")


@pytest.mark.parametrize("model", ["gpt-test", "gpt-unknown", "rate", "html-500"])
async def test_every_answer_can_be_read_with_its_request_id_and_waiting_time(
    world: World, model: str
) -> None:
    answer = await world.chat(prompt(model))
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"]
    assert {"retry-after", "x-request-id", "x-sealgate-remaining-requests"} <= set(exposed.split(", "))
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["cache-control"] == "no-store"


async def test_every_request_has_an_id_of_its_own(world: World) -> None:
    ids = {(await world.chat()).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
