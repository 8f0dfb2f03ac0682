"""Fixtures of the management API's tests."""

from __future__ import annotations

import pytest

from tests.console.api.program import Program, token_of
from tests.console.running import Running


@pytest.fixture
async def deploy(world: Running) -> Program:
    """A program whose token has every scope, made by Ada."""
    return Program(world.site, await token_of(world))
