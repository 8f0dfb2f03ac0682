"""A proxy with everything around it, on the event loop that it runs on in production."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.proxy.world import World, a_world


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stopped(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose proxy does not run yet."""
    async with a_world(tmp_path) as world:
        yield world


@pytest.fixture
async def world(stopped: World) -> World:
    """A world whose proxy runs and is connected."""
    await stopped.start_proxy()
    await stopped.connected()
    return stopped
