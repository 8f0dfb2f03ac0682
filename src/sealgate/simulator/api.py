"""The API that callers see: addresses, keys, faults and answers, as OpenAI gives them.

Its counterparts are `sending` (bytes and headers) and the modules that shape each endpoint's answers. Azure's
form of the same addresses (`/openai/v1/…`, header `api-key`) is taken, too. It must never log or record what
was written.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from sealgate.log import Log
from sealgate.simulator.calls import CallBook, EndedBy, Received
from sealgate.simulator.completions import DONE, Answer, ChunkMaker, answer_of, usage_of, whole_body
from sealgate.simulator.config import SimulatorConfig
from sealgate.simulator.connection import MAX_BODY_BYTES, Reply, Request
from sealgate.simulator.errors import (
    ORGANIZATION,
    ApiError,
    body_too_large,
    invalid_url,
    model_not_found,
    other_endpoint,
    quota_exceeded,
    rate_limited,
    unknown_model,
    wrong_key,
    wrong_method,
)
from sealgate.simulator.faults import MODELS, Fault, Model, Serves
from sealgate.simulator.inputs import embed, moderate, read_embeddings, read_moderations
from sealgate.simulator.keys import AZURE_PREFIX, check_spending, key_of
from sealgate.simulator.media_api import POSTS, Media
from sealgate.simulator.requests import Message, read_chat
from sealgate.simulator.responses import ResponseMaker
from sealgate.simulator.responses_request import read_responses
from sealgate.simulator.sending import Sending
from sealgate.simulator.tasks import task_of
from sealgate.simulator.writing import write, write_at_length

_MODELS: Final = "/v1/models"
_HTML: Final = (("content-type", "text/html; charset=utf-8"),)
_ELSEWHERE: Final = "https://elsewhere.localhost"


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


class Asked(Struct, frozen=True):
    """One request on its way to an answer."""

    path: str
    body: bytes
    content_type: str
    key: str
    sending: Sending


class Api:
    """Answers requests; one for all connections."""

    def __init__(
        self, config: SimulatorConfig, book: CallBook, log: Log, received: list[Received] | None
    ) -> None:
        self._config = config
        self._book = book
        self._log = log
        self._received = received
        self._posts: Mapping[str, Callable[[Asked], Awaitable[None]]] = {
            "/v1/chat/completions": self._chat,
            "/v1/responses": self._responses,
            "/v1/embeddings": self._embeddings,
            "/v1/moderations": self._moderations,
            **{path: partial(self._media, post) for path, post in POSTS.items()},
        }

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer one request; what goes wrong is said in OpenAI's words."""
        if self._received is not None:
            self._received.append(Received(request.method, request.path, request.headers, request.body))
        sending = Sending(self._config, reply, self._book.begin(f"req_{secrets.token_hex(16)}"))
        with self._ended(sending, reply):
            try:
                await self._route(request, sending)
            except ApiError as error:
                await sending.error(error)

    @contextmanager
    def _ended(self, sending: Sending, reply: Reply) -> Iterator[None]:
        """Close the record whatever happens: a call without an end would look like one that still runs."""
        call, by = sending.call, EndedBy.FAULT
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

    async def _route(self, request: Request, sending: Sending) -> None:
        path = request.path
        if path.startswith(AZURE_PREFIX):
            path = path.removeprefix("/openai")
        answer = self._posts.get(path)
        lists = path == _MODELS or path.startswith(f"{_MODELS}/")
        if answer is None and not lists:
            raise invalid_url(request.method, request.path)
        if request.method != ("GET" if lists else "POST"):
            raise wrong_method(request.method, request.path)
        key = key_of(request)
        sending.call.key_last_four = key[-4:]
        if request.too_large:
            raise body_too_large(MAX_BODY_BYTES)
        if answer is None:
            await sending.send(200, _models(path))
        else:
            await answer(Asked(path, request.body, request.header("content-type"), key, sending))

    async def _chat(self, asked: Asked) -> None:
        chat = read_chat(asked.body)
        model = await self._model(chat.model, Serves.TEXT, asked, stream=chat.stream)
        if model is None:
            return
        answer = await self._written(chat.messages, chat.token_limit, model, asked, chat.stop)
        tells_usage = model.fault is not Fault.NO_USAGE
        if chat.stream:
            chunks = ChunkMaker(chat, answer, _completion_id(), int(time.time()))
            usage = (chunks.usage(),) if chat.include_usage and tells_usage else ()
            await asked.sending.stream(chunks.content(), lambda: DONE, model, usage)
        else:
            body = whole_body(chat, answer, _completion_id(), int(time.time()), usage=tells_usage)
            await asked.sending.whole(body, model, usage_of(answer, chat.n).completion_tokens)

    async def _responses(self, asked: Asked) -> None:
        request = read_responses(asked.body)
        model = await self._model(request.model, Serves.TEXT, asked, stream=request.stream)
        if model is None:
            return
        answer = await self._written(request.messages, request.token_limit, model, asked)
        tells_usage = model.fault is not Fault.NO_USAGE
        maker = ResponseMaker(request, answer, secrets.token_hex(24), int(time.time()), usage=tells_usage)
        if request.stream:
            await asked.sending.stream(maker.content(), maker.last, model)
        else:
            await asked.sending.whole(maker.whole(), model, len(answer.pieces))

    async def _embeddings(self, asked: Asked) -> None:
        request = read_embeddings(asked.body)
        model = await self._model(request.model, Serves.EMBEDDINGS, asked)
        if model is None:
            return
        body, asked.sending.call.prompt_tokens = embed(request, model.dimensions)
        await asked.sending.whole(body, model)

    async def _moderations(self, asked: Asked) -> None:
        request = read_moderations(asked.body)
        model = await self._model(request.model, Serves.MODERATIONS, asked)
        if model is not None:
            await asked.sending.whole(moderate(request, secrets.token_hex(12)), model)

    async def _media(self, post: Callable[[Media], Awaitable[None]], asked: Asked) -> None:
        async def find(name: str, serves: Serves, stream: bool) -> Model | None:
            return await self._model(name, serves, asked, stream=stream)

        await post(Media(asked.body, asked.content_type, asked.sending, find))

    async def _model(self, name: str, serves: Serves, asked: Asked, *, stream: bool = False) -> Model | None:
        """The model to answer with; None if its fault was the answer. Raises `ApiError`."""
        check_spending(asked.key, name)
        model = MODELS.get(name)
        if model is None:
            raise model_not_found(name)
        if not model.is_for(serves):
            raise other_endpoint(name, asked.path)
        call = asked.sending.call
        call.model, call.stream = name, stream
        if model.fault is Fault.HANG:
            await asyncio.Event().wait()
        return None if await self._refused(model.fault, name, asked) else model

    async def _refused(self, fault: Fault, model: str, asked: Asked) -> bool:
        """Play the faults that come instead of an answer; tells whether one did."""
        key, sending = asked.key, asked.sending
        match fault:
            case Fault.ECHO_KEY:
                await sending.error(wrong_key(key), (("x-echo-authorization", f"Bearer {key}"),))
            case Fault.RATE:
                raise rate_limited(model)
            case Fault.QUOTA:
                raise quota_exceeded()
            case Fault.HTML:
                page = f"<html><h1>500 Internal Server Error</h1><p>{ORGANIZATION} {key}</p></html>"
                await sending.send(500, page.encode(), _HTML)
            case Fault.REDIRECT:
                await sending.send(307, b"", (("location", f"{_ELSEWHERE}{asked.path}?key={key}"),))
            case _:
                return False
        return True

    async def _written(
        self,
        messages: Sequence[Message],
        token_limit: int | None,
        model: Model,
        asked: Asked,
        stop: Sequence[str] = (),
    ) -> Answer:
        task = task_of(messages)
        text = write_at_length(task) if model.long else write(task)
        limits = [limit for limit in (token_limit, model.token_limit) if limit is not None]
        answer = answer_of(messages, text, min(limits, default=None), stop)
        asked.sending.call.prompt_tokens = answer.prompt_tokens
        if model.slow:
            await asyncio.sleep(self._config.slow_first_byte_s)
        return answer


def _models(path: str) -> bytes:
    name = path.removeprefix(_MODELS).removeprefix("/")
    if not name:
        return msgspec.json.encode(ModelList(tuple(map(ModelEntry, MODELS))))
    if name not in MODELS:
        raise unknown_model(name)
    return msgspec.json.encode(ModelEntry(name))


def _completion_id() -> str:
    return f"chatcmpl-{secrets.token_urlsafe(22)[:29]}"
