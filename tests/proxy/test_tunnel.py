"""The way out through a proxy of the house, with a real one that can refuse, stall and meddle."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from sealgate.messages.feed import CredentialReference, Outcome
from sealgate.policy.document import Limits
from tests.proxy.world import KEY, World, prompt, until

HOST = "provider.test"


class HouseProxy:
    """A proxy that takes CONNECT and carries bytes to one port, or answers with `says` instead."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.heads: list[bytes] = []
        self.carried = b""
        self.says = b""
        self.left = 0
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            if self.says:
                writer.write(self.says if self.says != b"nothing" else b"")
                await reader.read()
            else:
                await self._carry(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left += 1
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection("127.0.0.1", self._to)
        writer.write(b"HTTP/1.1 200 Connection established\r\nproxy-agent: x\r\n\r\n")
        ways = [asyncio.ensure_future(way) for way in (self._copy(reader, out), self._copy(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            out.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                self.carried += data
                sink.write(data)
                await sink.drain()


@pytest.fixture
async def house(stopped: World) -> AsyncIterator[HouseProxy]:
    """A house proxy, with a running proxy that goes through it."""
    house = HouseProxy(stopped.provider.port)
    await house.start()
    await stopped.start_proxy(egress_proxy=f"http://127.0.0.1:{house.port}")
    await stopped.connected()
    use(stopped, HOST)
    yield house
    await house.close()


def use(world: World, host: str, limits: Limits | None = None) -> None:
    origin = f"https://{host}:{world.provider.port}"
    credential = CredentialReference(world.credential, "openai", origin)
    world.publish(*(() if limits is None else (limits,)), credential=credential)


async def test_a_request_goes_through_the_proxy_which_sees_a_name_and_no_key(
    stopped: World, house: HouseProxy
) -> None:
    answer = await stopped.chat(prompt(stream=True))
    assert answer.body.endswith(b"data: [DONE]\n\n")
    name = f"{HOST}:{stopped.provider.port}".encode()
    assert house.heads == [b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (name, name)]
    assert stopped.provider.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in house.carried
    assert b"canary" not in house.carried
    assert "proxy egress_proxy_used" in stopped.log.getvalue()


async def test_a_tunnel_is_used_again(stopped: World, house: HouseProxy) -> None:
    for _ in range(3):
        assert (await stopped.chat()).status == 200
    assert len(house.heads) == 1


async def test_the_providers_certificate_is_verified_inside_the_tunnel(
    stopped: World, house: HouseProxy
) -> None:
    use(stopped, "other.test")
    answer = await stopped.chat()
    assert (answer.status, answer.error["code"]) == (502, "provider_certificate")
    assert not stopped.provider.raw_requests


async def test_this_machine_is_reached_without_the_proxy(stopped: World, house: HouseProxy) -> None:
    use(stopped, "provider.localhost")
    assert (await stopped.chat()).status == 200
    assert not house.heads


REFUSED, ODD = "egress_proxy_refused", "as a proxy does"
REFUSALS = {
    "forbidden": (b"HTTP/1.1 403 Forbidden\r\n\r\n", REFUSED, "403"),
    "wants a password": (b"HTTP/1.1 407 X\r\nproxy-authenticate: Basic\r\n\r\n", REFUSED, "password"),
    "cannot reach it": (b"HTTP/1.1 502 Bad gateway\r\n\r\n<html>", "provider_unreachable", "502"),
    "redirects": (b"HTTP/1.1 302 X\r\nlocation: https://elsewhere/\r\n\r\n", REFUSED, "302"),
    "is no proxy": (b"SSH-2.0-OpenSSH\r\n\r\n", REFUSED, ODD),
    "never ends its head": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5_000, REFUSED, ODD),
    "speaks first": (b"HTTP/1.1 200 OK\r\n\r\n\x16\x03", REFUSED, "bytes of its own"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_proxy_that_refuses_is_told_of_and_gets_nothing(
    stopped: World, house: HouseProxy, case: str
) -> None:
    house.says, code, word = REFUSALS[case]
    answer = await stopped.chat()
    assert (answer.status, answer.error["code"]) == (502, code)
    assert word in answer.error["message"]
    assert not stopped.provider.connections
    record = await stopped.record()
    assert (record.outcome, record.input_tokens, record.output_tokens) == (Outcome.UPSTREAM_FAILED, 0, 0)


async def test_a_proxy_that_says_nothing_is_given_up_after_the_connect_time(
    stopped: World, house: HouseProxy
) -> None:
    house.says = b"nothing"
    use(stopped, HOST, Limits(requests_per_minute=100, connect_s=0.1))
    answer = await stopped.chat()
    assert (answer.status, answer.error["code"]) == (504, "provider_timeout")
    await until(lambda: house.left == 1)


async def test_a_proxy_that_is_not_there_is_named_as_such(stopped: World, house: HouseProxy) -> None:
    await house.close()
    answer = await stopped.chat()
    assert (answer.error["code"], answer.error["who"]) == ("egress_proxy_unreachable", "administrator")
