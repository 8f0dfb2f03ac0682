"""What a provider says of usage is believed as far as the request can account for it."""

from __future__ import annotations

import asyncio
import json

import pytest

from sealgate.proxy.epoch import Began
from sealgate.proxy.metering import Usage
from sealgate.proxy.usage_bounds import (
    INPUT_TOKENS_PER_BYTE,
    INPUT_TOKENS_UNSEEN,
    OUTPUT_TOKENS_UNSEEN,
    bounded,
)
from tests.proxy.provider import DONE, FAULTS, Call, Provider, chunk, event, head
from tests.proxy.world import World, prompt, until

BEGAN = Began(1, "req_1", 1.0, "org_1", "app_1", "p", "chat.completions", "", "gpt", 100, 1_000)
MOST_IN = 400 * INPUT_TOKENS_PER_BYTE + INPUT_TOKENS_UNSEEN
MOST_OUT = 1_000 + OUTPUT_TOKENS_UNSEEN


def said(input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Usage:
    return Usage(input_tokens, output_tokens, cached_tokens, 0, False, "stop", saw_end=True)


@pytest.mark.parametrize("usage", [said(0, 0), said(100, 1_000, 90), said(MOST_IN, MOST_OUT)])
def test_figures_that_can_be_are_kept(usage: Usage) -> None:
    assert bounded(usage, BEGAN) is usage


@pytest.mark.parametrize(
    ("usage", "kept"),
    [
        (said(2**40, 5, 2**40), (MOST_IN, 5, MOST_IN)),
        (said(7, 2**40, 3), (7, MOST_OUT, 3)),
        (said(MOST_IN + 1, MOST_OUT + 1), (MOST_IN, MOST_OUT, 0)),
    ],
)
def test_figures_that_cannot_be_are_cut_and_marked(usage: Usage, kept: tuple[int, int, int]) -> None:
    cut = bounded(usage, BEGAN)
    assert (cut.input_tokens, cut.output_tokens, cut.cached_tokens) == kept
    assert cut.estimated


async def test_an_absurd_usage_is_counted_within_bounds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = {"prompt_tokens": 2**40, "completion_tokens": 2**40}
    last = b"data: %b\n\n" % json.dumps({"choices": [], "usage": usage}).encode()

    async def answer(_provider: Provider, _call: Call, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, "text/event-stream") + chunk(event("Short") + last + DONE) + b"0\r\n\r\n")
        return True

    monkeypatch.setitem(FAULTS, "gpt-test", answer)
    assert (await world.chat(prompt(stream=True, max_completion_tokens=50))).status == 200
    record = await world.record()
    assert record.estimated
    assert record.input_tokens < 100_000
    assert record.output_tokens == 50 + OUTPUT_TOKENS_UNSEEN


async def test_the_usage_of_a_call_that_was_sent_twice_is_marked(world: World) -> None:
    await world.chat()
    world.provider.close_on_request = True
    assert (await world.chat()).status == 200
    await until(lambda: len(world.console.usage) == 2)
    assert [record.estimated for record in sorted(world.records(), key=lambda r: r.sequence)] == [False, True]
