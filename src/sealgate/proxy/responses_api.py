"""The Responses API on its way down: what its events say of usage, and how a broken stream ends.

Counterparts: `relay.py`, which passes events on; `metering.py`, the same for chat completions. Must never
keep content; the provider's words about an error stay here.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.metering import ERROR, RELAY, WITHHOLD, Usage, Verdict, estimate, known_reason, surely
from sealgate.proxy.relay import StreamRelay
from sealgate.proxy.reported_errors import is_list, members, reports_error
from sealgate.proxy.whole_relay import BODY_LIMIT_BYTES
from sealgate.proxy.wire.sse import event_bytes

_NULL: Final = msgspec.Raw(b"null")
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
# The events that end a stream of events, and whose `response` is the whole answer.
_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_FAILURES: Final = frozenset({"error", "response.failed"})
_REASONS: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: _Count | None = None


class _Reported(msgspec.Struct, frozen=True):
    """The provider's `usage` object."""

    input_tokens: _Count
    output_tokens: _Count
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(msgspec.Struct, frozen=True):
    reason: str | None = None


class _Part(msgspec.Struct, frozen=True, gc=False):
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, frozen=True, gc=False):
    content: list[_Part] | None = None
    arguments: str | None = None


class _Response(msgspec.Struct, frozen=True, gc=False):
    """A response, whole or within an event; only what is counted is read."""

    status: str | None = None
    incomplete_details: _Incomplete | None = None
    # Undecoded, so that what is odd in them costs nothing else.
    output: msgspec.Raw = _NULL
    usage: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL
    errors: msgspec.Raw = _NULL
    message: msgspec.Raw = _NULL


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    sequence_number: _Count = 0
    delta: msgspec.Raw = _NULL
    response: _Response | None = None
    error: msgspec.Raw = _NULL
    errors: msgspec.Raw = _NULL
    message: msgspec.Raw = _NULL


_EVENT: Final = msgspec.json.Decoder(_Event)
_RESPONSE: Final = msgspec.json.Decoder(_Response)
_REPORTED: Final = msgspec.json.Decoder(_Reported)
_OUTPUT: Final = msgspec.json.Decoder(list[_Item])
_TEXT: Final = msgspec.json.Decoder(str)


