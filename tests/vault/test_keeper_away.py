"""A running vault whose KEK's keeper hangs: who needs it waits, and nobody else does."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from sealgate.envelope import SealingPrivateKey
from sealgate.messages.frames import RefusedError
from sealgate.vault.kek import KekProvider
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.schema import KEYRING, PEPPERS
from tests.vault.audits import rows
from tests.vault.deployment import (
    Addresses,
    Clock,
    Deployment,
    canary_key,
    running,
    ticket_order,
    vault_config,
    write_assets,
)
from tests.vault.still import StillVault
from tests.vault.transit_standin import transit


class Held:
    """The real keeper, which answers once it may."""

    def __init__(self, kek: KekProvider) -> None:
        self._kek = kek
        self.may, self.asked = threading.Event(), threading.Event()
        self.unwrapped = 0

    @property
    def version(self) -> str:
        return self._kek.version

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        self._wait()
        return self._kek.wrap(data_key, context)

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        self.unwrapped += 1
        self._wait()
        return self._kek.unwrap(wrapped, context, version)

    def health(self) -> None:
        self._wait()
        self._kek.health()

    def _wait(self) -> None:
        self.asked.set()
        assert self.may.wait(30)


class Hanging:
    """A vault with two keys, of which one is unwrapped; its keeper hangs from now on."""

    def __init__(self, vault: Deployment, folder: Path) -> None:
        self.vault = vault
        self.folder = folder
        self.at, self.key = Addresses(), canary_key()
        self.other, self.its = Addresses(), canary_key()
        self.credential = self.second = ""

    async def hang(self) -> Held:
        self.credential = await self.vault.sealed_key(self.at, self.key)
        self.second = await self.vault.sealed_key(self.other, self.its)
        for at, credential in ((self.at, self.credential), (self.other, self.second)):
            await self.vault.open(at, credential)
        stores, ring = self.vault.vault._stores, self.vault.vault._foundation.kek
        stores.keyring._privates.drop_all(lambda key: key[1] == self.other.organization)
        stores.peppers._keys.drop_all(lambda key: key[0] == self.other.organization)
        held = Held(ring._opened[ring.version])
        ring._opened[ring.version] = held
        return held


@pytest.fixture
async def hanging(tmp_path: Path) -> AsyncIterator[Hanging]:
    with transit() as engine:
        (tmp_path / "token").write_text(engine.token)
        (tmp_path / "token").chmod(0o400)
        kek = KekConfig(
            provider="transit",
            transit_url=engine.url,
            transit_token_file=str(tmp_path / "token"),
            timeout_s=10.0,
        )
        write_assets(tmp_path / "assets")
        config = vault_config(tmp_path, kek=kek)
        async with running(config, Clock(), io.StringIO(), tmp_path / "assets") as vault:
            yield Hanging(vault, tmp_path)


async def heard(held: Held) -> None:
    """Wait until the keeper was asked."""
    assert await asyncio.to_thread(held.asked.wait, 10)


async def test_while_one_open_waits_for_the_keeper_others_go_on_and_it_is_asked_once(
    hanging: Hanging,
) -> None:
    held, vault = await hanging.hang(), hanging.vault
    waiting = [asyncio.create_task(vault.open(hanging.other, hanging.second)) for _ in range(3)]
    await heard(held)
    async with asyncio.timeout(5):
        assert (await vault.open(hanging.at, hanging.credential))[1] == hanging.key
    assert not any(task.done() for task in waiting)
    held.may.set()
    assert [(await task)[1] for task in waiting] == [hanging.its] * 3
    assert held.unwrapped == 2, "the private key and the pepper, each once for all who waited"


async def test_a_key_that_is_revoked_while_an_open_waits_is_not_given(hanging: Hanging) -> None:
    held, vault = await hanging.hang(), hanging.vault
    waiting = asyncio.create_task(vault.open(hanging.other, hanging.second))
    await heard(held)
    await vault.revoke(hanging.other, hanging.second)
    held.may.set()
    with pytest.raises(RefusedError) as refused:
        await waiting
    assert refused.value.refusal.code == "credential_revoked"
    vault.vault._audit.flush()
    told = [each["code"] for *_, each in rows(hanging.folder / "data" / "vault.db", "open_refused")]
    assert told == ["credential_revoked"], "one request, one outcome"


async def test_a_keeper_that_stays_away_refuses_who_needs_it_and_then_at_once(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, vault = await hanging.hang(), hanging.vault
    ring = vault.vault._foundation.kek
    monkeypatch.setattr(ring, "_config", KekConfig(timeout_s=0.2))
    for _ in range(2):
        with pytest.raises(RefusedError, match="unavailable"):
            await vault.open(hanging.other, hanging.second)
    assert held.unwrapped == 1
    held.may.set()


async def test_a_ticket_that_needs_new_keys_waits_beside_everything_else(hanging: Hanging) -> None:
    held, vault = await hanging.hang(), hanging.vault
    waiting = asyncio.create_task(vault.ticket(Addresses()))
    await heard(held)
    async with asyncio.timeout(5):
        assert (await vault.open(hanging.at, hanging.credential))[1] == hanging.key
    assert not waiting.done()
    held.may.set()
    assert (await waiting).ticket


async def test_what_was_sealed_anew_while_the_keeper_was_asked_is_not_remembered(tmp_path: Path) -> None:
    at = Addresses()
    with StillVault(tmp_path) as still:
        still.deposit(ticket_order(at), canary_key())
        keyring, peppers, database = still.stores.keyring, still.stores.peppers, still.foundation.database
        pair = keyring.newest(at.organization).preferred
        pepper = peppers._record(at.organization)
        assert pepper is not None
        keyring._privates.drop((pair.key_id, at.organization))
        peppers._keys.drop_all(lambda _key: True)

        async def ahead(_what: object, work: Callable[[], object]) -> object:
            found = work()
            newer = keyring._rows.row(msgspec.structs.replace(pair, made_at=pair.made_at + 1))
            other = peppers._rows.row(msgspec.structs.replace(pepper, kek_version="another"))
            with database.transaction() as connection:
                if isinstance(found, SealingPrivateKey):
                    connection.execute(KEYRING.update("WHERE key_id = :key_id"), newer)
                else:
                    connection.execute(PEPPERS.update(), other)
            return found

        still.foundation.kek.ahead = ahead  # type: ignore[method-assign,assignment]
        await keyring.unwrap_ahead(pair.key_id, at.organization)
        await peppers.unwrap_ahead(at.organization, at.application)
        assert (pair.key_id, at.organization) not in keyring._privates
        assert (at.organization, at.application) not in peppers._keys
        await peppers.unwrap_ahead("org_never_seen", at.application)
