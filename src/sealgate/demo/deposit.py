"""Deposits a key as a developer would: sealed here to what the ticket names, and posted to the vault's page.

Uses the same two requests as the sealing page in the browser. The key leaves this module as an envelope only.
"""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from sealgate.console.seed import Seeded
from sealgate.demo.house import House
from sealgate.envelope import Context, SealingPublicKey, encode_text, seal
from sealgate.messages.client import Client
from sealgate.messages.frames import PROTOCOL, Hello
from sealgate.messages.tickets import (
    CredentialRow,
    Credentials,
    CredentialState,
    ListCredentials,
    TicketReply,
)


class DepositError(RuntimeError):
    """The vault did not take the key; the message is the vault's own and never quotes the key."""


class _Named(Struct, frozen=True):
    id: str
    name: str


class _Provider(Struct, frozen=True):
    id: str


class _Key(Struct, frozen=True):
    suite: int
    key_id: str
    public_key: str


class _Ticket(Struct, frozen=True):
    """What the vault says about a ticket; the sealing page shows the same."""

    instance: str
    organization: _Named
    application: _Named
    credential: str
    version: int
    provider: _Provider
    origin: str
    keys: tuple[_Key, ...]


class Deposited(Struct, frozen=True):
    """The vault's answer to a deposit."""

    credential: str
    version: int
    last_four: str


async def active_credential(house: House, seeded: Seeded) -> CredentialRow | None:
    """The application's active credential for the demo's provider, as the vault's desk lists it."""
    connected = asyncio.Event()
    settings = house.settings
    hello = Hello(protocol=PROTOCOL, instance=settings.instance, process="demo")
    socket = Path(settings.runtime_dir) / "vault-desk.sock"
    client = Client(socket, hello, TicketReply, on_connected=connected.set)
    task = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(10):
            await connected.wait()
        asked = ListCredentials(organization=seeded.organization, application=seeded.application)
        reply = await client.ask(asked)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert isinstance(reply, Credentials)
    active = (row for row in reply.items if row.state is CredentialState.ACTIVE)
    return next((row for row in active if row.origin == house.provider.origin), None)


def deposit(vault_url: str, ticket: str, key: bytes) -> Deposited:
    """Seal a key to what the ticket names and hand it in; raises `DepositError`. Blocks."""
    named = msgspec.json.decode(_post(vault_url, "/deposit/ticket", {"ticket": ticket}), type=_Ticket)
    offered = named.keys[0]
    context = Context(
        instance=named.instance,
        organization=named.organization.id,
        application=named.application.id,
        credential=named.credential,
        version=named.version,
        provider=named.provider.id,
        origin=named.origin,
        key_id=_decode(offered.key_id),
    )
    public = SealingPublicKey(_decode(offered.public_key), offered.suite)
    envelope = encode_text(seal(key, public, context))
    return msgspec.json.decode(
        _post(vault_url, "/deposit", {"ticket": ticket, "envelope": envelope}), type=Deposited
    )


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _post(vault_url: str, path: str, body: dict[str, str]) -> bytes:
    parts = urlsplit(vault_url)
    request = urllib.request.Request(
        f"http://127.0.0.1:{parts.port}{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "origin": vault_url, "host": parts.netloc},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise DepositError(
            f"the vault answered {error.code}: {error.read(2000).decode(errors='replace')}"
        ) from None
