"""Everything around a proxy, for tests: a vault and a console that speak the real messages, and a provider.

The fakes are the smallest programs that keep the contract of `sealgate.messages`; the proxy is the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.feed import (
    Application,
    AskApplication,
    AskChanges,
    Changes,
    CredentialReference,
    FeedRequest,
    Outcome,
    ProbeDone,
    ProbeNoted,
    SessionKeyEntry,
    UnknownApplication,
    UsageBatch,
    UsageCounted,
    UsageRecord,
)
from sealgate.messages.frames import PROTOCOL, Hello, Message, Refusal, RefusedError
from sealgate.messages.opening import (
    CredentialChanged,
    CredentialEvent,
    Open,
    Opened,
    OpeningRequest,
    Renewed,
)
from sealgate.messages.server import Peer, Reply, SecretReply, Server
from sealgate.messages.slot import SlotArena
from sealgate.policy.catalogue import ready_actions
from sealgate.policy.document import Limits, Policy, Prompt, encode_policy
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.events import EVENTS
from sealgate.proxy.process import Proxy
from sealgate.session import SessionSigner, SigningKey
from tests.proxy.provider import MODELS, Provider

INSTANCE = new_id("inst")
KEY = "sk-canary-4f1c9a77e02b46c8"
PSEUDONYM_KEY = bytes(range(32))
ORIGIN = "https://app.example"
PROMPT = Prompt(model="gpt-test", instructions="You help with newsletters.", follow_ups=2)
LIMITS = Limits(requests_per_minute=1_000, concurrent_streams=100, retries=0)


class FakeVault:
    """Opens what it was given, and says when it changes."""

    def __init__(self, folder: Path) -> None:
        self.keys: dict[str, str] = {}
        self.refusal: Refusal | None = None
        self.lease_s = 300.0
        self.opens: list[Open] = []
        self.renews: list[str] = []
        self.hold: asyncio.Event | None = None
        self._arena = SlotArena()
        hello = Hello(protocol=PROTOCOL, instance=INSTANCE, process="vault")
        self.server = Server(folder / "vault-opener.sock", hello, OpeningRequest, self._answer, [os.getuid()])

    def revoke(self, credential: str, event: CredentialEvent = CredentialEvent.REVOKED) -> None:
        if event is CredentialEvent.REVOKED:
            self.keys.pop(credential, None)
        self.server.notify(CredentialChanged(credential=credential, application="", event=event))

    def _answer(self, peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
        if not isinstance(message, Open):
            self.renews.append(getattr(message, "credential", ""))
            if self.renews[-1] not in self.keys:
                raise RefusedError(Refusal(code="credential_revoked", message="It was revoked."))
            return Renewed(lease_s=self.lease_s)
        self.opens.append(message)
        if self.refusal is not None:
            raise RefusedError(self.refusal)
        if message.credential not in self.keys:
            raise RefusedError(Refusal(code="credential_revoked", message="It was revoked."))
        return self._later(message) if self.hold is not None else self._opened(message)

    async def _later(self, message: Open) -> Reply:
        assert self.hold is not None
        await self.hold.wait()
        return self._opened(message)

    def _opened(self, message: Open) -> Reply:
        slot = self._arena.take()
        key = self.keys[message.credential].encode()
        slot.buffer()[: 2 + len(key)] = len(key).to_bytes(2, "big") + key
        opened = Opened(
            credential=message.credential, version=1, lease_s=self.lease_s, pseudonym_key=PSEUDONYM_KEY
        )
        return SecretReply(opened, slot)


class FakeConsole:
    """Serves documents and a change log, and counts usage once by (proxy, epoch, sequence)."""

    def __init__(self, folder: Path) -> None:
        self.documents: dict[str, Application] = {}
        self.usage: dict[tuple[str, str, int], UsageRecord] = {}
        self.batches = 0
        self.asked: list[str] = []
        self.probes: dict[str, ProbeDone] = {}
        self.count_nothing = False
        self._log: list[str] = []
        self._changed = asyncio.Event()
        hello = Hello(protocol=PROTOCOL, instance=INSTANCE, process="console")
        self.server = Server(folder / "console-feed.sock", hello, FeedRequest, self._answer, [os.getuid()])

    def publish(self, document: Application) -> None:
        self.documents[document.application] = document
        self._note(document.application)

    def remove(self, application: str) -> None:
        del self.documents[application]
        self._note(application)

    def outcomes(self) -> list[Outcome]:
        return [record.outcome for record in self.usage.values()]

    def _note(self, application: str) -> None:
        self._log.append(application)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _answer(self, peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
        if isinstance(message, AskApplication):
            self.asked.append(message.application)
            found = self.documents.get(message.application)
            return found or UnknownApplication(application=message.application)
        if isinstance(message, AskChanges):
            return self._changes(message)
        if isinstance(message, ProbeDone):
            self.probes[message.probe] = message
            return ProbeNoted(probe=message.probe)
        assert isinstance(message, UsageBatch)
        self.batches += 1
        if self.count_nothing:
            raise RefusedError(Refusal(code="busy", message="Later."))
        for record in message.records:
            self.usage.setdefault((message.proxy, message.epoch, record.sequence), record)
        return UsageCounted(epoch=message.epoch, through=message.records[-1].sequence)

    async def _changes(self, message: AskChanges) -> Reply:
        if message.cursor == len(self._log) and message.wait_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), message.wait_s)
        since = tuple(dict.fromkeys(self._log[message.cursor :]))
        return Changes(cursor=len(self._log), applications=since, reset=message.cursor > len(self._log))


@dataclass
class Answer:
    """One HTTP answer. `complete` is False for a body that broke off."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json()["error"]
        return found


