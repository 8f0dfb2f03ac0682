"""Fixtures of the commands' tests: one real console with one real vault, for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.scripts.house import House, house


@pytest.fixture
async def here() -> AsyncIterator[House]:
    """A console and a vault that listen, with one owner and a token for every scope."""
    async with house() as running:
        yield running
