"""Usage of one chat completion, from its JSON body or its events, counted as they pass.

Counterpart: exchange.py feeds it and puts its `Usage` into the outcome; wire/sse.py frames the events.
Must never keep content, nor let a provider's words into a field that is logged.
"""

import enum
from typing import Annotated, Final, Protocol

import msgspec

from sealgate.proxy.reported_errors import Reporting, has_list, members, reports_error

END_MARKER: Final = b"[DONE]"
# Anything else becomes `other`: the field is logged, and an upstream could write content into it.
FINISH_REASONS: Final = frozenset({"stop", "length", "content_filter", "tool_calls", "function_call"})
# A token of English or of JSON is about four bytes; it is what the provider's own documentation says.
_BYTES_PER_TOKEN: Final = 4
_MOST_BYTES_PER_TOKEN: Final = 12

_NULL: Final = msgspec.Raw(b"null")
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one exchange. `estimated` where the provider did not say; then from bytes and deltas.

    `finish_reason` is one of FINISH_REASONS, `other`, or None while none was seen.
    `saw_end`: the answer came to its end marker (`[DONE]`, or a JSON body that parses). `pictures` that were
    made; `sound_ms`, milliseconds of sound that were heard, where the provider bills by them.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    estimated: bool
    finish_reason: str | None
    saw_end: bool
    pictures: int = 0
    sound_ms: int = 0


class Verdict(enum.Enum):
    """What to do with an event.

    WITHHOLD is for comments, and for the closing `choices: []` usage chunk that the client had not asked for.
    ERROR: the provider reports an error inside a 200. It may quote the key: map it and end, never relay it.
    """

    RELAY = "relay"
    WITHHOLD = "withhold"
    ERROR = "error"


RELAY, WITHHOLD, ERROR = Verdict
"""By these names for every event: see `endings.py:State`."""


class Meter(Protocol):
    """What a relay needs of a meter."""

    saw_end: bool

    def event(self, data: bytes | None) -> Verdict:
        """Count one event's data and say whether it may be relayed."""

    def body(self, data: bytes) -> Verdict:
        """Count a whole JSON answer and say whether it may be relayed: RELAY or ERROR."""

    def usage(self) -> Usage:
        """What is known now."""

    def written(self) -> int:
        """Output tokens that were written for certain: never more than the provider will report."""


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None


class _CompletionDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: _Count | None = None


class _Reported(msgspec.Struct, frozen=True):
    """The provider's `usage` object."""

    prompt_tokens: _Count
    completion_tokens: _Count
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Function(msgspec.Struct, frozen=True, gc=False):
    arguments: str | None = None


class _ToolCall(msgspec.Struct, frozen=True, gc=False):
    function: _Function | None = None


class _Message(msgspec.Struct, frozen=True, gc=False):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct, frozen=True, gc=False):
    """`delta` in an event, `message` in a JSON body."""

    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Completion(Reporting, frozen=True, gc=False):
    choices: tuple[_Choice, ...] | None = None
    # Undecoded, so that an odd usage costs neither the event nor its text.
    usage: msgspec.Raw = _NULL


