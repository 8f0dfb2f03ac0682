"""A client that leaves is noticed at once, and the record says who ended what."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from sealgate.simulator import EndedBy, Simulator

from .conftest import KEY, last, sdk_for, trust, until

ASK = b'{"model":"%b","stream":true,"messages":[{"role":"user","content":"Explain tides."}]}'
NOTICED_WITHIN_NS = 50_000_000


async def ask(simulator: Simulator, model: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", simulator.port, ssl=trust(simulator), server_hostname="simulator.localhost"
    )
    body = ASK % model
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: simulator.localhost\r\n"
        b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b" % (KEY.encode(), len(body), body)
    )
    return reader, writer


async def test_a_stream_that_the_client_closes_ends_within_50_ms(paced: Simulator) -> None:
    async with sdk_for(paced) as sdk:
        stream = await sdk.chat.completions.create(
            model="sim-long", messages=[{"role": "user", "content": "Explain tides."}], stream=True
        )
        await anext(stream.__aiter__())
        await stream.close()
        left_ns = time.monotonic_ns()
    await until(lambda: not last(paced).running)
    assert last(paced).ended_by is EndedBy.CLIENT_LEFT
    assert last(paced).ended_ns - left_ns < NOTICED_WITHIN_NS
    assert last(paced).completion_tokens <= last(paced).events_sent


@pytest.mark.parametrize("model", [b"sim-hang", b"sim-slow"])
@pytest.mark.parametrize("abruptly", [False, True])
async def test_leaving_is_noticed_before_the_first_byte(
    paced: Simulator, model: bytes, abruptly: bool
) -> None:
    _, writer = await ask(paced, model)
    await until(lambda: bool(paced.calls) and last(paced).model != "")
    left_ns = time.monotonic_ns()
    if abruptly:
        writer.transport.abort()
    else:
        writer.close()
    await until(lambda: not last(paced).running)
    assert last(paced).ended_by is EndedBy.CLIENT_LEFT
    assert last(paced).ended_ns - left_ns < NOTICED_WITHIN_NS


async def test_leaving_is_noticed_while_the_client_reads_too_slowly(simulator: Simulator) -> None:
    reader, writer = await ask(simulator, b"sim-long")
    await reader.readexactly(64)
    await until(lambda: last(simulator).events_sent > 0)
    writer.transport.abort()
    await until(lambda: not last(simulator).running)
    assert last(simulator).ended_by in (EndedBy.CLIENT_LEFT, EndedBy.COMPLETED)


async def test_a_call_that_was_answered_is_completed_even_if_the_client_leaves_then(
    simulator: Simulator, sdk: AsyncOpenAI
) -> None:
    await sdk.chat.completions.create(model="gpt-sim", messages=[{"role": "user", "content": "hello"}])
    await sdk.close()
    assert last(simulator).ended_by is EndedBy.COMPLETED
    assert last(simulator).started_ns <= last(simulator).last_byte_ns <= last(simulator).ended_ns


async def test_the_control_port_shows_calls_without_content(paced: Simulator) -> None:
    async with sdk_for(paced) as sdk:
        await sdk.chat.completions.create(
            model="gpt-sim", messages=[{"role": "user", "content": "canary-7141"}]
        )
    address = f"http://127.0.0.1:{paced.control_port}/calls"
    with await asyncio.to_thread(urllib.request.urlopen, address) as response:
        body = response.read().decode()
    page = json.loads(body)
    assert page["calls"][-1]["ended_by"] == "completed"
    assert page["now_ns"] >= page["calls"][-1]["ended_ns"]
    assert "canary-7141" not in body
    assert KEY not in body


async def test_stopping_cuts_what_is_under_way_and_says_so(certificate_dir: Path) -> None:
    async with Simulator.on_free_ports(certificate_dir) as simulator:
        _, writer = await ask(simulator, b"sim-hang")
        await until(lambda: bool(simulator.calls) and last(simulator).model != "")
    assert last(simulator).ended_by is EndedBy.SHUTDOWN
    writer.close()
