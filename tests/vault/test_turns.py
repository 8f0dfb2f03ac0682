"""Work in the background gives everybody else a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sealgate.vault.turns import in_turns


def pieces(done: list[int], count: int) -> Iterator[None]:
    for number in range(count):
        done.append(number)
        yield


async def test_every_piece_is_done_in_order_and_others_run_between_them() -> None:
    done: list[int] = []
    seen: list[int] = []
    work = asyncio.create_task(in_turns(pieces(done, 5)))
    while not work.done():
        seen.append(len(done))
        await asyncio.sleep(0)
    assert done == list(range(5))
    assert {1, 2, 3, 4} <= set(seen)


async def test_what_a_piece_raises_is_raised() -> None:
    def failing() -> Iterator[None]:
        yield
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        await in_turns(failing())
