"""Connections to the provider: what an answer's end marker ends, and what its framing ends."""

from __future__ import annotations

from sealgate.messages.feed import Outcome
from tests.proxy.provider import STREAM, USAGE_EVENT
from tests.proxy.world import World, prompt


async def test_an_answer_is_whole_at_its_end_marker_and_the_connection_is_used_again(world: World) -> None:
    answer = await world.chat(prompt(model="slow-end", stream=True))
    assert answer.body == STREAM.replace(USAGE_EVENT, b"")
    assert (await world.record()).outcome is Outcome.COMPLETED
    world.provider.gate.set()
    await world.provider.calls[0].over.wait()
    await world.chat()
    assert {call.connection for call in world.provider.calls} == {1}
