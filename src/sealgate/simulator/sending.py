"""Sends one answer: whole, as an error, or as a paced stream of events; with the headers that OpenAI sends.

Its counterparts are `api`, which decides what to send, and `connection`, which writes it. It must never log
or record what was written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from sealgate.simulator.calls import Call
from sealgate.simulator.config import SimulatorConfig
from sealgate.simulator.connection import Headers, Reply
from sealgate.simulator.errors import ORGANIZATION, PROJECT, ApiError
from sealgate.simulator.faults import Fault, Model

_EVENTS_BEFORE_RESET: Final = 5
_SLOW_EVENTS_PER_S: Final = 2.0
_JSON: Final = ("content-type", "application/json")
_STREAM: Final = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


class Sending:
    """One call's way out."""

    def __init__(self, config: SimulatorConfig, reply: Reply, call: Call) -> None:
        self._config = config
        self._reply = reply
        self.call = call

    async def whole(self, body: bytes, model: Model, tokens: int = 0) -> None:
        """A whole JSON body, unless the model's fault cuts it in the middle."""
        self.call.completion_tokens = tokens
        if model.fault is not Fault.RESET:
            await self.send(200, body)
            return
        self.call.status = 200
        await self._reply.start(200, self._headers(), length_bytes=len(body))
        await self._reply.raw(body[: len(body) // 2])
        raise self._reset()

    async def bytes_of(self, body: bytes, content_type: str, model: Model) -> None:
        """Sound or plain text in chunks, unless the model's fault cuts it in the middle."""
        self.call.status = 200
        await self._reply.start(200, self._headers((("content-type", content_type),)))
        for at in range(0, len(body), 16_384):
            if model.fault is Fault.RESET and at:
                raise self._reset()
            await self._reply.chunk(body[at : at + 16_384])
        await self._reply.end()

    async def stream(
        self,
        events: Iterable[tuple[bytes, int]],
        end: Callable[[], bytes],
        model: Model,
        before_end: Sequence[bytes] = (),
    ) -> None:
        """Events with the tokens that each carries, then the end mark, made when its turn has come."""
        self.call.status = 200
        await self._reply.start(200, self._headers(_STREAM))
        await self._paced(events, model)
        for event in before_end:
            await self._reply.chunk(event)
        if model.fault is not Fault.NO_DONE:
            await self._reply.chunk(end())
        await self._reply.end()

    async def error(self, error: ApiError, extra: Headers = ()) -> None:
        """An error, indented as the original is."""
        body = msgspec.json.format(msgspec.json.encode(error.body), indent=4)
        await self.send(error.status, body, (_JSON, *error.headers, *extra))

    async def send(self, status: int, body: bytes, headers: Headers = (_JSON,)) -> None:
        """Anything whole."""
        self.call.status = status
        await self._reply.send(status, self._headers(headers), body)

    async def _paced(self, events: Iterable[tuple[bytes, int]], model: Model) -> None:
        pace = _Pace(_SLOW_EVENTS_PER_S if model.slow else self._config.events_per_s)
        for number, (event, tokens) in enumerate(events):
            if model.fault is Fault.RESET and number == _EVENTS_BEFORE_RESET:
                raise self._reset()
            await pace.wait(number)
            await self._reply.chunk(event)
            self.call.events_sent = number + 1
            self.call.completion_tokens += tokens

    def _reset(self) -> ConnectionResetError:
        self._reply.reset()
        return ConnectionResetError("the script cuts this answer")

    def _headers(self, extra: Headers = (_JSON,)) -> Headers:
        """What OpenAI sends along; a proxy must stop the organization and the cookie above all."""
        spent_ms = (time.monotonic_ns() - self.call.started_ns) // 1_000_000
        return (
            *extra,
            ("access-control-expose-headers", "X-Request-ID"),
            ("openai-organization", ORGANIZATION),
            ("openai-processing-ms", str(max(1, spent_ms))),
            ("openai-project", PROJECT),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "200000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-remaining-tokens", str(max(0, 200_000 - self.call.prompt_tokens))),
            ("x-ratelimit-reset-requests", "8.64s"),
            ("x-ratelimit-reset-tokens", "6ms"),
            ("x-request-id", self.call.request_id),
            ("set-cookie", "__cf_bm=simulated; path=/; HttpOnly; Secure; SameSite=None"),
            ("x-content-type-options", "nosniff"),
            ("server", "sealgate-simulator"),
        )


class _Pace:
    """Spaces events evenly from the first; a late one does not delay those after it."""

    def __init__(self, events_per_s: float) -> None:
        self._events_per_s = events_per_s
        self._began_s = time.monotonic()

    async def wait(self, number: int) -> None:
        if self._events_per_s:
            await asyncio.sleep(self._began_s + number / self._events_per_s - time.monotonic())
        elif number % 64 == 0:
            await asyncio.sleep(0)  # unpaced: still let others have their turn
