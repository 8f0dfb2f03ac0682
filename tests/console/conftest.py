"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.console.running import Browser, Running, running


@pytest.fixture
async def world() -> AsyncIterator[Running]:
    """A console with one owner, `ada@example.com`, and a vault that can be asked."""
    async with running() as started:
        await started.owner()
        yield started


@pytest.fixture
async def ada(world: Running) -> Browser:
    """A browser in which Ada has signed in."""
    return await world.signed_in()
