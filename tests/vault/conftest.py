"""Fixtures of the vault's tests: a folder, a clock, a log that can be read, and a running vault."""

from __future__ import annotations

import io
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sealgate.vault.config import VaultConfig
from tests.vault.deployment import Addresses, Clock, Deployment, running, vault_config, write_assets


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short, private folder: a socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sgv") as name:
        yield Path(name)


@pytest.fixture
def config(folder: Path) -> VaultConfig:
    return vault_config(folder)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    write_assets(tmp_path)
    return tmp_path


@pytest.fixture
def at() -> Addresses:
    return Addresses()


@pytest.fixture
async def vault(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> AsyncIterator[Deployment]:
    async with running(config, clock, log, assets) as deployment:
        yield deployment
