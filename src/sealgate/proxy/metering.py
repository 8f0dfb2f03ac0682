"""Usage of one chat completion, from its JSON body or its events, counted as they pass.

Counterpart: exchange.py feeds it and puts its `Usage` into the outcome; wire/sse.py frames the events.
Must never keep content, nor let a provider's words into a field that is logged.
"""

import enum

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one exchange. `estimated` where the provider did not say; then from bytes and deltas.

    `finish_reason` is one of FINISH_REASONS, `other`, or None while none was seen. `saw_end`: the answer came
    to its end marker (`[DONE]`, or a JSON body that parses).
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    estimated: bool
    finish_reason: str | None
    saw_end: bool


class Verdict(enum.Enum):
    """What to do with an event."""

    RELAY = "relay"
    WITHHOLD = "withhold"
    """The closing `choices: []` usage chunk, which the client had not asked for."""
    ERROR = "error"
    """The provider reports an error inside the stream: never relayed; map it and end."""


class ChatMeter:
    """Meters one exchange. `input_bytes` (the shaped request's) serves the estimate of the input."""

    def __init__(self, *, input_bytes: int, usage_asked: bool) -> None: ...

    def event(self, data: bytes | None) -> Verdict:
        """Count one event's data (`Event.data`) and say whether it may be relayed."""
        raise NotImplementedError

    def body(self, data: bytes) -> None:
        """Count a whole JSON answer."""
        raise NotImplementedError

    def usage(self) -> Usage:
        """What is known now; may be asked at any moment, also after an abort."""
        raise NotImplementedError


class Delta(msgspec.Struct, frozen=True):
    """What one event adds for the assistant."""

    text: str
    finish_reason: str | None


def chat_delta(data: bytes) -> Delta:
    """The text and finish reason in one event's data; `[DONE]` and the usage chunk give an empty one.

    Raises `UpstreamWireError("event_malformed")`.
    """
    raise NotImplementedError
