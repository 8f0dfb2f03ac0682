"""Usage of pictures, speech and transcripts: by tokens where the provider says them, else by what was asked.

Counterparts: `media_relay.py` and `whole_relay.py`, which feed it; `metering.py`, the same for chat. Must
never keep content, nor let a provider's words about an error pass.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from sealgate.proxy.metering import END_MARKER, ERROR, RELAY, WITHHOLD, Usage, Verdict
from sealgate.proxy.reported_errors import Reporting, members, reports_error

_NULL: Final = msgspec.Raw(b"null")
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_BYTES_PER_TOKEN: Final = 4
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
# The events that end a stream of events.
ENDS: Final = frozenset(
    {
        "image_generation.completed",
        "image_edit.completed",
        "speech.audio.done",
        "transcript.text.done",
    }
)


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None


class _Reported(msgspec.Struct, frozen=True):
    """The provider's `usage` object: tokens, or for some models the seconds of sound."""

    input_tokens: _Count = 0
    output_tokens: _Count = 0
    seconds: _Seconds = 0.0
    input_tokens_details: _InputDetails | None = None


class _Answer(Reporting, frozen=True, gc=False):
    """A whole answer, or one event."""

    # Undecoded, so that an odd member does not cost the answer.
    usage: msgspec.Raw = _NULL
    data: msgspec.Raw = _NULL
    text: msgspec.Raw = _NULL
    delta: msgspec.Raw = _NULL


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_REPORTED: Final = msgspec.json.Decoder(_Reported)
_TEXT: Final = msgspec.json.Decoder(str)


class MediaMeter:
    """Meters one answer.

    `answer` is the member that a whole answer must have: `data` of pictures, `text` of transcripts. Where the
    provider says nothing, `output_tokens` are counted for what came whole, less for what broke off.
    """

    __slots__ = (
        "_answer",
        "_input_bytes",
        "_output_bytes",
        "_output_tokens",
        "_reported",
        "pictures",
        "saw_end",
    )

    def __init__(
        self, *, input_bytes: int, answer: str = "", output_tokens: int = 0, pictures: int = 0
    ) -> None:
        self._input_bytes, self._answer, self._output_tokens = input_bytes, answer, output_tokens
        self._output_bytes = 0
        self._reported: _Reported | None = None
        self.pictures = pictures
        self.saw_end = False
        """True once the answer came to its end."""

    def __repr__(self) -> str:
        return f"MediaMeter({'ended' if self.saw_end else 'open'})"

    def event(self, data: bytes | None) -> Verdict:
        """Count one event's data and say whether it may be relayed."""
        if not data:
            return WITHHOLD
        if data == END_MARKER:
            self.saw_end = True
            return RELAY
        try:
            answer = _ANSWER.decode(data)
        except _UNREADABLE:
            return ERROR if reports_error(members(data), self._answer) else RELAY
        kind = _word(answer.type)
        if "error" in kind or (_names_error(answer) and reports_error(members(data), "delta")):
            return ERROR
        self._read_usage(answer.usage)
        if kind.endswith(".delta"):
            self._output_bytes += len(_word(answer.delta).encode())
        self.saw_end = self.saw_end or kind in ENDS
        return RELAY

    def body(self, data: bytes) -> Verdict:
        """Count a whole JSON answer (of status 200) and say whether it may be relayed: RELAY or ERROR."""
        try:
            answer = _ANSWER.decode(data)
        except _UNREADABLE:  # broken off, or no JSON: it has no end, and does not pass
            return ERROR if b'"error"' in data else RELAY
        if not answer.silent and reports_error(members(data), self._answer):
            return ERROR
        wanted = bytes(memoryview(getattr(answer, self._answer))[:1])
        if wanted != (b"[" if self._answer == "data" else b'"'):
            return ERROR
        self._output_bytes = len(_word(answer.text).encode())
        self.saw_end = True
        self._read_usage(answer.usage)
        return RELAY

    def plain(self, size_bytes: int) -> None:
        """So many bytes of sound or of plain text passed."""
        self._output_bytes += size_bytes

    def written(self) -> int:
        """Not known for certain before the end: pictures and sound are billed as a whole."""
        return 0

    def usage(self) -> Usage:
        """What is known now; may be asked at any moment, also after an abort."""
        reported = self._reported
        if reported is None or (not reported.input_tokens and not reported.seconds):
            return self._made(-(-self._input_bytes // _BYTES_PER_TOKEN), self._estimate(), 0, estimated=True)
        details = reported.input_tokens_details
        cached = (details.cached_tokens or 0) if details else 0
        return self._made(reported.input_tokens, reported.output_tokens, cached, estimated=False)

    def _made(self, given: int, made: int, cached: int, *, estimated: bool) -> Usage:
        return Usage(
            input_tokens=given,
            output_tokens=made,
            cached_tokens=cached,
            reasoning_tokens=0,
            estimated=estimated,
            finish_reason=None,
            saw_end=self.saw_end,
            pictures=self.pictures if self.saw_end else 0,
            sound_ms=int(1000 * self._reported.seconds) if self._reported else 0,
        )

    def _estimate(self) -> int:
        if self._output_tokens:
            return self._output_tokens if self.saw_end or self._output_bytes else 0
        return -(-self._output_bytes // _BYTES_PER_TOKEN)

    def _read_usage(self, usage: msgspec.Raw) -> None:
        """Keep the last usage that makes sense; one that does not leaves the estimate."""
        if usage == _NULL:
            return
        try:
            self._reported = _REPORTED.decode(usage)
        except _UNREADABLE:
            return


def _names_error(answer: _Answer) -> bool:
    return answer.error is not _NULL or answer.errors is not _NULL or answer.message is not _NULL


def _word(raw: msgspec.Raw) -> str:
    try:
        return _TEXT.decode(raw)
    except _UNREADABLE:
        return ""
