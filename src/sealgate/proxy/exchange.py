"""One prompt and its answer, a state machine: events in (past participles), plain calls out, one `Outcome`.

    received → authenticated → admitted → keyed → forwarded → streaming → settled
                                  ▲──────────────┴──── a try failed, and another may follow (`trying.py`)

Counterparts: `server.py` holds the client's end, `upstream.py` the provider's, `relay.py` what is between;
`endings.py` has the ways off this path.
`settled` is entered in one place, `_settle`, and only once; nothing here touches a socket or awaits.
"""

from __future__ import annotations

import asyncio
import math
import time
from functools import lru_cache

import msgspec

from sealgate.messages.feed import Outcome
from sealgate.messages.opening import Open
from sealgate.policy.document import Action, Limits
from sealgate.policy.provider_row import EndpointRow
from sealgate.policy.providers import PROVIDERS
from sealgate.policy.requests import Shaped
from sealgate.proxy.accounting import NOTHING_USED, Account
from sealgate.proxy.admission import permitted_action
from sealgate.proxy.allowances import budget_headers
from sealgate.proxy.asking import row_of, shape, written
from sealgate.proxy.cors import relayed
from sealgate.proxy.dialects import DIALECTS
from sealgate.proxy.endings import (
    ADMITTED,
    AUTHENTICATED,
    FORWARDED,
    KEYED,
    QUIET_S,
    RECEIVED,
    SETTLED,
    STREAMING,
    Endings,
)
from sealgate.proxy.endpoints import Route
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.held_keys import Held
from sealgate.proxy.key_watch import KeyWatch
from sealgate.proxy.limits import Allowance, requests_left
from sealgate.proxy.lines import recognize
from sealgate.proxy.metering import Usage, estimate
from sealgate.proxy.parts import ClientSide, Parts
from sealgate.proxy.provider_errors import BODY_LIMIT_BYTES, from_response
from sealgate.proxy.relay import EVENTS, Relay
from sealgate.proxy.sessions import Verified
from sealgate.proxy.spending import Spending, Spent, now, spend
from sealgate.proxy.trying import Tries
from sealgate.proxy.upstream import Upstream
from sealgate.proxy.visit import guarded
from sealgate.proxy.wire.events import RequestHead, ResponseEnd, ResponseHead
from sealgate.proxy.wire.write import Field

NEVER_S = math.inf
CONNECT_GRACE_S = 1.0
"""The connection has a time of its own; past it, this one ends the exchange all the same."""


