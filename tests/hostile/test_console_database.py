"""Full write on the console's database: every column edited, and no key travels anywhere else.

The attacker owns an application of the same instance and may write any value anywhere. Whatever the feed then
says, the vault opens a key only for the organization, application, provider and origin of its deposit.
"""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Base, Database
from sealgate.console.feed.services import application_document
from sealgate.console.seed import ApplicationSeed, OwnerSeed, Seeded, seed
from sealgate.messages.client import NotConnectedError
from sealgate.messages.feed import CredentialReference
from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import Open, Opened
from tests.vault.deployment import (
    EVIL_ORIGIN,
    ORIGIN,
    Addresses,
    Clock,
    Deployment,
    canary_key,
    running,
    vault_config,
    write_assets,
)


@dataclass
class House:
    """A vault with the victim's key and the attacker's, and a console's database that refers to both."""

    vault: Deployment
    database: Path
    victim: Addresses
    victim_credential: str
    victim_key: bytes
    attacker: Addresses
    attacker_credential: str

    async def keys_that_open(self, database_path: Path) -> list[tuple[Open, bytes]]:
        """What a proxy gets that believes this database."""
        found = []
        for application in (self.victim.application, self.attacker.application):
            request = await self._request(database_path, application)
            if request is not None:
                key = await self._open(request)
                if key is not None:
                    found.append((request, key))
        return found

    async def _request(self, database_path: Path, application: str) -> Open | None:
        database = Database(database_path)
        try:
            async with database.reading() as tx:
                document = await application_document(tx, application)
        except Exception:  # noqa: BLE001 - a row that cannot be read gives no document, and so no key
            return None
        finally:
            await database.close()
        if document is None or document.credential is None:
            return None
        reference = document.credential
        return Open(
            organization=document.organization,
            application=document.application,
            credential=reference.credential,
            provider=reference.provider,
            origin=reference.origin,
        )

    async def _open(self, request: Open) -> bytes | None:
        slot = self.vault.arena.take()
        try:
            reply = await self.vault.proxy.ask(request, slot=slot)
            return bytes(slot.key()) if isinstance(reply, Opened) else None
        except RefusedError:
            return None
        except NotConnectedError:  # the vault took it for no request at all
            await self._reconnected()
            return None
        finally:
            slot.wipe()

    async def _reconnected(self) -> None:
        async with asyncio.timeout(5):
            while not self.vault.proxy.connected:
                await asyncio.sleep(0.01)

    def tempting(self, table: str) -> Iterator[object]:
        """Values that an attacker would write; a few where the feed does not even look."""
        if table not in {"addons", "applications", "organizations"}:
            yield from (self.attacker.application, EVIL_ORIGIN, 1)
            return
        yield from (self.attacker.organization, self.attacker.application, self.attacker_credential)
        yield from (self.victim.organization, self.victim.application, self.victim_credential)
        yield from (EVIL_ORIGIN, ORIGIN + "/", ORIGIN + ".evil.example", "openai", "openai-compatible", "*")
        yield from (1, 0, -1, 2**40, "", "x" * 5000, b"\x00\xff")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    assets = tmp_path / "assets"
    write_assets(assets)
    async with running(vault_config(tmp_path), Clock(), io.StringIO(), assets) as vault:
        yield await _furnish(vault, tmp_path)


async def _furnish(vault: Deployment, tmp_path: Path) -> House:
    config = ConsoleConfig(
        instance=vault.config.instance,
        data_dir=tmp_path / "console",
        runtime_dir=tmp_path / "run",
        public_url="https://console.test",
        vault_url="https://vault.test",
        proxy_url="https://proxy.test",
        allowed_uids=(0,),
    )
    victim_key = canary_key()
    parts: dict[str, tuple[Addresses, str]] = {}
    for name, origin, key in (("Victim", ORIGIN, victim_key), ("Attacker", EVIL_ORIGIN, canary_key())):
        seeded = await asyncio.to_thread(_seed, config, name, None)
        at = Addresses(seeded.organization, seeded.application, "openai", origin)
        credential = await vault.sealed_key(at, key)
        reference = CredentialReference(credential, "openai", origin)
        await asyncio.to_thread(_seed, config, name, reference)
        parts[name] = (at, credential)
    return House(vault, config.database_path, *parts["Victim"], victim_key, *parts["Attacker"])


def _seed(config: ConsoleConfig, name: str, credential: CredentialReference | None) -> Seeded:
    owner = OwnerSeed(name, f"{name.lower()}@example.com", "a long enough password")
    return seed(config, name, owner, ApplicationSeed(name=f"{name}'s pages", credential=credential))


async def test_the_untouched_database_opens_each_key_for_its_own_application(house: House) -> None:
    opened = await house.keys_that_open(house.database)
    assert [request.origin for request, _ in opened] == [ORIGIN, EVIL_ORIGIN]
    assert opened[0][1] == house.victim_key


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
async def test_no_edit_of_the_consoles_database_makes_a_key_travel_elsewhere(
    house: House, tmp_path: Path, table: str
) -> None:
    copy = tmp_path / "edited.db"
    for column in Base.metadata.tables[table].columns:
        for value in house.tempting(table):
            _copy(house.database, copy)
            _edit(copy, f'update or ignore "{table}" set "{column.name}" = ?', value)
            await _holds(house, copy, f"{table}.{column.name} = {value!r}"[:90])


async def test_no_pair_of_edits_lends_the_victims_key_to_the_attackers_application(
    house: House, tmp_path: Path
) -> None:
    copy = tmp_path / "edited.db"
    for origin in (ORIGIN, EVIL_ORIGIN):
        for application in (house.attacker.application, house.victim.application):
            _copy(house.database, copy)
            _edit(copy, "update addons set credential = ?", house.victim_credential)
            _edit(copy, "update addons set origin = ?", origin)
            _edit(copy, "update applications set organization_id = ?", house.victim.organization)
            _edit(copy, f"update addons set active = 1 where application_id = '{application}' or 1 = ?", 1)
            await _holds(house, copy, f"{origin} for {application}")


async def _holds(house: House, database: Path, what: str) -> None:
    for request, key in await house.keys_that_open(database):
        if key == house.victim_key:
            asked = (request.organization, request.application, request.credential, request.origin)
            bound = (house.victim.organization, house.victim.application, house.victim_credential, ORIGIN)
            assert asked == bound, what


def _copy(source: Path, target: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    origin, copy = sqlite3.connect(source), sqlite3.connect(target)
    origin.backup(copy)
    origin.close()
    copy.close()


def _edit(path: Path, statement: str, value: object) -> None:
    database = sqlite3.connect(path)
    try:
        database.execute("pragma foreign_keys = off")
        database.execute("pragma ignore_check_constraints = on")
        database.execute(statement, (value,))
        database.commit()
    except sqlite3.IntegrityError:
        database.rollback()  # the database itself refuses this edit
    finally:
        database.close()
