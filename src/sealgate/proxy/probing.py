"""The test of a key that the console asks for: one smallest chat completion, and what it shows of the key.

Counterparts: the console's feed, which asks and hears one `ProbeResult`; `upstream.py`, whose connections are
made as for any request. Nothing is journaled: it is no exchange of an application. Must never keep the key
beyond the moment of sending, nor tell the provider's words.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from sealgate.log import Log
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.feed import ProbeAsked, ProbeDone, ProbeResult
from sealgate.messages.frames import Message, RefusedError
from sealgate.messages.opening import Open, Opened, OpenRefusal
from sealgate.messages.slot import SlotArena
from sealgate.policy.bodies import JSON, encode_json_object
from sealgate.policy.document import Limits, Policy
from sealgate.policy.providers import PROVIDERS, endpoint_row, fit
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import shape_chat
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.metering import ChatMeter, Verdict
from sealgate.proxy.provider_errors import BODY_LIMIT_BYTES, from_response, only_the_bound_was_refused
from sealgate.proxy.upstream import Pool, Upstream
from sealgate.proxy.wire.events import ResponseEnd, ResponseHead
from sealgate.proxy.wire.write import Field

AT_ONCE = 4
CONNECT_S = 5.0
OPEN_S = 5.0
TOTAL_S = 12.0
"""The console waits for 15 seconds."""

_HEADERS: Final[tuple[Field, ...]] = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"sealgate"),
)

# What a request would have ended with → what the test shows. What is missing here is the provider's error.
RESULTS: Final[Mapping[str, ProbeResult]] = {
    "provider_rejected_key": ProbeResult.INVALID_KEY,
    "provider_quota_exhausted": ProbeResult.NO_CREDIT,
    "provider_model_unknown": ProbeResult.MODEL_NOT_ALLOWED,
    "provider_denied_key": ProbeResult.MODEL_NOT_ALLOWED,
    "provider_rate_limited": ProbeResult.RATE_LIMITED,
    "provider_wrong_region": ProbeResult.WRONG_REGION,
    "provider_certificate": ProbeResult.CERTIFICATE,
    "provider_unreachable": ProbeResult.UNREACHABLE,
    "provider_timeout": ProbeResult.UNREACHABLE,
    "provider_failed": ProbeResult.UNREACHABLE,
    "provider_address": ProbeResult.UNREACHABLE,
    "provider_address_refused": ProbeResult.UNREACHABLE,
    "egress_proxy_unreachable": ProbeResult.UNREACHABLE,
    "egress_proxy_refused": ProbeResult.UNREACHABLE,
    "credential_missing": ProbeResult.CREDENTIAL_UNAVAILABLE,
    "open_quota": ProbeResult.OPEN_QUOTA,
    "vault_unavailable": ProbeResult.VAULT_UNAVAILABLE,
}
# Refusals of the vault that say nothing of this key.
_VAULTS_OWN: Final[Mapping[str, str]] = {
    OpenRefusal.QUOTA: "open_quota",
    OpenRefusal.UNAVAILABLE: "vault_unavailable",
    OpenRefusal.ROLLED_BACK: "vault_unavailable",
}


class Smallest(msgspec.Struct, frozen=True):
    """What is sent, but for the key that follows `key_field`."""

    target: bytes
    body: bytes
    key_field: Field


class _Call:
    """Waits for one connection and one answer."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[Upstream] = loop.create_future()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.head: ResponseHead | None = None
        self.body = b""

    def upstream_connected(self, upstream: Upstream) -> None:
        """The connection; nobody may want it any more."""
        if self.connected.done():
            upstream.abort()
        else:
            self.connected.set_result(upstream)

    def upstream_unreachable(self, error: ProxyError) -> None:
        """There is none."""
        if not self.connected.done():
            self.connected.set_exception(error)

    def response_received(self, head: ResponseHead | None, data: bytes, end: ResponseEnd | None) -> None:
        """What one read gave."""
        self.head = head or self.head
        self.body += data
        if (end is not None or len(self.body) > BODY_LIMIT_BYTES) and not self.answered.done():
            self.answered.set_result(None)

    def upstream_lost(self, *, untouched: bool) -> None:
        """The connection broke before the answer was whole."""
        if not self.answered.done():
            self.answered.set_exception(ProxyError("provider_failed"))


