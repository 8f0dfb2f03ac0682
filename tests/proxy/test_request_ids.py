"""One id for a request: made here, told to client and provider, in the journal and in a fault's line."""

from __future__ import annotations

import re

import pytest

from tests.proxy.world import World, prompt

OURS = re.compile(r"req_[a-z2-7]{20}")


async def test_the_answer_the_provider_and_the_journal_name_the_same_request(world: World) -> None:
    answer = await world.chat()
    request = answer.headers["x-request-id"]
    assert OURS.fullmatch(request)
    assert world.provider.calls[-1].headers["x-client-request-id"] == request
    assert (await world.record()).request == request


async def test_a_stream_and_its_journal_name_the_same_request(world: World) -> None:
    browser = await world.browser()
    browser.send(world.request(prompt(stream=True)))
    _status, headers = await browser.head()
    await browser.answer_body()
    assert (await world.record()).request == headers["x-request-id"]


async def test_each_request_of_a_connection_has_its_own(world: World) -> None:
    browser = await world.browser()
    seen = set()
    for _ in range(3):
        browser.send(world.request())
        seen.add((await browser.answer()).headers["x-request-id"])
    assert len(seen) == 3


@pytest.mark.parametrize(
    "sent",
    ["ada@example.org", "req_aaaaaaaaaaaaaaaaaaaa", "6b1d4c8e-52e9-4ac9-9c4e-0d4c3a2b1f00", "x" * 4000],
)
async def test_what_a_client_calls_its_request_is_taken_over_by_nobody(world: World, sent: str) -> None:
    answer = await world.chat(x_request_id=sent, x_client_request_id=sent)
    assert answer.status == 200
    assert OURS.fullmatch(answer.headers["x-request-id"])
    assert sent not in str(world.provider.calls[-1].headers)
    assert (await world.record()).request == answer.headers["x-request-id"]


async def test_a_refusal_a_preflight_and_what_is_no_http_have_an_id_too(world: World) -> None:
    assert OURS.fullmatch((await world.get("/v1/models")).headers["x-request-id"])
    browser = await world.browser()
    browser.send(b"OPTIONS /v1/models HTTP/1.1\r\nhost: proxy.localhost\r\n\r\n")
    first = (await browser.answer()).headers["x-request-id"]
    browser.send(b"GET /v1/models HTTP/1.1\r\nhost: proxy.localhost\r\nbroken line\r\n\r\n")
    second = (await browser.answer()).headers["x-request-id"]
    assert OURS.fullmatch(first)
    assert OURS.fullmatch(second)
    assert first != second


async def test_the_line_of_a_fault_names_the_request(world: World) -> None:
    answer = await world.chat(prompt("quota"))
    assert answer.status >= 400
    lines = [line for line in world.log.getvalue().splitlines() if " upstream_refused " in line]
    assert [line.rpartition("request=")[2] for line in lines] == [answer.headers["x-request-id"]]