class ResponsesMeter:
    """Meters one response. `input_bytes` (the shaped request's) serves the estimate of the input."""

    __slots__ = (
        "_deltas",
        "_finish_reason",
        "_input_bytes",
        "_output_bytes",
        "_reported",
        "saw_end",
        "sequence_number",
    )

    def __init__(self, *, input_bytes: int) -> None:
        self._input_bytes = input_bytes
        self._reported: _Reported | None = None
        self._finish_reason: str | None = None
        self._deltas = self._output_bytes = 0
        self.sequence_number = 0
        """That of the last event."""
        self.saw_end = False
        """True once the answer came to its end: `response.completed` or `response.incomplete`."""

    def __repr__(self) -> str:
        return f"ResponsesMeter({self._deltas} deltas, {'ended' if self.saw_end else 'open'})"

    def event(self, data: bytes | None) -> Verdict:
        """Count one event's data (`Event.data`) and say whether it may be relayed."""
        if not data:  # a comment, or nothing: no content
            return WITHHOLD
        try:
            event = _EVENT.decode(data)
        except _UNREADABLE:
            return ERROR if reports_error(members(data), "response") else self._count_odd(data)
        self.sequence_number = max(self.sequence_number, event.sequence_number)
        if event.response is not None:
            self._read_usage(event.response.usage)
        if event.type in _FAILURES or _failed(event.response) or _reports(event, data, "response"):
            return ERROR
        if event.type.endswith(".delta"):
            self._count_delta(event.delta)
        if event.type in _ENDS and event.response is not None:
            self._ended(event.response)
        return RELAY

    def body(self, data: bytes) -> Verdict:
        """Count a whole JSON answer (of status 200) and say whether it may be relayed: RELAY or ERROR."""
        try:
            response = _RESPONSE.decode(data)
        except _UNREADABLE:  # broken off, or no JSON: it has no end, and does not pass
            return ERROR if b'"error"' in data else self._count_odd(data)
        self._read_usage(response.usage)
        if _failed(response) or not is_list(response.output) or _reports(response, data, "output"):
            return ERROR
        if self._reported is None:
            self._count_output(response.output)
        self._ended(response)
        return RELAY

    def usage(self) -> Usage:
        """What is known now; may be asked at any moment, also after an abort."""
        reported = self._reported
        if reported is None:
            return estimate(
                self._input_bytes,
                self._deltas,
                self._output_bytes,
                finish_reason=self._finish_reason,
                saw_end=self.saw_end,
            )
        given, made = reported.input_tokens_details, reported.output_tokens_details
        return Usage(
            input_tokens=reported.input_tokens,
            output_tokens=reported.output_tokens,
            cached_tokens=(given.cached_tokens or 0) if given else 0,
            reasoning_tokens=(made.reasoning_tokens or 0) if made else 0,
            estimated=False,
            finish_reason=self._finish_reason,
            saw_end=self.saw_end,
        )

    def written(self) -> int:
        """Output tokens that were written for certain."""
        return surely(self._deltas, self._output_bytes)

    def _ended(self, response: _Response) -> None:
        details = response.incomplete_details
        reason = "stop" if details is None else _REASONS.get(details.reason or "", "other")
        self._finish_reason = known_reason(reason)
        self.saw_end = True

    def _count_delta(self, delta: msgspec.Raw) -> None:
        try:
            said = _TEXT.decode(delta)
        except _UNREADABLE:
            return
        self._count_text(said)

    def _count_output(self, output: msgspec.Raw) -> None:
        try:
            items = _OUTPUT.decode(output)
        except _UNREADABLE:
            self._output_bytes += len(bytes(output))
            return
        for item in items:
            self._count_text(item.arguments or "")
            for part in item.content or ():
                self._count_text(part.text or part.refusal or "")

    def _count_text(self, said: str) -> None:
        if said:
            self._deltas += 1
            self._output_bytes += len(said) if said.isascii() else len(said.encode())

    def _read_usage(self, usage: msgspec.Raw) -> None:
        """Keep the last usage that makes sense; one that does not leaves the estimate."""
        if usage == _NULL:
            return
        try:
            self._reported = _REPORTED.decode(usage)
        except _UNREADABLE:
            return

    def _count_odd(self, data: bytes) -> Verdict:
        """A response of another form than we know: relayed, and counted by its size."""
        self._deltas += 1
        self._output_bytes += len(data)
        return RELAY


class ResponsesRelay(StreamRelay):
    """The provider's events as they are, until one reports an error."""

    def __init__(self, meter: ResponsesMeter) -> None:
        # Its first and last events hold the whole response, with instructions and tools as they were sent.
        super().__init__(meter, event_limit_bytes=BODY_LIMIT_BYTES)
        self._sequence_of = meter

    def failure(self, error: ProxyError) -> bytes:
        """An `error` event; SDKs look for its `error`, and readers of the API for its `type`."""
        told: dict[str, object] = msgspec.json.decode(error.to_json(), type=dict)
        event = {
            "type": "error",
            "sequence_number": self._sequence_of.sequence_number + 1,
            "code": error.told_code,
            "message": f"{error.message} {error.hint}".strip(),
            "param": error.param,
            **told,
        }
        return event_bytes(b"error", msgspec.json.encode(event))


def _reports(found: _Event | _Response, data: bytes, answer: str) -> bool:
    """True for an error under any of its names; nearly nothing but an `error` of null stands there."""
    if found.error is _NULL and found.errors is _NULL and found.message is _NULL:
        return False
    return reports_error(members(data), answer)


def _failed(response: _Response | None) -> bool:
    return response is not None and (response.error != _NULL or response.status == "failed")
