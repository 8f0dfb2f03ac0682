"""What an exchange writes to the journal: who, what, how much, how long; never what was said.

Counterparts: `exchange.py` says when, `journal.py` writes.
"""

from __future__ import annotations

import time

from sealgate.messages.feed import Outcome, UsageRecord
from sealgate.policy.requests import Shaped
from sealgate.proxy.epoch import Began
from sealgate.proxy.journal import Journal
from sealgate.proxy.lines import Charged
from sealgate.proxy.metering import Usage
from sealgate.proxy.sessions import Verified
from sealgate.proxy.usage_bounds import bounded
from sealgate.proxy.ways import Way

NOTHING_USED = Usage(0, 0, 0, 0, estimated=False, finish_reason=None, saw_end=False)
_BYTES_PER_TOKEN = 4


class Account:
    """The record of one exchange, from `begin` to `settle`."""

    __slots__ = (
        "_began",
        "_number",
        "_way",
        "action",
        "endpoint",
        "first_byte_s",
        "model",
        "request",
        "started_at",
        "started_s",
        "tries",
    )

    def __init__(self, request: str, endpoint: str) -> None:
        self.request, self.endpoint, self.action = request, endpoint, ""
        self.started_at, self.started_s = time.time(), time.monotonic()
        self.first_byte_s = 0.0
        self.tries = self._number = 0
        self.model = ""
        self._way: Way | None = None
        self._began: Began | None = None

    @property
    def open(self) -> bool:
        """True between `begin` and `settle`."""
        return self._number > 0

    def asked(self, way: Way, model: str) -> None:
        """A request goes this way now: it names who answers, unless another follows."""
        self._way, self.model = way, way.model(model)
        self.tries += 1

    def begin(
        self, journal: Journal, verified: Verified, shaped: Shaped, charged: Charged | None = None
    ) -> None:
        """Write `began`, with the most that it may use; `ProxyError` when there is no room to end it."""
        document = verified.application.document
        self._began = Began(
            number=0,
            request=self.request,
            started_at=self.started_at,
            organization=document.organization,
            application=document.application,
            pseudonym=verified.pseudonym,
            endpoint=self.endpoint,
            action=self.action,
            model=shaped.model,
            input_tokens=-(-shaped.input_bytes // _BYTES_PER_TOKEN),
            output_tokens=shaped.output_tokens_clamp,
            charged=charged,
        )
        self._number = journal.begin(self._began)

    def believed(self, usage: Usage) -> Usage:
        """The figures that count."""
        return usage if self._began is None else bounded(usage, self._began)

    def settle(
        self, journal: Journal, outcome: Outcome, status: int, usage: Usage, charged: Charged | None = None
    ) -> UsageRecord | None:
        """Write `settled`, if `began` was written, and give it; `usage` is believed."""
        began, number, self._number = self._began, self._number, 0
        if began is None or not number:
            return None
        first_s, to = self.first_byte_s, self._way.opening if self._way else None
        record = UsageRecord(
            journal.next_sequence,
            began.request,
            began.started_at,
            began.organization,
            began.application,
            began.pseudonym,
            began.endpoint,
            began.action,
            self.model or began.model,
            outcome,
            status,
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            usage.estimated,
            int(1000 * (first_s - self.started_s)) if first_s else 0,
            int(1000 * (time.monotonic() - self.started_s)),
            usage.pictures,
            usage.sound_ms,
            to.credential if to else "",
            to.provider if to else "",
            to.origin if to else "",
            self.tries,
        )
        journal.settle(number, record, charged)
        return record
