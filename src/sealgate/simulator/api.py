"""The API that callers see: addresses, keys, faults and answers, as OpenAI gives them.

Its counterparts are `connection` (bytes) and `completions` (shapes). It must never log or record what was
written.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from msgspec import Struct

from sealgate.log import Log
from sealgate.simulator.calls import Call, CallBook, EndedBy, Received
from sealgate.simulator.completions import DONE, Answer, ChunkMaker, answer_of, usage_of, whole_body
from sealgate.simulator.config import SimulatorConfig
from sealgate.simulator.connection import MAX_BODY_BYTES, Headers, Reply, Request
from sealgate.simulator.errors import (
    ORGANIZATION,
    ApiError,
    body_too_large,
    invalid_url,
    masked,
    model_not_found,
    no_key,
    quota_exceeded,
    rate_limited,
    wrong_key,
    wrong_method,
)
from sealgate.simulator.faults import MODELS, Fault, Model
from sealgate.simulator.requests import ChatRequest, read_chat
from sealgate.simulator.tasks import task_of
from sealgate.simulator.writing import write, write_at_length

_KEY: Final = re.compile(r"sk-sim-[A-Za-z0-9_-]{16,490}")
_CHAT: Final = "/v1/chat/completions"
_MODELS: Final = "/v1/models"
_METHODS: Final = {_CHAT: "POST", _MODELS: "GET"}
_EVENTS_BEFORE_RESET: Final = 5
_SLOW_EVENTS_PER_S: Final = 2.0
_JSON: Final = ("content-type", "application/json")
_ELSEWHERE: Final = "https://elsewhere.localhost/v1/chat/completions"


class ModelEntry(Struct, frozen=True):
    """One row of the list of models."""

    id: str
    object: str = "model"
    created: int = 1_700_000_000
    owned_by: str = "sealgate-simulator"


class ModelList(Struct, frozen=True):
    """What `GET /v1/models` answers."""

    data: tuple[ModelEntry, ...]
    object: str = "list"


class Api:
    """Answers requests; one for all connections."""

    def __init__(
        self, config: SimulatorConfig, book: CallBook, log: Log, received: list[Received] | None
    ) -> None:
        self._config = config
        self._book = book
        self._log = log
        self._received = received

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer one request; what goes wrong is said in OpenAI's words."""
        if self._received is not None:
            self._received.append(Received(request.method, request.path, request.headers, request.body))
        call = self._book.begin(f"req_{secrets.token_hex(16)}")
        with self._ended(call, reply):
            try:
                await self._route(request, reply, call)
            except ApiError as error:
                await self._send_error(error, reply, call)

    @contextmanager
    def _ended(self, call: Call, reply: Reply) -> Iterator[None]:
        """Close the record whatever happens: a call without an end would look like one that still runs."""
        by = EndedBy.FAULT
        try:
            yield
            by = EndedBy.COMPLETED
        except asyncio.CancelledError:
            by = EndedBy.CLIENT_LEFT if reply.left_ns is not None else EndedBy.SHUTDOWN
            raise
        except ConnectionResetError:
            by = EndedBy.FAULT
        finally:
            call.last_byte_ns = reply.last_byte_ns
            self._book.end(call, by, reply.left_ns if by is EndedBy.CLIENT_LEFT else None)
            self._log(
                "call_ended",
                request=call.request_id,
                status=call.status,
                ended_by=by,
                events=call.events_sent,
            )

    async def _route(self, request: Request, reply: Reply, call: Call) -> None:
        method = _METHODS.get(request.path)
        if method is None:
            raise invalid_url(request.method, request.path)
        if request.method != method:
            raise wrong_method(request.method, request.path)
        key = _key_of(request)
        call.key_last_four = key[-4:]
        if request.too_large:
            raise body_too_large(MAX_BODY_BYTES)
        if request.path == _MODELS:
            await self._send(200, msgspec.json.encode(ModelList(tuple(map(ModelEntry, MODELS)))), reply, call)
        else:
            await self._chat(read_chat(request.body), key, reply, call)

    async def _chat(self, chat: ChatRequest, key: str, reply: Reply, call: Call) -> None:
        model = MODELS.get(chat.model)
        if model is None:
            raise model_not_found(chat.model)
        call.model, call.stream = chat.model, chat.stream
        if model.fault is Fault.HANG:
            await asyncio.Event().wait()
        if await self._refused(model.fault, chat, key, reply, call):
            return
        answer = _answer_to(chat, model)
        call.prompt_tokens = answer.prompt_tokens
        if model.slow:
            await asyncio.sleep(self._config.slow_first_byte_s)
        if chat.stream:
            await self._stream(chat, model, answer, reply, call)
        else:
            await self._whole(chat, model, answer, reply, call)

    async def _refused(self, fault: Fault, chat: ChatRequest, key: str, reply: Reply, call: Call) -> bool:
        """Play the faults that come instead of an answer; tells whether one did."""
        match fault:
            case Fault.ECHO_KEY:
                echo = (("x-echo-authorization", f"Bearer {key}"),)
                await self._send_error(wrong_key(key), reply, call, echo)
            case Fault.RATE:
                raise rate_limited(chat.model)
            case Fault.QUOTA:
                raise quota_exceeded()
            case Fault.HTML:
                page = f"<html><h1>500 Internal Server Error</h1><p>{ORGANIZATION} {key}</p></html>"
                html = (("content-type", "text/html; charset=utf-8"),)
                await self._send(500, page.encode(), reply, call, html)
            case Fault.REDIRECT:
                await self._send(307, b"", reply, call, (("location", f"{_ELSEWHERE}?key={key}"),))
            case _:
                return False
        return True

    async def _whole(self, chat: ChatRequest, model: Model, answer: Answer, reply: Reply, call: Call) -> None:
        tells_usage = model.fault is not Fault.NO_USAGE
        body = whole_body(chat, answer, _completion_id(), int(time.time()), usage=tells_usage)
        call.completion_tokens = usage_of(answer, chat.n).completion_tokens
        if model.fault is not Fault.RESET:
            await self._send(200, body, reply, call)
            return
        call.status = 200
        await reply.start(200, self._headers(call), length_bytes=len(body))
        await reply.raw(body[: len(body) // 2])
        raise _reset(reply)

    async def _stream(
        self, chat: ChatRequest, model: Model, answer: Answer, reply: Reply, call: Call
    ) -> None:
        chunks = ChunkMaker(chat, answer, _completion_id(), int(time.time()))
        call.status = 200
        head = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
        await reply.start(200, self._headers(call, head))
        await self._paced(chunks, model, reply, call)
        if chat.include_usage and model.fault is not Fault.NO_USAGE:
            await reply.chunk(chunks.usage())
        if model.fault is not Fault.NO_DONE:
            await reply.chunk(DONE)
        await reply.end()

    async def _paced(self, chunks: ChunkMaker, model: Model, reply: Reply, call: Call) -> None:
        pace = _Pace(_SLOW_EVENTS_PER_S if model.slow else self._config.events_per_s)
        for number, (event, tokens) in enumerate(chunks.content()):
            if model.fault is Fault.RESET and number == _EVENTS_BEFORE_RESET:
                raise _reset(reply)
            await pace.wait(number)
            await reply.chunk(event)
            call.events_sent = number + 1
            call.completion_tokens += tokens

    async def _send_error(self, error: ApiError, reply: Reply, call: Call, extra: Headers = ()) -> None:
        body = msgspec.json.format(msgspec.json.encode(error.body), indent=4)
        await self._send(error.status, body, reply, call, (_JSON, *error.headers, *extra))

    async def _send(
        self, status: int, body: bytes, reply: Reply, call: Call, headers: Headers = (_JSON,)
    ) -> None:
        call.status = status
        await reply.send(status, self._headers(call, headers), body)

    def _headers(self, call: Call, extra: Headers = (_JSON,)) -> Headers:
        """What OpenAI sends along; a proxy must stop the organization and the cookie above all."""
        spent_ms = (time.monotonic_ns() - call.started_ns) // 1_000_000
        return (
            *extra,
            ("access-control-expose-headers", "X-Request-ID"),
            ("openai-organization", ORGANIZATION),
            ("openai-processing-ms", str(max(1, spent_ms))),
            ("openai-project", "proj_simSealgateExample"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "200000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-remaining-tokens", str(max(0, 200_000 - call.prompt_tokens))),
            ("x-ratelimit-reset-requests", "8.64s"),
            ("x-ratelimit-reset-tokens", "6ms"),
            ("x-request-id", call.request_id),
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


def _key_of(request: Request) -> str:
    scheme, _, key = request.header("authorization").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise no_key()
    if not _KEY.fullmatch(key):
        raise wrong_key(masked(key))
    return key


def _answer_to(chat: ChatRequest, model: Model) -> Answer:
    task = task_of(chat.messages)
    text = write_at_length(task) if model.long else write(task)
    limits = [limit for limit in (chat.token_limit, model.token_limit) if limit is not None]
    return answer_of(chat, text, min(limits, default=None))


def _reset(reply: Reply) -> ConnectionResetError:
    reply.reset()
    return ConnectionResetError("the script cuts this answer")


def _completion_id() -> str:
    return f"chatcmpl-{secrets.token_urlsafe(22)[:29]}"