class Browser:
    """One raw connection to the proxy, so that a test can say and hear every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            body, complete = await self._chunks()
            return Answer(status, headers, body, complete)
        if "content-length" in headers:
            return Answer(status, headers, await self.reader.readexactly(int(headers["content-length"])))
        body = b"" if status in (204, 304) else await self.reader.read()
        return Answer(status, headers, body)

    async def head(self) -> tuple[int, dict[str, str]]:
        while True:
            raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            lines = raw.split("\r\n")
            status = int(lines[0].split(" ")[1])
            if status >= 200:
                return status, dict(line.split(": ", 1) for line in lines[1:] if line)

    async def chunk(self) -> bytes:
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:-2]

    async def answer_body(self) -> bytes:
        """The rest of a chunked body of which the head was read."""
        return (await self._chunks())[0]

    async def closed(self) -> bytes:
        """What still comes until the proxy closes."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        self.writer.transport.abort()

    async def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        try:
            while data := await self.chunk():
                body += data
        except (asyncio.IncompleteReadError, ConnectionError):
            return body, False
        return body, True


@dataclass
class World:
    """One proxy and everything around it."""

    folder: Path
    runtime: Path
    vault: FakeVault
    console: FakeConsole
    provider: Provider
    config: ProxyConfig
    log: io.StringIO = field(default_factory=io.StringIO)
    key: SigningKey = field(default_factory=SigningKey.generate)
    application: str = field(default_factory=lambda: new_id("app"))
    organization: str = field(default_factory=lambda: new_id("org"))
    credential: str = field(default_factory=lambda: new_id("cred"))
    proxy: Proxy | None = None
    browsers: list[Browser] = field(default_factory=list)

    # The console's side.

    def document(self, limits: Limits = LIMITS, **changes: Any) -> Application:
        rules = {"models": MODELS, "actions": ready_actions("gpt-test"), "prompt": PROMPT, "limits": limits}
        policy = Policy(**{**rules, **changes.pop("rules", {})})
        before = self.console.documents.get(self.application)
        fields: dict[str, Any] = {
            "organization": self.organization,
            "application": self.application,
            "name": "Larkspur",
            "version": before.version + 1 if before else 1,
            "active": True,
            "origins": (ORIGIN,),
            "session_keys": (SessionKeyEntry(self.key.kid, "Ed25519", self.key.public.public_key),),
            "credential": CredentialReference(self.credential, "openai", self.provider.origin),
            "policy": msgspec.Raw(encode_policy(policy)),
        }
        return Application(**{**fields, **changes})

    def publish(self, limits: Limits = LIMITS, **changes: Any) -> None:
        self.console.publish(self.document(limits, **changes))

    # The host's side.

    def token(
        self, *, key: SigningKey | None = None, application: str = "", instance: str = INSTANCE, **claims: Any
    ) -> str:
        signer = SessionSigner(application or self.application, instance, key or self.key)
        claims.setdefault("permissions", ("action:*", "api:*", "prompt"))
        return signer.token(claims.pop("user", "user-1"), **claims)

    # The proxy.

    async def start_proxy(self, **changes: Any) -> Proxy:
        self.config = msgspec.structs.replace(self.config, **changes)
        self.proxy = Proxy(self.config, LineLog("proxy", EVENTS, self.log))
        await self.proxy.start()
        return self.proxy

    async def stop_proxy(self) -> None:
        proxy, self.proxy = self.proxy, None
        if proxy is not None:
            await proxy.stop()

    async def connected(self) -> None:
        proxy = self.running
        await until(lambda: proxy.vault.connected and proxy.console.connected)

    @property
    def running(self) -> Proxy:
        assert self.proxy is not None
        return self.proxy

    # The end user's side.

    async def browser(self, port: int = 0) -> Browser:
        browser = Browser(
            *await asyncio.open_connection("127.0.0.1", port or self.running.port, limit=1 << 24)
        )
        self.browsers.append(browser)
        return browser

    async def chat(self, body: dict[str, Any] | bytes | None = None, **how: Any) -> Answer:
        browser = await self.browser()
        browser.send(self.request(body, **how))
        return await browser.answer()

    async def stream(self, model: str = "wait", **how: Any) -> Browser:
        """A streamed answer of which the first event has arrived."""
        browser = await self.browser()
        browser.send(self.request(prompt(model, stream=True), **how))
        status, _headers = await browser.head()
        assert status == 200
        assert b"Short" in await browser.chunk()
        return browser

    async def action(self, body: dict[str, Any], action: str = "shorten", **how: Any) -> Answer:
        return await self.chat(body, target=f"/assistant/v1/actions/{action}", **how)

    async def get(self, target: str, *, token: str | None = None, **headers: str) -> Answer:
        browser = await self.browser()
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        lines = [f"GET {target} HTTP/1.1", "host: proxy.localhost", *_lines(headers)]
        browser.send("\r\n".join([*lines, "", ""]).encode())
        return await browser.answer()

    async def admin(self, target: str) -> Answer:
        browser = await self.browser(self.running.admin_port)
        browser.send(f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        return await browser.answer()

    def request(
        self,
        body: dict[str, Any] | bytes | None = None,
        *,
        target: str = "/v1/chat/completions",
        token: str | None = None,
        **headers: str,
    ) -> bytes:
        raw = body if isinstance(body, bytes) else json.dumps(prompt() if body is None else body).encode()
        fields = {
            "authorization": f"Bearer {token or self.token()}",
            "content-type": "application/json",
        }
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [
            f"POST {target} HTTP/1.1",
            "host: proxy.localhost",
            *_lines(fields),
            f"content-length: {len(raw)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + raw

    def records(self) -> list[UsageRecord]:
        return list(self.console.usage.values())

    async def record(self) -> UsageRecord:
        await until(lambda: len(self.console.usage) > 0)
        assert len(self.console.usage) == 1
        return self.records()[0]


def prompt(model: str = "gpt-test", **more: Any) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": "Please shorten this canary text."}],
        **more,
    }


def _lines(headers: dict[str, str]) -> list[str]:
    return [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait for a condition; the limit is for hangs."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    """A whole world without a running proxy."""
    with tempfile.TemporaryDirectory(prefix="sg") as short:  # socket paths are bounded
        runtime = Path(short)
        vault, console, provider = FakeVault(runtime), FakeConsole(runtime), Provider(folder)
        await vault.server.start()
        await console.server.start()
        await provider.start()
        config = ProxyConfig(
            instance=INSTANCE,
            data_dir=folder / "data",
            runtime_dir=runtime,
            port=0,
            admin_port=0,
            egress_ca_file=provider.ca_file,
            journal_segment_bytes=1 << 20,
            drain_s=0.2,
        )
        world = World(folder, runtime, vault, console, provider, config)
        vault.keys[world.credential] = KEY
        world.publish()
        try:
            yield world
        finally:
            for browser in world.browsers:
                browser.close()
            await world.stop_proxy()
            await vault.server.close()
            await console.server.close()
            await provider.close()
