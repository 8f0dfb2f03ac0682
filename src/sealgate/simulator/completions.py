"""OpenAI's chat completion and its stream of chunks, in its shapes and order of fields.

Its counterparts are the SDKs' types and the proxy's meter. Pure: the server sends what this makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from sealgate.simulator.requests import ChatRequest, Message

DONE: Final = b"data: [DONE]\n\n"
_FINGERPRINT: Final = "fp_sealgate_sim"
# A piece is about what a tokenizer makes of English: a word with its space, or six letters of a long one.
_PIECE: Final = re.compile(r"\s*[^\W\d_]{1,6}|\s*\d{1,3}|\s*[^\w\s]|\s*_|\s+")


class Answer(Struct, frozen=True):
    """What the simulator will say: the pieces (one event each) and why it ends."""

    pieces: tuple[str, ...]
    finish_reason: str
    prompt_tokens: int

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


class PromptDetails(Struct, frozen=True):
    """Where prompt tokens came from."""

    cached_tokens: int = 0
    audio_tokens: int = 0


class CompletionDetails(Struct, frozen=True):
    """What completion tokens were spent on."""

    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class Usage(Struct, frozen=True):
    """Token counts of one call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails = PromptDetails()
    completion_tokens_details: CompletionDetails = CompletionDetails()


class ReplyMessage(Struct, frozen=True):
    """The assistant's message of a whole completion."""

    role: str
    content: str
    refusal: None = None
    annotations: tuple[str, ...] = ()


class Choice(Struct, frozen=True):
    """One choice of a whole completion."""

    index: int
    message: ReplyMessage
    logprobs: None
    finish_reason: str


class Completion(Struct, frozen=True, kw_only=True):
    """A whole completion."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | UnsetType
    service_tier: str = "default"
    system_fingerprint: str = _FINGERPRINT


class Delta(Struct, frozen=True, omit_defaults=True):
    """What one chunk adds."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    refusal: UnsetType | None = UNSET


class ChunkChoice(Struct, frozen=True):
    """One choice of a chunk."""

    index: int
    delta: Delta
    logprobs: None
    finish_reason: str | None


class Chunk(Struct, frozen=True, kw_only=True):
    """One event of a stream."""

    id: str
    object: str = "chat.completion.chunk"
    created: int
    model: str
    service_tier: str = "default"
    system_fingerprint: str = _FINGERPRINT
    choices: tuple[ChunkChoice, ...]
    usage: Usage | UnsetType | None = UNSET
    obfuscation: str | UnsetType = UNSET


def pieces_of(text: str) -> tuple[str, ...]:
    """Split a text into token-like pieces that join to the same text."""
    return tuple(_PIECE.findall(text))


def prompt_tokens_of(messages: Sequence[Message]) -> int:
    """Count a prompt's tokens: its pieces, four for each message and three for the reply's start."""
    return sum(len(pieces_of(message.text)) + 4 for message in messages) + 3


def answer_of(
    messages: Sequence[Message], text: str, token_limit: int | None, stops: Sequence[str] = ()
) -> Answer:
    """Cut a text as the request asks (stop sequences, then the token limit) and split it."""
    for stop in stops:
        text = text.partition(stop)[0]
    pieces = pieces_of(text)
    cut = token_limit is not None and len(pieces) > token_limit
    return Answer(
        pieces=pieces[:token_limit] if cut else pieces,
        finish_reason="length" if cut else "stop",
        prompt_tokens=prompt_tokens_of(messages),
    )


def usage_of(answer: Answer, n: int) -> Usage:
    """Count an answer given `n` times."""
    completion = len(answer.pieces) * n
    return Usage(answer.prompt_tokens, completion, answer.prompt_tokens + completion)


def whole_body(request: ChatRequest, answer: Answer, call_id: str, created_s: int, *, usage: bool) -> bytes:
    """Make the body of an answer that is not streamed; indented, as the original is."""
    message = ReplyMessage("assistant", answer.text)
    completion = Completion(
        id=call_id,
        created=created_s,
        model=request.model,
        choices=tuple(Choice(index, message, None, answer.finish_reason) for index in range(request.n)),
        usage=usage_of(answer, request.n) if usage else UNSET,
    )
    return msgspec.json.format(msgspec.json.encode(completion), indent=2) + b"\n"


class ChunkMaker:
    """Makes the events of one stream, in order: `content()`, then `usage()`; the caller ends with `DONE`."""

    def __init__(self, request: ChatRequest, answer: Answer, call_id: str, created_s: int) -> None:
        self._request = request
        self._answer = answer
        self._id = call_id
        self._created_s = created_s

    def content(self) -> Iterator[tuple[bytes, int]]:
        """Every choice's role, pieces and end, choice after choice; each with the tokens that it carries."""
        for index in range(self._request.n):
            yield self._event(index, Delta(role="assistant", content="", refusal=None), None), 0
            for piece in self._answer.pieces:
                yield self._event(index, Delta(content=piece), None), 1
            yield self._event(index, Delta(), self._answer.finish_reason), 0

    def usage(self) -> bytes:
        """The last chunk of a request that asked for usage: no choices, only counts."""
        return self._bytes((), usage_of(self._answer, self._request.n))

    def _event(self, index: int, delta: Delta, finish_reason: str | None) -> bytes:
        choice = ChunkChoice(index, delta, None, finish_reason)
        return self._bytes((choice,), None if self._request.include_usage else UNSET)

    def _bytes(self, choices: tuple[ChunkChoice, ...], usage: Usage | UnsetType | None) -> bytes:
        chunk = Chunk(
            id=self._id,
            created=self._created_s,
            model=self._request.model,
            choices=choices,
            usage=usage,
            obfuscation=self._padding(choices),
        )
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    def _padding(self, choices: tuple[ChunkChoice, ...]) -> str | UnsetType:
        """Hide a chunk's length, as the original does; from the piece, so that a stream can be repeated."""
        if not self._request.include_obfuscation:
            return UNSET
        content = choices[0].delta.content if choices else ""
        digest = sha256(content.encode() if isinstance(content, str) else b"").hexdigest()
        return digest[: 1 + int(digest[-2:], 16) % 12]
