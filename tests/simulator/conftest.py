"""A simulator in this process, and the official SDK pointed at it with the simulator's authority."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from sealgate.simulator import Call, Simulator

KEY = "sk-sim-0123456789abcdefWXYZ"


@pytest.fixture(scope="session")
def certificate_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulator")


@pytest.fixture
async def simulator(certificate_dir: Path) -> AsyncIterator[Simulator]:
    async with Simulator.on_free_ports(certificate_dir, keep_requests=True) as running:
        yield running


@pytest.fixture
async def paced(certificate_dir: Path) -> AsyncIterator[Simulator]:
    async with Simulator.on_free_ports(certificate_dir, events_per_s=100) as running:
        yield running


@pytest.fixture
async def sdk(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with sdk_for(simulator) as client:
        yield client


def trust(simulator: Simulator) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=simulator.authority_path)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def sdk_for(simulator: Simulator, key: str = KEY) -> AsyncOpenAI:
    http_client = DefaultAsyncHttpxClient(verify=trust(simulator))
    return AsyncOpenAI(base_url=simulator.base_url, api_key=key, max_retries=0, http_client=http_client)


async def until(condition: Callable[[], bool], timeout_s: float = 5) -> None:
    """Wait on a condition; the limit is for hangs."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.0005)


def last(simulator: Simulator) -> Call:
    return simulator.calls[-1]
