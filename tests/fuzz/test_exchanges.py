"""Whatever either side sends, and whenever it stops: one answer, one outcome, nothing of ours broken or left.

In process, with the proxy's own parts (`tests/proxy/scripted.py`): a server's connection on the client's
side, an upstream's protocol on the provider's, and transports of the test's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.messages.feed import Outcome
from sealgate.policy.document import Limits
from sealgate.proxy.egress import parse_origin
from sealgate.proxy.server import ClientConnection
from tests.fuzz.grammar import PLACES, edited
from tests.fuzz.profile import examples
from tests.proxy.conftest import pytest_asyncio_loop_factories
from tests.proxy.scripted import Stage, Wire
from tests.proxy.test_every_byte import ANSWERS, CHAT, asked
from tests.proxy.wire.playbook import cut
from tests.proxy.world import KEY, World, a_world, prompt

__all__ = ["pytest_asyncio_loop_factories"]

MANY = Limits(requests_per_minute=100_000, concurrent_streams=100, retries=0)
AN_HOUR_S = 3_600.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose proxy runs, with room for any number of requests.

    The key is held for an hour: while examples are tried the loop does not run, so none is opened again.
    """
    async with a_world(tmp_path) as world:
        world.publish(MANY)
        world.vault.lease_s = AN_HOUR_S
        await world.start_proxy(credential_cache_s=AN_HOUR_S)
        await world.connected()
        yield world


@pytest.mark.parametrize("name", ANSWERS)
async def test_whatever_a_provider_sends_there_is_one_ending_and_one_outcome(world: World, name: str) -> None:
    target, stream, raw = ANSWERS[name]
    stage = Stage(world, target)
    await stage.ready(asked(target, stream=False))
    before = sum(stage.parts.outcomes.values())
    count = 0

    @given(edited(raw), PLACES, st.none() | st.integers(0, 12), st.booleans())
    @examples(40)
    def one_exchange(answer: bytes, places: list[int], leaves_after: int | None, slow: bool) -> None:
        nonlocal count
        count += 1
        exchange, client, upstream, wire = stage.begin(asked(target, stream))
        for number, piece in enumerate(cut(answer, places)):
            if number == leaves_after:
                exchange.client_left()
            if slow and number % 2:
                exchange.client_paused()
            if not wire.closing:
                upstream.data_received(piece)
            if slow and number % 2:
                exchange.client_resumed()
        if not wire.closing:
            upstream.connection_lost(None)
        assert exchange.outcome is not None
        assert exchange.outcome is Outcome.CANCELLED or len(client.endings) == 1
        assert client.status in (0, 200, 502, 503, 400, 401, 403, 404, 408, 413, 422, 429, 504)
        assert KEY.encode() not in client.body
        assert exchange not in stage.parts.running
        assert exchange._held is None
        stage.parts.journal.maintain()

    one_exchange()
    assert sum(stage.parts.outcomes.values()) == before + count, "one outcome each"
    assert not stage.parts.running
    assert "exchange_broken" not in world.log.getvalue()


class ClientWire(Wire):
    """A client's transport."""

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closing = True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        """Nothing waits here."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


def answers_in(written: bytes) -> list[int]:
    """The statuses of the whole answers that stand in these bytes, as an independent reader has them."""
    statuses: list[int] = []
    while written:
        connection = h11.Connection(h11.CLIENT)
        connection.send(
            h11.Request(method="POST", target="/", headers=[("host", "a"), ("content-length", "0")])
        )
        connection.send(h11.EndOfMessage())
        connection.receive_data(written)
        connection.receive_data(b"")
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            assert not isinstance(event, h11.ConnectionClosed)
            if isinstance(event, h11.Response):
                statuses.append(event.status_code)
        written = connection.trailing_data[0]
    return statuses


async def test_whatever_a_client_sends_it_gets_one_answer_and_nothing_is_left(world: World) -> None:
    stage = Stage(world, CHAT)
    await stage.ready(prompt())
    parts, listener = world.running.parts, world.running.listener
    idle = parts.pool.idle_of(parse_origin(world.provider.origin))
    good = world.request(token=stage.token)
    answered, before = Counter[int](), set(listener.connections)

    @given(edited(good), PLACES, st.booleans())
    @examples(100)
    def one_connection(message: bytes, places: list[int], half_closes: bool) -> None:
        wire, connection, upstream = ClientWire(), ClientConnection(listener), stage.upstream()
        connection.connection_made(wire)  # type: ignore[arg-type]
        for piece in cut(message, places):
            if not wire.closing:
                connection.data_received(piece)
        if half_closes and not wire.closing:
            connection.eof_received()
        provider = upstream._transport
        assert isinstance(provider, Wire)
        if provider.written and not provider.closing:
            upstream.data_received(ANSWERS["chat body"][2])
        written = b"".join(wire.written)
        while written.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
            written = written[25:]
        statuses = answers_in(written)
        assert len(statuses) <= 1
        answered.update(statuses)
        assert all(status == 200 or 400 <= status < 500 or status == 204 for status in statuses)
        connection.connection_lost(None)
        assert connection not in listener.connections
        idle.clear()

    one_connection()
    assert not parts.running
    assert listener.connections == before
    assert "exchange_broken" not in world.log.getvalue()
    assert answered[200] > 5, "what is tried comes deep"
