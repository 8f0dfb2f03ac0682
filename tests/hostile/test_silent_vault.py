"""A vault that hangs: connected, and it answers nothing. What is held serves until its lease ends."""

from __future__ import annotations

import asyncio
import time

import pytest

from sealgate.messages.frames import Message
from sealgate.messages.server import Peer, Reply
from sealgate.proxy import credentials
from sealgate.proxy.held_keys import Held
from tests.proxy.world import World, until


def silence(world: World) -> None:
    """As a stopped process: the socket stands, nothing comes out of it."""

    async def never(peer: Peer, message: Message) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    world.vault.server.handler = never


@pytest.fixture
async def held(stopped: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A proxy that holds a key beyond its cache time, and a vault that has just become silent."""
    monkeypatch.setattr(credentials, "OPEN_S", 0.5)
    monkeypatch.setattr(credentials, "REFRESH_S", 0.1)
    stopped.vault.lease_s = 2.0
    await stopped.start_proxy(credential_cache_s=0.1)
    await stopped.connected()
    assert (await stopped.chat()).status == 200
    silence(stopped)
    return stopped


def held_of(world: World) -> Held:
    (held,) = world.running.parts.keys.every().values()
    return held


async def test_a_held_key_serves_while_the_vault_is_silent_then_an_administrator_is_named(
    held: World,
) -> None:
    key = held_of(held)
    await until(lambda: time.monotonic() > key.fresh_until_s)
    while time.monotonic() < key.lease_until_s - 0.5:
        asked_s = time.monotonic()
        assert (await held.chat()).status == 200
        assert time.monotonic() - asked_s < 0.5
    await until(lambda: len(held.running.parts.keys) == 0)
    assert key.slot.wiped
    refused = await held.chat()
    assert (refused.status, refused.error["code"], refused.error["who"]) == (
        503,
        "vault_unavailable",
        "administrator",
    )


async def test_an_idle_key_outlives_its_cache_time_while_the_vault_is_silent(held: World) -> None:
    key = held_of(held)
    await until(lambda: key.asked_after and not held.running.parts.credentials._checks)
    assert time.monotonic() > key.fresh_until_s
    assert (await held.chat()).status == 200


async def test_a_refusal_ends_what_is_held_at_once(stopped: World) -> None:
    await stopped.start_proxy(credential_cache_s=0.1)
    await stopped.connected()
    assert (await stopped.chat()).status == 200
    key = held_of(stopped)
    stopped.vault.keys.clear()
    await until(lambda: time.monotonic() > key.fresh_until_s)
    # The proxy asks after the key by itself, too: whose answer is first decides where the request stands.
    assert (await stopped.chat()).error["code"] in {"credential_revoked", "revoked"}
    assert key.slot.wiped
    assert len(stopped.running.parts.keys) == 0


async def test_what_is_not_opened_yet_is_not_asked_after(stopped: World) -> None:
    await stopped.start_proxy()
    await stopped.connected()
    stopped.vault.hold = asyncio.Event()
    asking = asyncio.ensure_future(stopped.chat())
    await until(lambda: len(stopped.vault.opens) == 1)
    proxy = stopped.running
    proxy.parts.credentials.reconnected(each.credential for each in proxy.parts.running)
    stopped.vault.hold.set()
    assert (await asking).status == 200
    assert not stopped.vault.renews