class Exchange(Endings):
    """One exchange; `outcome` is None until it is settled."""

    state = RECEIVED
    outcome: Outcome | None = None
    deadline_s = _patience_s = _total_deadline_s = NEVER_S
    credential = ("", 0)
    _body_whole = _started = _paused = _retried = False
    _action: Action | None = None
    _allowance: Allowance | None = None
    _shaped: Shaped | None = None
    _tries: Tries | None = None
    _verified: Verified
    _limits: Limits
    _opening: Open
    _row: EndpointRow | None = None
    _asked_for: asyncio.Task[None] | None = None
    _pausing: asyncio.TimerHandle | None = None
    _spending: Spending | None = None
    _held: Held | None = None
    _upstream: Upstream | None = None
    _watch: KeyWatch | None = None
    _relay: Relay | None = None
    _refusal: ResponseHead | None = None
    _refusal_body = b""

    def __init__(
        self, parts: Parts, client: ClientSide, route: Route, head: RequestHead, request: str
    ) -> None:
        super().__init__(parts, client, route, head, request)
        self._dialect = DIALECTS[route.endpoint.name]
        self._account = Account(request, route.endpoint.name)
        self._body = self._dialect.body(head.headers)

    # Received → authenticated → admitted.

    def authenticated(self, verified: Verified) -> None:
        """The session is known: admit it, or say why not."""
        self.state = AUTHENTICATED
        session, application, limits = verified.session, verified.application, verified.policy.limits
        self._verified, self._limits = verified, limits
        self._action = permitted_action(self.route, session, verified.policy)
        self._account.action = self._action.id if self._action else ""
        if application.opening is None:
            raise ProxyError("credential_missing")
        if self.parts.stopped:
            raise ProxyError("stopping")
        self.client.limit_body(self._dialect.body_limit(limits))
        self._allowance = self.parts.limits.take(session.application, session.sid, limits, time.monotonic())
        self.credential = (application.opening.credential, 0)
        self.state = ADMITTED
        self.parts.running.add(self)
        if self._body_whole:
            self._ask()
        else:
            self.client.take_body()

    def body_received(self, data: bytes) -> None:
        """Part of the body; its size is the reader's business."""
        self._body.append(data)

    @guarded
    def body_ended(self) -> None:
        """The request is whole."""
        self._body_whole = True
        if self.state is ADMITTED:
            self._ask()

    # Admitted → keyed.

    def _ask(self) -> None:
        """Shape the request by the application's policy; then try its sources."""
        verified = self._verified
        body, self._body = self._body, []
        shaped = self._shaped = shape(body, self.headers, self._dialect, verified, self._action)
        ways, retries = verified.application.ways, self._limits.retries
        self._tries = Tries(ways, self.parts.breakers, retries, shaped.model)
        self._try()

    @guarded
    def _try_next(self) -> None:
        """Go on with the next source."""
        self._try()

    def _try(self) -> None:
        """The next source, if it takes this request; then have its key."""
        tries, shaped = self._tries, self._shaped
        if tries is None or shaped is None:  # it ended while it paused
            return
        way = tries.take()
        self._opening = way.opening
        self._row = row_of(way, self._dialect, shaped)
        self.credential = (way.opening.credential, 0)
        self._find_key()

    def _find_key(self) -> None:
        held = self.parts.keys.find(self._opening)
        if held is None:
            self.parts.credentials.open(self._opening).add_done_callback(self._credential_opened)
        else:
            self._keyed(held)

    @guarded
    def _credential_opened(self, done: asyncio.Task[Held]) -> None:
        error = None if done.cancelled() else done.exception()
        if self.state is SETTLED:
            return
        if error is not None:
            raise error
        self._keyed(done.result())

    def _keyed(self, held: Held) -> None:
        """The key is here: write `began`, then have a connection."""
        if held.slot.wiped:  # it changed between being opened and now
            self._find_key()
            return
        verified, shaped = self._verified, self._shaped
        assert shaped is not None
        if not verified.pseudonym:
            recognize(verified, held.pseudonym_key, shared=self.parts.counts.shared)
        if "safety_identifier" in shaped.body:  # not every endpoint and provider knows it
            shaped.body["safety_identifier"] = verified.safety_identifier
        if not self._account.open:
            if verified.lines and self._spending is None:  # hold in every budget what this may use
                free = self._dialect.asks == "moderations"
                spend(self.parts.counts, verified, shaped, free=free, then=self._reserved)
                return
            charged = self._spending.held() if self._spending else None
            self._account.begin(self.parts.journal, verified, shaped, charged)
            self._total_deadline_s = time.monotonic() + self._limits.total_s
        held.retain()
        self._held = held
        self.credential = (self._opening.credential, held.version)
        self.state = KEYED
        upstream = None if self._retried else self.parts.pool.take(self._opening.origin)
        if upstream is None:
            self._wait(self._limits.connect_s + CONNECT_GRACE_S)
            self._asked_for = self.parts.pool.connect(self._opening.origin, self, self._limits.connect_s)
        else:
            self._forward(upstream)

    @guarded
    def _reserved(self, found: Spent) -> None:
        """It is held, at once or after a word with the limit store; or there is no room."""
        if isinstance(found, ProxyError):
            raise found
        if self.state is SETTLED:
            found[0].settle(NOTHING_USED, forwarded=False, sequence=0)
            return
        self._spending, self._shaped = found
        self._find_key()

    # Keyed → forwarded.

    @guarded
    def upstream_connected(self, upstream: Upstream) -> None:
        """The connection that was asked for."""
        self._asked_for = None
        self._forward(upstream)

    def _forward(self, upstream: Upstream) -> None:
        """A connection to the credential's one destination: send the request with its key."""
        held, shaped, row, tries = self._held, self._shaped, self._row, self._tries
        if self.state is not KEYED or held is None or shaped is None or row is None or tries is None:
            self.parts.pool.give_back(upstream)
            return
        if held.opening.origin != upstream.origin.name:  # a key goes to no other, whatever went wrong
            self.parts.pool.give_back(upstream)
            return
        if held.slot.wiped:
            self.parts.pool.give_back(upstream)
            self._release_key()
            self._find_key()
            return
        self.state = FORWARDED
        self._upstream, self._watch = upstream, KeyWatch(held.mark)
        provider = PROVIDERS[self._opening.provider]
        self._account.asked(tries.way, shaped.model)
        content_type, body = written(shaped, row, self._account.model)
        upstream.send(
            self,
            row.path,
            _headers_up(content_type, b"text/event-stream" if shaped.stream else self._dialect.accept),
            body,
            request=self.request,
            key_field=(provider.auth_header, provider.auth_prefix),
            key=held.slot.key(),
        )
        self._release_key()
        self._wait(self._limits.first_byte_s)

    @guarded
    def upstream_unreachable(self, error: ProxyError) -> None:
        """There is no connection to be had."""
        self._asked_for = None
        raise error

    @guarded
    def upstream_lost(self, *, untouched: bool) -> None:
        """The connection broke. A reused one that died unheard is replaced, once: nothing has gone down."""
        self._upstream = None
        if untouched and self.state is FORWARDED and not self._retried:
            self._retried = True
            self._find_key()
            return
        raise ProxyError("provider_truncated" if self._started else "provider_failed")

    # Forwarded → streaming → settled.

    @guarded
    def response_received(self, head: ResponseHead | None, data: bytes, end: ResponseEnd | None) -> None:
        """What one read of the provider's answer gave."""
        if end is not None:
            self._upstream = None  # it belongs to the pool again
        if head is not None:
            self._response_started(head)
        if self._refusal is not None:
            self._refused(data, end)
            return
        relay, watch = self._relay, self._watch
        assert relay is not None
        assert watch is not None
        if data and watch.saw_key(data):
            self.parts.log("key_echoed", application=self._application, request=self.request)
            raise ProxyError("provider_error")
        out = relay.feed(data) if data else b""
        if end is not None or relay.ended:
            self._completed(relay, out)
            return
        if out:
            self._send(relay, out)
        if self._spending is not None and relay.streams:
            self._spending.watch(relay.written(), self.end_with)
            if self.state is SETTLED:
                return
        self._wait(self._limits.idle_s)
        if relay.streams and relay.content_type is EVENTS:
            self.deadline_s = min(self.deadline_s, time.monotonic() + QUIET_S)

    def _response_started(self, head: ResponseHead) -> None:
        self._account.first_byte_s = time.monotonic()
        self.state = STREAMING
        shaped = self._shaped
        assert shaped is not None
        if head.status != 200:
            self._refusal = head
            return
        if self._tries is not None and self._tries.answered():
            self.parts.log("breaker_closed", credential=self.credential[0])
        self._relay = self._dialect.relay(shaped)
        plain = head.headers.get(b"content-encoding", b"identity").strip().lower() == b"identity"
        if not plain or not self._relay.takes(head):
            raise ProxyError("provider_failed")  # what we cannot read may hold the key

    def _refused(self, data: bytes, end: ResponseEnd | None) -> None:
        assert self._refusal is not None
        self._refusal_body += data
        if end is None and len(self._refusal_body) < BODY_LIMIT_BYTES:
            self._wait(self._limits.idle_s)
            return
        raise from_response(self._refusal.status, self._refusal.headers, self._refusal_body)

    def _send(self, relay: Relay, out: bytes) -> None:
        if not self._started:
            self._started = True
            self.client.start(self.allowance_headers(), relayed(relay.content_type))
        self.client.send(out)

    def _completed(self, relay: Relay, out: bytes) -> None:
        last = relay.end()
        if not relay.whole:
            if relay.streams and (out or last):
                self._send(relay, out + last)
            raise ProxyError("provider_truncated")
        if relay.streams and not self._started:
            self._send(relay, b"")
        if self._upstream is not None:
            self._upstream.drain()
            self._upstream = None
        self._settle(Outcome.COMPLETED, 200)
        if relay.streams:
            self.client.finish(out + last)
        else:
            self.client.answer(200, self.allowance_headers(), last, relayed(relay.content_type))

    def _settle(self, outcome: Outcome, status: int) -> None:
        """The one way into `settled`: journal it, and give everything back."""
        if self.state is SETTLED:
            raise RuntimeError("an exchange has one outcome")
        usage, charged = self._account.believed(self._used(outcome)), None
        if self._spending is not None:
            asked, sequence = self._account, self.parts.journal.next_sequence
            charged = self._spending.settle(
                usage, forwarded=asked.tries > 0, sequence=sequence, model=asked.model
            )
        self.state, self.outcome, self.ended, self.deadline_s = SETTLED, outcome, True, NEVER_S
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()
        self._release_key()
        if self._tries is not None:
            self._tries.given_up()
        if self._pausing is not None:
            self._pausing.cancel()
        self.parts.running.discard(self)
        self.parts.outcomes[outcome] += 1
        if self._allowance is not None:
            self.parts.limits.release(self._allowance)
        record = self._account.settle(self.parts.journal, outcome, status, usage, charged)
        if record is not None and self.parts.telemetry is not None:
            self.parts.telemetry.ended(record, self.headers.get(b"traceparent"))
        self._shaped = self._relay = None

    # What the steps share.

    def _wait(self, seconds_s: float) -> None:
        self.deadline_s = self._patience_s = min(time.monotonic() + seconds_s, self._total_deadline_s)

    def _release_key(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.release()

    def allowance_headers(self) -> list[Field]:
        """What the session has left, in this minute and of its budgets."""
        if self._allowance is None:
            return []
        verified, ledger, moment = self._verified, self.parts.ledger, now()
        left = requests_left(self._allowance, verified.policy.limits, moment.now_s)
        if verified.limits:
            left = min(left, ledger.left(verified.limits[0], moment))
        headers = [(b"x-sealgate-remaining-requests", b"%d" % left)]
        return headers + budget_headers(ledger, verified.told, moment) if verified.told else headers

    def _used(self, outcome: Outcome) -> Usage:
        """What the provider says; or an estimate, where it may have worked and does not say."""
        if self._relay is not None:
            usage = self._relay.usage()
            # What was sent twice may be billed twice: the provider's figure is of the second call alone.
            return msgspec.structs.replace(usage, estimated=True) if self._retried else usage
        if self._shaped is None or self.state < FORWARDED or outcome is Outcome.UPSTREAM_REFUSED:
            return NOTHING_USED
        return estimate(self._shaped.input_bytes)

    def __repr__(self) -> str:
        return f"<Exchange {self.request} {self.state.name.lower()}>"


@lru_cache(256)
def _headers_up(content_type: bytes, accept: bytes) -> tuple[Field, ...]:
    """Built from nothing: no header of the client's goes up."""
    return (
        (b"content-type", content_type),
        (b"accept", accept),
        (b"accept-encoding", b"identity"),
        (b"user-agent", b"sealgate"),
    )