class Probing:
    """Tests keys as the console asks, a few at once."""

    def __init__(self, vault: Client, console: Client, arena: SlotArena, pool: Pool, log: Log) -> None:
        self._vault, self._console, self._arena, self._pool, self._log = vault, console, arena, pool, log
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._probes: set[asyncio.Task[None]] = set()

    def noticed(self, notice: Message) -> None:
        """The console asks for a test."""
        if isinstance(notice, ProbeAsked):
            task = asyncio.ensure_future(self._run(notice))
            self._probes.add(task)
            task.add_done_callback(self._probes.discard)

    def close(self) -> None:
        """Test nothing any more."""
        for task in tuple(self._probes):
            task.cancel()

    async def _run(self, asked: ProbeAsked) -> None:
        async with self._turns:
            started_s = time.monotonic()
            result, status = await self._probe(asked)
            duration_ms = int(1000 * (time.monotonic() - started_s))
        self._log(
            "key_probed",
            credential=asked.credential,
            version=asked.version or 0,
            result=result.value,
            status=status,
            duration_ms=duration_ms,
        )
        done = ProbeDone(probe=asked.probe, result=result, status=status, duration_ms=duration_ms)
        try:
            await self._console.ask(done)
        except (NotConnectedError, RefusedError):
            return  # nobody waits any more

    async def _probe(self, asked: ProbeAsked) -> tuple[ProbeResult, int]:
        call = _Call()
        try:
            async with asyncio.timeout(TOTAL_S):
                await self._ask(asked, call)
        except TimeoutError:
            return ProbeResult.UNREACHABLE, 0
        except ProxyError as error:
            return RESULTS.get(error.code, ProbeResult.PROVIDER_ERROR), 0
        except Refusal:  # a provider that we do not know, or a model's name that cannot be one
            return ProbeResult.PROVIDER_ERROR, 0
        finally:
            call.connected.cancel()
            call.answered.cancel()
        return judge(call.head, call.body)

    async def _ask(self, asked: ProbeAsked, call: _Call) -> None:
        """Connect, then have the key opened, so that it is held for no longer than it takes to send it."""
        request = smallest_request(asked)
        self._pool.connect(asked.origin, call, CONNECT_S)
        upstream = await call.connected
        try:
            await self._send(asked, upstream, call, request)
            await call.answered
        except BaseException:
            upstream.abort()
            raise
        if len(call.body) > BODY_LIMIT_BYTES:
            upstream.abort()

    async def _send(self, asked: ProbeAsked, upstream: Upstream, call: _Call, request: Smallest) -> None:
        slot = self._arena.take()
        opening = Open(
            organization=asked.organization,
            application=asked.application,
            credential=asked.credential,
            provider=asked.provider,
            origin=asked.origin,
            version=asked.version,
        )
        try:
            opened = await self._vault.ask(opening, slot=slot, timeout_s=OPEN_S)
            if not isinstance(opened, Opened) or opened.credential != asked.credential:
                raise ProxyError("credential_missing")
            if not upstream.usable:
                raise ProxyError("provider_failed")
            upstream.send(
                call, request.target, _HEADERS, request.body, key_field=request.key_field, key=slot.key()
            )
        except NotConnectedError as error:
            raise ProxyError("vault_unavailable") from error
        except RefusedError as error:
            raise ProxyError(_VAULTS_OWN.get(error.refusal.code, "credential_missing")) from error
        finally:
            slot.wipe()


def smallest_request(asked: ProbeAsked) -> Smallest:
    """A chat completion of one token, as the provider takes it; raises `Refusal`."""
    row = endpoint_row(asked.provider, "chat.completions")
    provider = PROVIDERS[asked.provider]
    policy = Policy(models=(asked.model,), limits=Limits(output_tokens=1))
    body: dict[str, JSON] = {"model": asked.model, "messages": [{"role": "user", "content": "Hi"}]}
    shaped = fit(shape_chat(body, policy, None), row)
    return Smallest(row.path, encode_json_object(shaped.body), (provider.auth_header, provider.auth_prefix))


def judge(head: ResponseHead | None, body: bytes) -> tuple[ProbeResult, int]:
    """What the provider's answer shows of the key."""
    if head is None:
        return ProbeResult.UNREACHABLE, 0
    if head.status == 200:
        meter = ChatMeter(input_bytes=0, usage_asked=True)
        whole = meter.body(body) is Verdict.RELAY and meter.saw_end
        return (ProbeResult.OK if whole else ProbeResult.PROVIDER_ERROR), 200
    if only_the_bound_was_refused(head.status, body):
        return ProbeResult.OK, head.status
    code = from_response(head.status, head.headers, body).code
    return RESULTS.get(code, ProbeResult.PROVIDER_ERROR), head.status
