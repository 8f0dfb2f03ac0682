"""Hostile tests of the proxy use its world, on the event loop that it runs on in production."""

from __future__ import annotations

from tests.proxy.conftest import pytest_asyncio_loop_factories
from tests.proxy.fixtures import stopped, world

__all__ = ["pytest_asyncio_loop_factories", "stopped", "world"]
