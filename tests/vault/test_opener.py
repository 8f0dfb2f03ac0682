"""What a proxy gets over the opener's socket, and what it does not get."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.messages.client import Client
from sealgate.messages.frames import PROTOCOL, Hello, RefusedError
from sealgate.messages.opening import CredentialEvent, Open, Opened, OpeningReply, Renew, Renewed
from sealgate.messages.pseudonym import pseudonym
from sealgate.messages.server import SecretReply
from sealgate.messages.tickets import AskPseudonym, Pseudonym
from sealgate.vault.process import OPENER_SOCKET
from tests.vault.deployment import (
    EVIL_ORIGIN,
    Addresses,
    Clock,
    Deployment,
    canary_key,
    open_request,
    running,
    vault_config,
)


async def refusal(vault: Deployment, request: Open | Renew) -> str:
    slot = vault.arena.take()
    with pytest.raises(RefusedError) as refused:
        await vault.proxy.ask(request, slot=slot)
    assert not any(slot.buffer())
    slot.wipe()
    return refused.value.refusal.code


@pytest.mark.parametrize(
    "changes",
    [
        {"organization": new_id("org")},
        {"application": new_id("app")},
        {"credential": new_id("cred")},
        {"provider": "anthropic"},
        {"origin": EVIL_ORIGIN},
        {"origin": "https://eu.api.openai.com"},
        {"origin": "https://api.openai.com/"},
        {"origin": "https://api.openai.com.evil.example"},
    ],
    ids=[
        "organization",
        "application",
        "credential",
        "provider",
        "evil origin",
        "regional origin",
        "origin with a slash",
        "origin that begins alike",
    ],
)
async def test_nothing_is_opened_that_is_not_bound_as_asked(
    vault: Deployment, at: Addresses, log: io.StringIO, changes: dict[str, str]
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    request = msgspec.structs.replace(open_request(at, credential), **changes)
    assert await refusal(vault, request) == "no_credential"
    assert "open_refused code=no_credential" in log.getvalue()


@pytest.mark.parametrize("field", ["organization", "application", "credential", "provider", "origin"])
@pytest.mark.parametrize(
    "value", ["", "x", "org_" + "A" * 20, "cred_../../etc/passwd", "é" * 30, "a" * 5000, "evil\nline"]
)
async def test_a_malformed_field_is_refused_and_not_quoted(
    vault: Deployment, at: Addresses, log: io.StringIO, field: str, value: str
) -> None:
    request = msgspec.structs.replace(open_request(at, new_id("cred")), **{field: value})
    assert await refusal(vault, request) in ("malformed", "no_credential")
    assert not value or value == "x" or value not in log.getvalue()


async def test_an_opened_key_leaves_nothing_in_the_vaults_slots(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    for _ in range(20):
        await vault.open(at, credential)
    arena = vault.vault._stores.arena
    assert len(arena._pages) == 1  # every slot came back
    assert not any(bytes(arena._pages[0]))


async def test_the_slot_of_a_reply_is_wiped_when_its_proxy_has_left(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    handler: Any = vault.vault._opener_server.handler
    peer = next(iter(vault.vault._opener_server._peers))
    reply = handler(peer, open_request(at, credential))
    assert isinstance(reply, SecretReply)
    assert isinstance(reply.message, Opened)
    peer.connection_lost(None)
    peer._reply(1, reply)
    assert reply.slot.wiped


async def test_a_revoked_credential_is_shut_at_once_and_proxies_are_told(
    vault: Deployment, at: Addresses, log: io.StringIO
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    assert (await vault.notice()).event is CredentialEvent.DEPOSITED
    await vault.revoke(at, credential)
    notice = await vault.notice()
    assert (notice.event, notice.credential) == (CredentialEvent.REVOKED, credential)
    assert await refusal(vault, open_request(at, credential)) == "credential_revoked"
    assert await refusal(vault, Renew(credential=credential, version=1)) == "credential_revoked"
    assert "revoked" in log.getvalue()


async def test_a_lease_is_renewed_while_the_version_is_the_newest(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    renewed = await vault.proxy.ask(Renew(credential=credential, version=1))
    assert isinstance(renewed, Renewed)
    assert renewed.lease_s == 300.0
    await vault.sealed_key(at, canary_key(), credential)
    assert await refusal(vault, Renew(credential=credential, version=1)) == "no_credential"


@pytest.mark.parametrize("version", [0, -1, 2**53, 2])
async def test_no_other_version_is_renewed(vault: Deployment, at: Addresses, version: int) -> None:
    credential = await vault.sealed_key(at, canary_key())
    assert await refusal(vault, Renew(credential=credential, version=version)) in (
        "malformed",
        "no_credential",
    )


async def test_a_key_opens_after_a_restart(folder: Path, assets: Path, clock: Clock, at: Addresses) -> None:
    key = canary_key()
    async with running(vault_config(folder), clock, io.StringIO(), assets) as first:
        credential = await first.sealed_key(at, key)
        pseudonym_key = (await first.open(at, credential))[0].pseudonym_key
    async with running(vault_config(folder), clock, io.StringIO(), assets) as second:
        opened, found = await second.open(at, credential)
    assert (found, opened.pseudonym_key) == (key, pseudonym_key)


async def test_a_destination_taken_out_of_the_configuration_gets_no_key(
    folder: Path, assets: Path, clock: Clock
) -> None:
    at = Addresses(origin=EVIL_ORIGIN)
    async with running(vault_config(folder), clock, io.StringIO(), assets) as first:
        credential = await first.sealed_key(at, canary_key())
    async with running(vault_config(folder, destinations=()), clock, io.StringIO(), assets) as second:
        assert await refusal(second, open_request(at, credential)) == "no_credential"


async def test_proxy_and_console_arrive_at_the_same_pseudonym(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    opened, _ = await vault.open(at, credential)
    ask = AskPseudonym(organization=at.organization, application=at.application, subject="user-42")
    told = await vault.ask(ask, Pseudonym)
    assert told.value == pseudonym(opened.pseudonym_key, "user-42")


async def test_two_applications_have_different_pseudonym_keys(vault: Deployment, at: Addresses) -> None:
    other = Addresses(at.organization)
    first, _ = await vault.open(at, await vault.sealed_key(at, canary_key()))
    second, _ = await vault.open(other, await vault.sealed_key(other, canary_key()))
    assert first.pseudonym_key != second.pseudonym_key


async def test_opens_are_shown_in_the_list_before_and_after_a_restart(
    folder: Path, assets: Path, clock: Clock, at: Addresses
) -> None:
    async with running(vault_config(folder), clock, io.StringIO(), assets) as first:
        credential = await first.sealed_key(at, canary_key())
        assert (await first.list(at)).items[0].last_opened_at is None
        await first.open(at, credential)
        assert (await first.list(at)).items[0].last_opened_at == clock.now_s
    async with running(vault_config(folder), clock, io.StringIO(), assets) as second:
        assert (await second.list(at)).items[0].last_opened_at == clock.now_s


async def test_a_proxy_of_another_instance_is_refused_at_its_hello(vault: Deployment) -> None:
    hello = Hello(protocol=PROTOCOL, instance="inst_" + "b" * 20, process="prx")
    stranger = Client(vault.config.runtime_dir / OPENER_SOCKET, hello, OpeningReply)
    task = asyncio.create_task(stranger.run())
    async with asyncio.timeout(5):
        while stranger.refusal is None:
            await asyncio.sleep(0)
    task.cancel()
    assert stranger.refusal.code == "other_instance"
