"""Usage of what only reads: embeddings and moderations. Nothing is written, so only the input counts.

Counterparts: `relay.py`, which keeps the answer until it is whole; `metering.py`, the same for what writes.
OpenAI reports the tokens of embeddings and is silent about those of moderations: these are estimated.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from sealgate.proxy.metering import ERROR, RELAY, Usage, Verdict, estimate
from sealgate.proxy.reported_errors import Reporting, is_list, members, reports_error

_NULL: Final = msgspec.Raw(b"null")
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class _Reported(msgspec.Struct, frozen=True):
    prompt_tokens: _Count


class _Answer(Reporting, frozen=True, gc=False):
    # Undecoded, so that an odd usage does not cost the answer.
    usage: msgspec.Raw = _NULL
    data: msgspec.Raw = _NULL
    results: msgspec.Raw = _NULL


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_REPORTED: Final = msgspec.json.Decoder(_Reported)


class InputMeter:
    """Meters one whole answer. `input_bytes` (the shaped request's) serves the estimate."""

    __slots__ = ("_input_bytes", "_reported", "saw_end")

    def __init__(self, *, input_bytes: int) -> None:
        self._input_bytes = input_bytes
        self._reported: _Reported | None = None
        self.saw_end = False
        """True once the answer was read whole."""

    def __repr__(self) -> str:
        return f"InputMeter({'ended' if self.saw_end else 'open'})"

    def event(self, data: bytes | None) -> Verdict:
        """These endpoints do not stream: an event is no answer of theirs."""
        return ERROR

    def body(self, data: bytes) -> Verdict:
        """Read a whole JSON answer (of status 200) and say whether it may be relayed: RELAY or ERROR."""
        try:
            answer = _ANSWER.decode(data)
        except _UNREADABLE:  # broken off, or no JSON: it has no end, and does not pass
            return ERROR if b'"error"' in data else RELAY
        if not answer.silent and reports_error(members(data), "data"):
            return ERROR
        if not (is_list(answer.data) or is_list(answer.results)):
            return ERROR
        self.saw_end = True
        try:
            self._reported = _REPORTED.decode(answer.usage)
        except _UNREADABLE:
            return RELAY
        return RELAY

    def written(self) -> int:
        """Nothing is written here."""
        return 0

    def usage(self) -> Usage:
        """What is known now; may be asked at any moment, also after an abort."""
        if self._reported is None:
            return estimate(self._input_bytes, saw_end=self.saw_end)
        return Usage(
            input_tokens=self._reported.prompt_tokens,
            output_tokens=0,
            cached_tokens=0,
            reasoning_tokens=0,
            estimated=False,
            finish_reason=None,
            saw_end=self.saw_end,
        )
