"""A vault in a folder of its own, with the clients that a proxy and a console would have: what the vault's
tests share.

Everything is real (files, SQLite, Unix sockets, HTTP over TCP); only the clock is the test's.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import io
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sealgate.envelope import SUITE_1, Context, SealingPublicKey, encode_text, seal
from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.client import Client
from sealgate.messages.frames import PROTOCOL, Hello, Message
from sealgate.messages.opening import CredentialChanged as Changed
from sealgate.messages.opening import Open, Opened, OpeningReply
from sealgate.messages.slot import SlotArena
from sealgate.messages.tickets import (
    CredentialRow,
    Credentials,
    Discard,
    IssueTicket,
    ListCredentials,
    Revoke,
    RollBack,
    Switch,
    TicketIssued,
    TicketReply,
)
from sealgate.vault.config import Destination, VaultConfig
from sealgate.vault.events import EVENTS
from sealgate.vault.process import DESK_SOCKET, OPENER_SOCKET, Vault

ORIGIN = "https://api.openai.com"
EVIL_ORIGIN = "https://simulator.localhost:8705"
HOST = "vault.localhost"

Answer = TypeVar("Answer", bound=Message)


def canary_key() -> bytes:
    """A provider key that occurs nowhere else."""
    return b"sk-sim-canary-" + secrets.token_hex(16).encode()


class Clock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Addresses:
    """Who asks, and for what."""

    organization: str = field(default_factory=lambda: new_id("org"))
    application: str = field(default_factory=lambda: new_id("app"))
    provider: str = "openai"
    origin: str = ORIGIN


@dataclass(frozen=True)
class Page:
    """One answer of the public listener."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Deployment:
    """A running vault with a proxy's and a console's connection."""

    def __init__(self, vault: Vault, proxy: Client, console: Client, config: VaultConfig) -> None:
        self.vault = vault
        self.proxy = proxy
        self.console = console
        self.config = config
        self.notices: asyncio.Queue[Message] = asyncio.Queue()
        self.arena = SlotArena()
        proxy.on_notice = self._noticed

    def _noticed(self, notice: Message) -> None:
        if isinstance(notice, Changed):  # waymarks come when they come
            self.notices.put_nowait(notice)

    async def ask(self, message: Message, reply: type[Answer]) -> Answer:
        """Ask as the console does."""
        answer = await self.console.ask(message)
        assert isinstance(answer, reply)
        return answer

    async def ticket(
        self, at: Addresses, credential: str | None = None, *, stage: bool = False
    ) -> TicketIssued:
        """A ticket for a deposit."""
        return await self.ask(ticket_order(at, credential, stage=stage), TicketIssued)

    async def view(self, ticket: str) -> Page:
        """What the sealing page would show."""
        return await self.post("/deposit/ticket", {"ticket": ticket})

    async def deposit(self, ticket: str, key: bytes, suite: int = SUITE_1, **changes: object) -> Page:
        """Seal a key as the page does, with some context fields changed, and post it."""
        seen = (await self.view(ticket)).json
        envelope = sealed(seen, key, suite, **changes)
        return await self.post("/deposit", {"ticket": ticket, "envelope": envelope})

    async def sealed_key(self, at: Addresses, key: bytes, credential: str | None = None) -> str:
        """Deposit a key the ordinary way; gives the credential."""
        issued = await self.ticket(at, credential)
        page = await self.deposit(issued.ticket, key)
        assert page.status == 200, page.body
        return issued.credential

    async def staged_key(self, at: Addresses, key: bytes, credential: str) -> int:
        """Deposit a key beside the active one; gives its version."""
        issued = await self.ticket(at, credential, stage=True)
        page = await self.deposit(issued.ticket, key)
        assert page.status == 200, page.body
        return issued.version

    async def switch(self, at: Addresses, credential: str) -> CredentialRow:
        """Switch as the console does."""
        return await self.ask(Switch(**owner(at), credential=credential), CredentialRow)

    async def roll_back(self, at: Addresses, credential: str) -> CredentialRow:
        """Roll back as the console does."""
        return await self.ask(RollBack(**owner(at), credential=credential), CredentialRow)

    async def discard(self, at: Addresses, credential: str, version: int) -> CredentialRow:
        """Discard a version as the console does."""
        return await self.ask(Discard(**owner(at), credential=credential, version=version), CredentialRow)

    async def open(self, at: Addresses, credential: str, version: int | None = None) -> tuple[Opened, bytes]:
        """Open as a proxy does; gives the reply and the key."""
        slot = self.arena.take()
        try:
            opened = await self.proxy.ask(open_request(at, credential, version), slot=slot)
            assert isinstance(opened, Opened)
            return opened, bytes(slot.key())
        finally:
            slot.wipe()

    async def revoke(self, at: Addresses, credential: str) -> Message:
        """Revoke as the console does."""
        return await self.console.ask(
            Revoke(organization=at.organization, application=at.application, credential=credential)
        )

    async def list(self, at: Addresses) -> Credentials:
        """List as the console does."""
        return await self.ask(
            ListCredentials(organization=at.organization, application=at.application), Credentials
        )

    async def notice(self) -> Changed:
        """The next notice that the proxy hears."""
        notice = await asyncio.wait_for(self.notices.get(), 5)
        assert isinstance(notice, Changed)
        return notice

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> Page:
        """Post JSON as the sealing page does."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", "origin": self.config.public_url} | (headers or {})
        return await self.request("POST", path, raw, sent)

    async def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Page:
        """One HTTP request, in a thread, since the vault lives in this loop."""
        return await asyncio.to_thread(_request, self.vault.port, method, path, body, headers or {})


def owner(at: Addresses) -> dict[str, str]:
    """The two fields that name whose credential is meant."""
    return {"organization": at.organization, "application": at.application}


def ticket_order(at: Addresses, credential: str | None = None, *, stage: bool = False) -> IssueTicket:
    """What the console asks for a ticket."""
    return IssueTicket(
        organization=at.organization,
        organization_name="Larkspur Press",
        application=at.application,
        application_name="Newsletter",
        provider=at.provider,
        origin=at.origin,
        credential=credential,
        stage=stage,
    )


def open_request(at: Addresses, credential: str, version: int | None = None) -> Open:
    """What a proxy asks."""
    return Open(
        organization=at.organization,
        application=at.application,
        credential=credential,
        provider=at.provider,
        origin=at.origin,
        version=version,
    )


def sealed(seen: Any, key: bytes, suite: int = SUITE_1, **changes: object) -> str:
    """An envelope's text, sealed for what the page shows, to the key of a suite."""
    (offered,) = (each for each in seen["keys"] if each["suite"] == suite)
    fields: dict[str, Any] = {
        "instance": seen["instance"],
        "organization": seen["organization"]["id"],
        "application": seen["application"]["id"],
        "credential": seen["credential"],
        "version": seen["version"],
        "provider": seen["provider"]["id"],
        "origin": seen["origin"],
        "key_id": unbase64(offered["key_id"]),
    }
    public = SealingPublicKey(unbase64(offered["public_key"]), suite)
    return encode_text(seal(key, public, Context(**(fields | changes))))


