"""Exchanges in process, against an upstream of which a test says every byte: no socket, no waiting.

The exchange, the upstream's protocol, the journal and the key's slot are the proxy's own; the two transports
are the test's. For faults that have to be tried thousands of times.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from sealgate.proxy.breaker import Breakers
from sealgate.proxy.egress import parse_origin
from sealgate.proxy.endpoints import find
from sealgate.proxy.exchange import Exchange
from sealgate.proxy.upstream import Upstream
from sealgate.proxy.wire.events import Headers, RequestHead
from sealgate.proxy.wire.write import Field
from tests.proxy.world import World


class Wire:
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = self.paused = False

    def writelines(self, pieces: Any) -> None:
        self.written += [bytes(piece) for piece in pieces]

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.closing = True

    close = abort

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@dataclass
class ScriptedClient:
    """The client's end: what went down, and how often it ended."""

    status: int = 0
    streamed: list[bytes] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.streamed)

    def limit_body(self, limit_bytes: int) -> None:
        """No body here is long."""

    def take_body(self) -> None:
        """It comes at once."""

    def answer(self, status: int, headers: list[Field], body: bytes, shared: tuple[Field, ...] = ()) -> None:
        assert not self.status, "one answer"
        self.status = status
        self.streamed.append(body)
        self.endings.append("answer")

    def start(self, headers: list[Field], shared: tuple[Field, ...]) -> None:
        assert not self.status, "one answer"
        self.status = 200

    def send(self, data: bytes) -> None:
        assert self.status
        assert not self.endings, "nothing after the end"
        self.streamed.append(data)

    def finish(self, data: bytes) -> None:
        assert self.status
        self.streamed.append(data)
        self.endings.append("finish")

    def cut(self) -> None:
        self.endings.append("cut")


class Stage:
    """Begins exchanges of one session at a world whose proxy runs, knows the session and holds the key."""

    def __init__(self, world: World, target: str = "/v1/chat/completions") -> None:
        self.world, self.target = world, target
        self.parts = world.running.parts
        self.token = world.token()
        self._numbers = itertools.count()

    async def ready(self, body: dict[str, Any]) -> None:
        """Have the session verified and the key opened, by one usual request."""
        idle = self.parts.pool.idle_of(parse_origin(self.world.provider.origin))
        idle.clear()  # of a stage before
        answer = await self.world.chat(body, token=self.token, target=self.target)
        assert answer.status == 200
        idle.clear()

    def begin(self, body: dict[str, Any]) -> tuple[Exchange, ScriptedClient, Upstream, Wire]:
        """An exchange whose request is on the wire."""
        client, upstream = ScriptedClient(), self.upstream()
        self.parts.breakers = Breakers()  # thousands of faults in a row are not the subject
        raw = json.dumps(body).encode()
        fields = {b"authorization": b"Bearer " + self.token.encode(), b"content-type": b"application/json"}
        head = RequestHead(b"POST", self.target.encode(), b"", Headers(fields), True, False, len(raw))
        route = find(b"POST", self.target.encode())
        exchange = Exchange(self.parts, client, route, head, f"req_{next(self._numbers)}")
        exchange.request_received()
        exchange.body_received(raw)
        exchange.body_ended()
        wire = upstream._transport
        assert isinstance(wire, Wire)
        assert wire.written, "it was sent"
        return exchange, client, upstream, wire

    def upstream(self) -> Upstream:
        """A connection of the pool, with a wire of the test's."""
        upstream = Upstream(self.parts.pool, parse_origin(self.world.provider.origin))
        upstream.connection_made(Wire())  # type: ignore[arg-type]
        self.parts.pool.give_back(upstream)
        return upstream
