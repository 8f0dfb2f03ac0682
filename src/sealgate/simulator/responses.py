"""OpenAI's response object and its stream of events, in its shapes, names and order.

Its counterparts are the SDKs' types and the proxy's meter. Pure: the server sends what this makes. A stream
of this API ends with `response.completed` or `response.incomplete`, never with `[DONE]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from sealgate.simulator.completions import Answer
from sealgate.simulator.responses_request import ResponsesRequest

Json: TypeAlias = object
"""Whatever the request said, repeated."""


class OutputText(Struct, frozen=True):
    """The one part of a message that the simulator writes."""

    text: str
    type: str = "output_text"
    annotations: tuple[str, ...] = ()
    logprobs: tuple[str, ...] = ()


class OutputMessage(Struct, frozen=True):
    """The one item of an answer."""

    id: str
    status: str
    content: tuple[OutputText, ...]
    type: str = "message"
    role: str = "assistant"


class InputDetails(Struct, frozen=True):
    """Where input tokens came from."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(Struct, frozen=True):
    """What output tokens were spent on."""

    reasoning_tokens: int = 0


class Usage(Struct, frozen=True, kw_only=True):
    """Token counts of one call."""

    input_tokens: int
    input_tokens_details: InputDetails = InputDetails()
    output_tokens: int
    output_tokens_details: OutputDetails = OutputDetails()
    total_tokens: int


class Incomplete(Struct, frozen=True):
    """Why an answer is not whole."""

    reason: str = "max_output_tokens"


class Reasoning(Struct, frozen=True):
    """The simulator does not reason."""

    effort: None = None
    summary: None = None


class Response(Struct, frozen=True, kw_only=True):
    """A response, as it stands at some moment."""

    id: str
    object: str = "response"
    created_at: int
    status: str
    background: bool = False
    error: None = None
    incomplete_details: Incomplete | None = None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: None = None
    model: str
    output: tuple[OutputMessage, ...] = ()
    parallel_tool_calls: bool
    previous_response_id: None = None
    prompt_cache_key: None = None
    reasoning: Reasoning = Reasoning()
    safety_identifier: str | None
    service_tier: str = "auto"
    store: bool
    temperature: float
    text: Json
    tool_choice: Json
    tools: Json
    top_logprobs: int = 0
    top_p: float
    truncation: str = "disabled"
    usage: Usage | None = None
    user: None = None
    metadata: Json


class Event(Struct, frozen=True, kw_only=True):
    """One event; each type has the fields that it needs."""

    type: str
    sequence_number: int
    response: Response | UnsetType = UNSET
    item_id: str | UnsetType = UNSET
    output_index: int | UnsetType = UNSET
    content_index: int | UnsetType = UNSET
    item: OutputMessage | UnsetType = UNSET
    part: OutputText | UnsetType = UNSET
    delta: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    logprobs: tuple[str, ...] | UnsetType = UNSET
    obfuscation: str | UnsetType = UNSET


class ResponseMaker:
    """Makes one response: `whole()`, or its events: `content()`, then `last()`."""

    def __init__(
        self, request: ResponsesRequest, answer: Answer, call_id: str, created_s: int, *, usage: bool
    ) -> None:
        self._request = request
        self._answer = answer
        self._id = call_id
        self._created_s = created_s
        self._tells_usage = usage
        self._item_id = f"msg_{call_id}"
        self._number = -1

    @property
    def _ending(self) -> str:
        return "incomplete" if self._answer.finish_reason == "length" else "completed"

    def whole(self) -> bytes:
        """The body of an answer that is not streamed; indented, as the original is."""
        return msgspec.json.format(msgspec.json.encode(self._finished()), indent=2) + b"\n"

    def content(self) -> Iterator[tuple[bytes, int]]:
        """Every event but the last, each with the tokens that it carries."""
        begun = self._response("in_progress")
        yield self._event("response.created", response=begun), 0
        yield self._event("response.in_progress", response=begun), 0
        item = OutputMessage(self._item_id, "in_progress", ())
        yield self._event("response.output_item.added", output_index=0, item=item), 0
        yield self._part("response.content_part.added", part=OutputText("")), 0
        for piece in self._answer.pieces:
            yield self._delta(piece), 1
        done = OutputText(self._answer.text)
        yield self._part("response.output_text.done", text=done.text, logprobs=()), 0
        yield self._part("response.content_part.done", part=done), 0
        yield self._event("response.output_item.done", output_index=0, item=self._message()), 0

    def last(self) -> bytes:
        """The event that ends the stream and carries the whole response."""
        return self._event(f"response.{self._ending}", response=self._finished())

    def _delta(self, piece: str) -> bytes:
        padding: str | UnsetType = UNSET
        if self._request.include_obfuscation:
            # Hides the event's length, as the original does; made from the piece, so that streams repeat.
            digest = sha256(piece.encode()).hexdigest()
            padding = digest[: 1 + int(digest[-2:], 16) % 12]
        return self._part("response.output_text.delta", delta=piece, logprobs=(), obfuscation=padding)

    def _part(
        self,
        kind: str,
        *,
        part: OutputText | UnsetType = UNSET,
        delta: str | UnsetType = UNSET,
        text: str | UnsetType = UNSET,
        logprobs: tuple[str, ...] | UnsetType = UNSET,
        obfuscation: str | UnsetType = UNSET,
    ) -> bytes:
        return self._encode(
            Event(
                type=kind,
                sequence_number=self._next(),
                item_id=self._item_id,
                output_index=0,
                content_index=0,
                part=part,
                delta=delta,
                text=text,
                logprobs=logprobs,
                obfuscation=obfuscation,
            )
        )

    def _event(
        self,
        kind: str,
        *,
        response: Response | UnsetType = UNSET,
        output_index: int | UnsetType = UNSET,
        item: OutputMessage | UnsetType = UNSET,
    ) -> bytes:
        event = Event(
            type=kind, sequence_number=self._next(), response=response, output_index=output_index, item=item
        )
        return self._encode(event)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _encode(self, event: Event) -> bytes:
        return f"event: {event.type}\n".encode() + b"data: " + msgspec.json.encode(event) + b"\n\n"

    def _message(self) -> OutputMessage:
        return OutputMessage(self._item_id, self._ending, (OutputText(self._answer.text),))

    def _finished(self) -> Response:
        spent = len(self._answer.pieces)
        usage = Usage(
            input_tokens=self._answer.prompt_tokens,
            output_tokens=spent,
            total_tokens=self._answer.prompt_tokens + spent,
        )
        return msgspec.structs.replace(
            self._response(self._ending),
            incomplete_details=Incomplete() if self._ending == "incomplete" else None,
            output=(self._message(),),
            service_tier="default",
            usage=usage if self._tells_usage else None,
        )

    def _response(self, status: str) -> Response:
        request = self._request
        return Response(
            id=f"resp_{self._id}",
            created_at=self._created_s,
            status=status,
            instructions=request.instructions,
            max_output_tokens=request.token_limit,
            model=request.model,
            parallel_tool_calls=request.parallel_tool_calls,
            safety_identifier=request.safety_identifier,
            store=request.store,
            temperature=request.temperature,
            text=request.text,
            tool_choice=request.tool_choice,
            tools=request.tools,
            top_p=request.top_p,
            metadata=request.metadata,
        )