def unbase64(text: str) -> bytes:
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def vault_config(folder: Path, **changes: Any) -> VaultConfig:
    """A vault whose files lie in `folder`."""
    values: dict[str, Any] = {
        "instance": "inst_" + "a" * 20,
        "data_dir": folder / "data",
        "runtime_dir": folder / "run",
        "host": "127.0.0.1",
        "port": 0,
        "admin_port": 0,
        "hosts": (HOST,),
        "public_url": f"http://{HOST}",
        "console_url": "http://console.localhost:8700",
        "destinations": (Destination(provider="openai", origin=EVIL_ORIGIN, label="Simulator"),),
        "desk_uids": (os.geteuid(),),
        "opener_uids": (os.geteuid(),),
    }
    return VaultConfig(**(values | changes))


def write_assets(folder: Path) -> None:
    """Pages of the built ones' shape, so that these tests need no front-end build."""
    folder.mkdir(exist_ok=True)
    for name in ("sealing", "enrol", "approve"):
        script = (
            f'<script type="module" src="/assets/{name}.js" integrity="{{{{script_integrity}}}}"></script>'
        )
        (folder / f"{name}.html").write_text(f"<!doctype html>{script}{{{{brand}}}}")
        (folder / f"{name}.js").write_text(f"document.title = '{name}';\n")
    (folder / "brand.html").write_text("<header>Sealgate</header>\n")
    (folder / "sealing.css").write_text("body { color: black }\n")
    (folder / "status.css").write_text("body { color: black }\n")
    (folder / "seal.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>\n')


@asynccontextmanager
async def running(
    config: VaultConfig, clock: Callable[[], float], log: io.StringIO, assets: Path
) -> AsyncIterator[Deployment]:
    """A vault from start to end, with both connections made."""
    vault = Vault(config, LineLog("vault", EVENTS, log), clock=clock, assets_folder=assets)
    await vault.start()
    proxy, proxy_task = await connected(config, OPENER_SOCKET, new_id("prx"), OpeningReply | Changed)
    console, console_task = await connected(config, DESK_SOCKET, "console", TicketReply)
    try:
        yield Deployment(vault, proxy, console, config)
    finally:
        for task in (proxy_task, console_task):
            task.cancel()
        await asyncio.gather(proxy_task, console_task, return_exceptions=True)
        await vault.close()


async def connected(
    config: VaultConfig, socket: str, name: str, replies: object
) -> tuple[Client, asyncio.Task[None]]:
    """A client of a running vault's socket, under a name, and the task that keeps it."""
    there = asyncio.Event()
    hello = Hello(protocol=PROTOCOL, instance=config.instance, process=name)
    client = Client(config.runtime_dir / socket, hello, replies, on_connected=there.set)
    task = asyncio.create_task(client.run())
    await asyncio.wait_for(there.wait(), 5)
    return client, task


def _request(port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {"host": HOST} | headers)
        response = connection.getresponse()
        return Page(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()
