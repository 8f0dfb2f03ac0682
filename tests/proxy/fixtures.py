"""Fixtures of a proxy with everything around it, for this folder and for the hostile tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.proxy.world import World, a_world


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
