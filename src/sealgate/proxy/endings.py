"""How an exchange ends before its answer is whole, or goes another way: what its straight path never enters.

Counterparts: `exchange.py`, the straight path; `trying.py`, which says whether another try may follow.
Whatever ends here ends in `exchange.py:Exchange._settle`, once; nothing of one try may reach the next.
"""

from __future__ import annotations

import asyncio
import time
from enum import IntEnum

from sealgate.messages.feed import Outcome
from sealgate.policy.document import Limits
from sealgate.proxy.accounting import Account
from sealgate.proxy.admission import still_holds
from sealgate.proxy.applications import Known
from sealgate.proxy.cors import NOT_STORED
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.key_watch import KeyWatch
from sealgate.proxy.provider_errors import seconds_asked
from sealgate.proxy.relay import Relay
from sealgate.proxy.retry_table import LATE_ANSWERS
from sealgate.proxy.trying import Tries
from sealgate.proxy.upstream import Upstream
from sealgate.proxy.visit import Visit, guarded
from sealgate.proxy.wire.events import ResponseHead

QUIET_S = 15.0
"""So long a stream says nothing before a comment does: proxies in between close what looks dead."""
COMMENT = b": goes on\n\n"


class State(IntEnum):
    """How far an exchange has come."""

    RECEIVED = 1
    AUTHENTICATED = 2
    ADMITTED = 3
    KEYED = 4
    FORWARDED = 5
    STREAMING = 6
    SETTLED = 7


RECEIVED, AUTHENTICATED, ADMITTED, KEYED, FORWARDED, STREAMING, SETTLED = State
"""By these names on the path: Python 3.11 looks a member up in its class by a function of its own."""


class Endings(Visit):
    """The ways off the straight path; `Exchange` has the state that they work on."""

    state: State
    deadline_s: float
    credential: tuple[str, int]
    _account: Account
    _limits: Limits
    _asked_for: asyncio.Task[None] | None
    _patience_s: float
    _paused: bool
    _pausing: asyncio.TimerHandle | None
    _refusal: ResponseHead | None
    _refusal_body: bytes
    _relay: Relay | None
    _started: bool
    _total_deadline_s: float
    _tries: Tries | None
    _upstream: Upstream | None
    _watch: KeyWatch | None

    def _try_next(self) -> None:
        """The next source."""
        raise NotImplementedError

    def _settle(self, outcome: Outcome, status: int) -> None:
        """The one way into `settled`."""
        raise NotImplementedError

    def _send(self, relay: Relay, out: bytes) -> None:
        """Bytes of a stream, whose head goes first."""
        raise NotImplementedError

    def _wait(self, seconds_s: float) -> None:
        """End with a timeout after so long."""
        raise NotImplementedError

    def _release_key(self) -> None:
        """The key is not needed any more."""
        raise NotImplementedError

    @property
    def _application(self) -> str:
        assert self.session is not None
        return self.session.session.application

    @guarded
    def client_left(self) -> None:
        """The client closed: end the call at once, and count what was generated."""
        if self.state is not SETTLED:
            self._settle(Outcome.CANCELLED, 200 if self._started else 0)

    @guarded
    def time_passed(self, now_s: float) -> None:
        """Nothing came for too long, and a client that does not read has left; or only for a while."""
        if now_s < self._patience_s and self._relay is not None:
            self._send(self._relay, COMMENT)
            self.deadline_s = min(now_s + QUIET_S, self._patience_s)
            return
        if self._paused and now_s < self._total_deadline_s:
            self._settle(Outcome.CANCELLED, 200)
            self.client.cut()
            return
        raise ProxyError("provider_timeout")

    @guarded
    def revoke_unless(self, application: str, now: Known | None) -> None:
        """An application changed or is gone: end, if the session or the add-on that this rests on is."""
        verified = self.session
        if verified is None or verified.session.application != application:
            return
        if now is None or not still_holds(verified.session, verified.application, now):
            raise ProxyError("revoked")

    @guarded
    def end_with(self, error: ProxyError) -> None:
        """End now."""
        raise error

    def client_paused(self) -> None:
        """Read no more from the provider than the client takes."""
        self._paused = True
        if self._upstream is not None:
            self._upstream.pause()
            self._wait(self._limits.idle_s)

    def client_resumed(self) -> None:
        """Read on."""
        self._paused = False
        if self._upstream is not None:
            self._upstream.resume()
            self._wait(self._limits.idle_s)

    def fail(self, error: ProxyError) -> None:
        """Go on with another try, or end: with an error as the answer, or as the last event of a stream."""
        if self.state is SETTLED or self._goes_on(error):
            return
        if self._tries is not None:
            error = self._tries.told(error)
        if self.state >= KEYED:
            self._log_failure(error)
        relay, started = self._relay, self._started
        self._settle(error.row.outcome, 200 if started else error.status)
        if started and relay is not None:
            last = relay.failure(error)
            if last is None:
                self.client.cut()
            else:
                self.client.finish(last)
            return
        headers = [NOT_STORED, *error.headers(), *self.allowance_headers()]
        self.client.answer(error.status, headers, error.to_json())

    def _goes_on(self, error: ProxyError) -> bool:
        """Begin the next try, where one may follow this error."""
        tries = self._tries
        if tries is None:
            return False
        refusal, now_s = self._refusal, time.monotonic()
        sent = self.state >= FORWARDED
        rest_s = tries.failed(error, sent=sent, answered=refusal is not None)
        if rest_s is not None:
            name = self.credential[0]
            self.parts.log("breaker_opened", credential=name, code=error.code, rest_s=int(rest_s))
        if sent and (refusal is None or refusal.status in LATE_ANSWERS):
            return False  # the work may have been done
        asked_s = seconds_asked(refusal.headers) if refusal is not None else None
        until_s = min(tries.began_s + self._limits.first_byte_s, self._total_deadline_s)
        pause_s = tries.pause_s(error, asked_s, until_s - now_s)
        followed = "nothing" if pause_s is None else "pause" if pause_s else "next"
        self.parts.failed_tries[error.code, followed] += 1
        if pause_s is None:
            return False
        self._leave_try(error)
        if pause_s:
            self._pausing = asyncio.get_running_loop().call_later(pause_s, self._try_next)
        else:
            self._try_next()
        return True

    def _leave_try(self, error: ProxyError) -> None:
        """Give back what belonged to a try: nothing of it may reach the next."""
        self.parts.log(
            "try_failed",
            application=self._application,
            credential=self.credential[0],
            code=error.code,
            request=self.request,
        )
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()
        asked_for, self._asked_for = self._asked_for, None
        if asked_for is not None:
            asked_for.cancel()
        self._release_key()
        self._refusal, self._refusal_body, self._watch = None, b"", None
        self.state, self.deadline_s = ADMITTED, self._total_deadline_s

    def _log_failure(self, error: ProxyError) -> None:
        named = {"application": self._application, "code": error.code, "request": self.request}
        if error.row.outcome is Outcome.UPSTREAM_REFUSED:
            status = self._refusal.status if self._refusal else 200
            self.parts.log("upstream_refused", status=status, **named)
        elif error.row.outcome in (Outcome.UPSTREAM_FAILED, Outcome.UPSTREAM_TIMEOUT, Outcome.TRUNCATED):
            self.parts.log("upstream_failed", **named)
