"""A host application with a fresh session key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts.pages import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Ids, a key, and the environment that snippets read."""
    return Host.make(tmp_path)
