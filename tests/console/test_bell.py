"""The bell wakes who waits, and whoever is stopped while it rings is stopped."""

from __future__ import annotations

import asyncio

import pytest

from sealgate.console.feed.bell import Bell


async def waits_again_and_again(bell: Bell) -> None:
    while True:
        await bell.wait(3_600)


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_comes_with_the_ring_is_not_lost(turns: int) -> None:
    bell = Bell()
    waiter = asyncio.create_task(waits_again_and_again(bell))
    for _ in range(4):
        await asyncio.sleep(0)  # a turn of the loop: now it waits
    bell.ring()
    for _ in range(turns):
        await asyncio.sleep(0)
    waiter.cancel()
    ended, _still = await asyncio.wait([waiter], timeout=5)
    waiter.cancel()
    assert ended


async def test_a_ring_wakes_everybody_and_silence_ends_after_its_time() -> None:
    bell = Bell()
    waiters = [asyncio.create_task(bell.wait(3_600)) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    await asyncio.wait_for(asyncio.gather(*waiters), 5)
    await asyncio.wait_for(bell.wait(0.001), 5)


async def test_a_ring_while_somebody_looks_is_not_missed() -> None:
    bell = Bell()
    rung = bell.next
    bell.ring()
    async with asyncio.timeout(1):
        await bell.wait(60, rung)
