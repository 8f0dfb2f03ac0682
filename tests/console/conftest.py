"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.console.lived import Lived, living
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Lived]:
    """What `lived` mends: made once for a file."""
    async with living() as found:
        yield found


@pytest.fixture
def lived(shared: Lived) -> Iterator[Lived]:
    """A console that somebody lived in, as it was made; for tests whose loop has their module's scope."""
    yield shared
    shared.mend()
