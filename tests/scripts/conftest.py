"""Fixtures of the commands' tests: one real console with one real vault, for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.scripts.house import House, house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[House]:
    """A console and a vault that listen: made once for a file."""
    async with house() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def here(shared: House) -> House:
    """Both, as a new organization has them: one owner, one application, and a token for every scope.

    For tests whose loop has their module's scope.
    """
    return await shared.for_another()