# Decoding into these few fields takes less time than the byte searches that it would save.
_COMPLETION: Final = msgspec.json.Decoder(_Completion)
_REPORTED: Final = msgspec.json.Decoder(_Reported)
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class ChatMeter:
    """Meters one exchange. `input_bytes` (the shaped request's) serves the estimate of the input."""

    __slots__ = (
        "_deltas",
        "_finish_reason",
        "_input_bytes",
        "_output_bytes",
        "_reported",
        "_usage_asked",
        "saw_end",
    )

    def __init__(self, *, input_bytes: int, usage_asked: bool) -> None:
        self._input_bytes = input_bytes
        self._usage_asked = usage_asked
        self._reported: _Reported | None = None
        self._finish_reason: str | None = None
        self._deltas = 0
        self._output_bytes = 0
        self.saw_end = False
        """True once the answer came to its end marker."""

    def __repr__(self) -> str:
        return f"ChatMeter({self._deltas} deltas, {'ended' if self.saw_end else 'open'})"

    def event(self, data: bytes | None) -> Verdict:
        """Count one event's data (`Event.data`) and say whether it may be relayed."""
        if not data:  # a comment, or nothing: no content
            return WITHHOLD
        if data == END_MARKER:
            self.saw_end = True
            return RELAY
        completion = read_completion(data)
        if (completion is None or not completion.silent) and reports_error(members(data), "choices"):
            return ERROR
        if completion is None:
            return self._count_odd(data)
        self._count(completion)
        is_usage_chunk = not completion.choices and completion.usage != _NULL
        return WITHHOLD if is_usage_chunk and not self._usage_asked else RELAY

    def body(self, data: bytes) -> Verdict:
        """Count a whole JSON answer (of status 200) and say whether it may be relayed: RELAY or ERROR."""
        completion = read_completion(data)
        if completion is None or not completion.silent:
            found = members(data)
            if found is None and b'"error"' not in data:
                return self._count_odd(data)  # broken off, or no JSON: it has no end, and does not pass
            if reports_error(found, "choices") or not has_list(found, "choices"):
                return ERROR
        if completion is None:
            self._count_odd(data)
        elif completion.choices is None:
            return ERROR
        else:
            self._count(completion)
        self.saw_end = True
        return RELAY

    def usage(self) -> Usage:
        """What is known now; may be asked at any moment, also after an abort."""
        reported = self._reported
        if reported is None:
            return self._estimate()
        prompt, completion = reported.prompt_tokens_details, reported.completion_tokens_details
        return Usage(
            input_tokens=reported.prompt_tokens,
            output_tokens=reported.completion_tokens,
            cached_tokens=(prompt.cached_tokens or 0) if prompt else 0,
            reasoning_tokens=(completion.reasoning_tokens or 0) if completion else 0,
            estimated=False,
            finish_reason=self._finish_reason,
            saw_end=self.saw_end,
        )

    def written(self) -> int:
        """Output tokens that were written for certain."""
        return surely(self._deltas, self._output_bytes)

    def _estimate(self) -> Usage:
        return estimate(
            self._input_bytes,
            self._deltas,
            self._output_bytes,
            finish_reason=self._finish_reason,
            saw_end=self.saw_end,
        )

    def _count(self, completion: _Completion) -> None:
        for choice in completion.choices or ():
            if choice.finish_reason is not None:
                self._finish_reason = known_reason(choice.finish_reason)
            size = _size_bytes(choice.delta or choice.message)
            if size:
                self._deltas += 1
                self._output_bytes += size
        if completion.usage != _NULL:
            self._read_usage(completion.usage)

    def _read_usage(self, usage: msgspec.Raw) -> None:
        """Keep the last usage that makes sense; one that does not leaves the estimate."""
        try:
            self._reported = _REPORTED.decode(usage)
        except _UNREADABLE:
            return

    def _count_odd(self, data: bytes) -> Verdict:
        """A chat completion of another form than we know: relayed, and counted by its size."""
        self._deltas += 1
        self._output_bytes += len(data)
        return RELAY


def estimate(
    input_bytes: int,
    deltas: int = 0,
    output_bytes: int = 0,
    *,
    finish_reason: str | None = None,
    saw_end: bool = False,
) -> Usage:
    """Where the provider is silent: a stream brings about one token per delta; if more, its bytes show it."""
    return Usage(
        input_tokens=-(-input_bytes // _BYTES_PER_TOKEN),
        output_tokens=max(deltas, -(-output_bytes // _BYTES_PER_TOKEN)),
        cached_tokens=0,
        reasoning_tokens=0,
        estimated=True,
        finish_reason=finish_reason,
        saw_end=saw_end,
    )


def surely(deltas: int, output_bytes: int) -> int:
    """Tokens that these are at least: a delta has one or more; on average none has over twelve bytes."""
    return max(deltas, output_bytes // _MOST_BYTES_PER_TOKEN)


def read_completion(data: bytes) -> _Completion | None:
    """A chat completion or an event of one; None for what has another form."""
    try:
        return _COMPLETION.decode(data)
    except _UNREADABLE:
        return None


def known_reason(finish_reason: str) -> str:
    """The reason if it is of FINISH_REASONS, else `other`."""
    return finish_reason if finish_reason in FINISH_REASONS else "other"


def _size_bytes(message: _Message | None) -> int:
    """UTF-8 bytes of what a delta or message says, whether as text or as a tool's arguments."""
    if message is None:
        return 0
    said = message.content or message.refusal or ""
    size = len(said) if said.isascii() else len(said.encode())
    for call in message.tool_calls or ():
        if call.function is not None:
            size += len((call.function.arguments or "").encode())
    return size
