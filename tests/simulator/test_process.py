"""The simulator as its own process, on the event loop that it runs on there."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import ssl
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
from msgspec import Struct
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from openai.types.chat import ChatCompletionUserMessageParam

from .conftest import KEY

ASK: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Explain how tides work."}]
SCRIPT = """
import sys
from pathlib import Path
from sealgate.simulator import SimulatorConfig
from sealgate.simulator.process import run
run(SimulatorConfig(certificate_dir=Path(sys.argv[1]), listen_port=0, control_port=0, events_per_s=100))
"""


class Running(Struct):
    process: asyncio.subprocess.Process
    sdk: AsyncOpenAI
    control_port: int

    async def ended_by(self) -> str:
        """Wait until the last call has ended, and tell who ended it; the limit is for hangs."""
        async with asyncio.timeout(10):
            while True:
                page = await asyncio.to_thread(self._calls)
                if page and page[-1]["ended_by"]:
                    return str(page[-1]["ended_by"])

    def _calls(self) -> list[dict[str, object]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control_port}/calls") as response:
            calls: list[dict[str, object]] = json.load(response)["calls"]
            return calls


@pytest.fixture
async def running(certificate_dir: Path) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(certificate_dir), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    started = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
    ports = re.search(r" simulator started host=\S+ port=(\d+) control_port=(\d+) ", started)
    assert ports is not None
    context = ssl.create_default_context(cafile=certificate_dir / "authority.pem")
    http_client = DefaultAsyncHttpxClient(verify=context)
    base_url = f"https://127.0.0.1:{ports[1]}/v1"
    async with AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0, http_client=http_client) as sdk:
        yield Running(process, sdk, int(ports[2]))
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def test_it_answers_whole_and_streamed(running: Running) -> None:
    whole = await running.sdk.chat.completions.create(model="gpt-sim", messages=ASK)
    stream = await running.sdk.chat.completions.create(model="gpt-sim", messages=ASK, stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == whole.choices[0].message.content
    assert await running.ended_by() == "completed"


async def test_it_notices_a_client_that_leaves(running: Running) -> None:
    stream = await running.sdk.chat.completions.create(model="sim-long", messages=ASK, stream=True)
    await anext(stream.__aiter__())
    await stream.close()
    assert await running.ended_by() == "client_left"


async def test_it_resets_where_the_fault_says_so(running: Running) -> None:
    with pytest.raises(openai.APIConnectionError):
        await running.sdk.chat.completions.create(model="sim-reset", messages=ASK)
    assert await running.ended_by() == "fault"


async def test_on_sigterm_it_finishes_what_it_began(running: Running) -> None:
    stream = await running.sdk.chat.completions.create(model="gpt-sim", messages=ASK, stream=True)
    chunks = aiter(stream)
    await anext(chunks)
    running.process.send_signal(signal.SIGTERM)
    rest = [chunk async for chunk in chunks]
    assert rest[-1].choices[0].finish_reason == "stop"
    _, log = await asyncio.wait_for(running.process.communicate(), 20)
    assert b" simulator stopped calls=1" in log
    assert running.process.returncode == 0


async def test_on_sigterm_it_does_not_wait_for_idle_connections(running: Running) -> None:
    await running.sdk.models.list()
    began_s = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(running.process.communicate(), 20)
    assert running.process.returncode == 0
    assert time.monotonic() - began_s < 4
