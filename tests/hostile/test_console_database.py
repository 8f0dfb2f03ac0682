"""Full write on the console's database: every column edited, and no key travels anywhere else.

The attacker owns an application of the same instance and may write any value anywhere. Whatever the feed then
says, the vault opens a key only for the organization, application, provider and origin of its deposit.
"""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Base, Database
from sealgate.console.feed.services import application_document
from sealgate.console.seed import ApplicationSeed, OwnerSeed, Seeded, seed
from sealgate.messages.client import NotConnectedError
from sealgate.messages.feed import CredentialReference
from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import Open, Opened
from tests.console.running import lay_database
from tests.quick_folders import quick_folder
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

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class House:
    """A vault with the victim's key and the attacker's, and a console's database that refers to both."""

    vault: Deployment
    path: Path
    database: Database
    pristine: sqlite3.Connection
    """Every row as it was made."""
    victim: Addresses
    victim_credential: str
    victim_key: bytes
    attacker: Addresses
    attacker_credential: str

    @contextmanager
    def edited(self, *edits: tuple[str, object]) -> Iterator[None]:
        """The database as somebody rewrote it who has its file, and afterwards as it was."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("pragma synchronous = off")
            connection.execute("pragma foreign_keys = off")
            connection.execute("pragma ignore_check_constraints = on")
            for statement, value in edits:
                with suppress(sqlite3.IntegrityError), connection:  # which the database itself refuses
                    connection.execute(statement, (value,))
            try:
                yield
            finally:
                self.pristine.backup(connection)

    async def keys_that_open(self) -> list[tuple[Open, bytes]]:
        """What a proxy gets that believes this database."""
        found = []
        for application in (self.victim.application, self.attacker.application):
            request = await self.request(application)
            if request is not None:
                key = await self._open(request)
                if key is not None:
                    found.append((request, key))
        return found

    async def request(self, application: str) -> Open | None:
        """What a proxy asks for that believes this database; None for what it can make nothing of."""
        try:
            async with self.database.reading() as tx:
                document = await application_document(tx, application)
        except Exception:  # noqa: BLE001 - a row that cannot be read gives no document, and so no key
            return None
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    with quick_folder("sgh") as name, closing(sqlite3.connect(":memory:")) as pristine:
        folder = Path(name)
        write_assets(folder / "assets")
        async with running(vault_config(folder), Clock(), io.StringIO(), folder / "assets") as vault:
            house = await _furnish(vault, folder, pristine)
            yield house
            await house.database.close()


async def _furnish(vault: Deployment, folder: Path, pristine: sqlite3.Connection) -> House:
    config = ConsoleConfig(
        instance=vault.config.instance,
        data_dir=folder / "console",
        runtime_dir=folder / "run",
        public_url="https://console.test",
        vault_url="https://vault.test",
        proxy_url="https://proxy.test",
        allowed_uids=(0,),
    )
    lay_database(config.database_path)
    victim_key = canary_key()
    parts: dict[str, tuple[Addresses, str]] = {}
    for name, origin, key in (("Victim", ORIGIN, victim_key), ("Attacker", EVIL_ORIGIN, canary_key())):
        seeded = await asyncio.to_thread(_seed, config, name, None)
        at = Addresses(seeded.organization, seeded.application, "openai", origin)
        credential = await vault.sealed_key(at, key)
        reference = CredentialReference(credential, "openai", origin)
        await asyncio.to_thread(_seed, config, name, reference)
        parts[name] = (at, credential)
    with closing(sqlite3.connect(config.database_path)) as made:
        made.backup(pristine)
    database = Database(config.database_path)
    path = config.database_path
    return House(vault, path, database, pristine, *parts["Victim"], victim_key, *parts["Attacker"])


def _seed(config: ConsoleConfig, name: str, credential: CredentialReference | None) -> Seeded:
    owner = OwnerSeed(name, f"{name.lower()}@example.com", "a long enough password")
    return seed(config, name, owner, ApplicationSeed(name=f"{name}'s pages", credential=credential))


async def test_the_untouched_database_opens_each_key_for_its_own_application(house: House) -> None:
    opened = await house.keys_that_open()
    assert [request.origin for request, _ in opened] == [ORIGIN, EVIL_ORIGIN]
    assert opened[0][1] == house.victim_key


async def test_an_edit_is_what_the_proxy_believes_until_it_is_undone(house: House) -> None:
    for wanted in (EVIL_ORIGIN, ORIGIN):
        with house.edited(("update addons set origin = ?", wanted)):
            asked = [await house.request(each.application) for each in (house.victim, house.attacker)]
            assert [each and each.origin for each in asked] == [wanted, wanted]
    assert [request.origin for request, _ in await house.keys_that_open()] == [ORIGIN, EVIL_ORIGIN]


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
async def test_no_edit_of_the_consoles_database_makes_a_key_travel_elsewhere(
    house: House, table: str
) -> None:
    for column in Base.metadata.tables[table].columns:
        for value in house.tempting(table):
            with house.edited((f'update or ignore "{table}" set "{column.name}" = ?', value)):
                await _holds(house, f"{table}.{column.name} = {value!r}"[:90])


async def test_no_pair_of_edits_lends_the_victims_key_to_the_attackers_application(house: House) -> None:
    for origin in (ORIGIN, EVIL_ORIGIN):
        for application in (house.attacker.application, house.victim.application):
            edits = (
                ("update addons set credential = ?", house.victim_credential),
                ("update addons set origin = ?", origin),
                ("update applications set organization_id = ?", house.victim.organization),
                (f"update addons set active = 1 where application_id = '{application}' or 1 = ?", 1),
            )
            with house.edited(*edits):
                await _holds(house, f"{origin} for {application}")


async def _holds(house: House, what: str) -> None:
    for request, key in await house.keys_that_open():
        if key == house.victim_key:
            asked = (request.organization, request.application, request.credential, request.origin)
            bound = (house.victim.organization, house.victim.application, house.victim_credential, ORIGIN)
            assert asked == bound, what
