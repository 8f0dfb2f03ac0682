"""The seed and the invitation: what the command line calls, from outside an event loop."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select

from sealgate.console.accounts.models import Organization, User
from sealgate.console.accounts.passwords import verify_password
from sealgate.console.addon.desk import VaultAwayError
from sealgate.console.applications.models import SessionKey
from sealgate.console.audit.models import AuditEntry
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database
from sealgate.console.feed.services import application_document
from sealgate.console.forms import InputError
from sealgate.console.invitations import make_owner_invitation
from sealgate.console.seed import ApplicationSeed, OwnerSeed, Seeded, seed, take_ticket
from sealgate.messages.feed import Application, CredentialReference, SessionKeyEntry
from tests.console.fake_desk import OPENAI, FakeDesk
from tests.console.running import make_config

OWNER = OwnerSeed("Ada", "ada@example.com", "a password for the demo")
CREDENTIAL = CredentialReference("cred_" + "a" * 20, "openai", OPENAI.origin)
WANTED = ApplicationSeed(
    name="Larkspur Newsletter",
    origins=("http://newsletter.localhost:8704",),
    models=("gpt-sim", "gpt-4o-mini"),
    actions=("shorten",),
    session_keys=(SessionKeyEntry("key_" + "a" * 20, "Ed25519", bytes(range(32))),),
    credential=CREDENTIAL,
)


@pytest.fixture
def config() -> Iterator[ConsoleConfig]:
    with tempfile.TemporaryDirectory(prefix="sgc") as folder:
        yield make_config(Path(folder))


def document(config: ConsoleConfig, seeded: Seeded) -> Application:
    async def read() -> Application | None:
        database = Database(config.database_path)
        async with database.reading() as tx:
            found = await application_document(tx, seeded.application)
        await database.close()
        return found

    found = asyncio.run(read())
    assert found is not None
    return found


def counts(config: ConsoleConfig) -> list[int]:
    async def read() -> list[int]:
        database = Database(config.database_path)
        async with database.reading() as tx:
            found = [
                await tx.scalar(select(func.count()).select_from(table)) or 0
                for table in (Organization, User, SessionKey, AuditEntry)
            ]
        await database.close()
        return found

    return asyncio.run(read())


def test_a_seed_gives_a_document_that_a_proxy_can_serve(config: ConsoleConfig) -> None:
    found = document(config, seed(config, "Larkspur", OWNER, WANTED))
    assert found.active
    assert (found.origins, found.session_keys) == (WANTED.origins, WANTED.session_keys)
    assert found.credential == CREDENTIAL


def test_a_second_seed_finds_everything_and_adds_nothing(config: ConsoleConfig) -> None:
    first = seed(config, "Larkspur", OWNER, WANTED)
    before = counts(config), document(config, first).version
    assert seed(config, "Larkspur", OWNER, WANTED) == first
    assert (counts(config), document(config, first).version) == before


def test_a_seed_sets_the_owners_password_again(config: ConsoleConfig) -> None:
    seed(config, "Larkspur", OWNER, WANTED)
    seed(config, "Larkspur", msgspec.structs.replace(OWNER, password="another one for the demo"), WANTED)

    async def stored() -> str:
        database = Database(config.database_path)
        async with database.reading() as tx:
            user = (await tx.scalars(select(User))).one()
        await database.close()
        return user.password_hash

    assert verify_password(asyncio.run(stored()), "another one for the demo")


def test_a_seed_refuses_what_a_page_would_refuse_and_leaves_nothing(config: ConsoleConfig) -> None:
    with pytest.raises(InputError):
        seed(config, "Larkspur", OWNER, msgspec.structs.replace(WANTED, origins=("http://app.example",)))
    assert counts(config) == [0, 0, 0, 0]


def test_a_seeds_printed_form_has_no_password() -> None:
    assert OWNER.password not in repr(OWNER)


def test_an_invitation_is_a_link_to_the_public_address(config: ConsoleConfig) -> None:
    first, second = make_owner_invitation(config), make_owner_invitation(config)
    assert first != second
    assert first.startswith("https://console.test/invitations/")
    assert len(first.rpartition("/")[2]) == 43
    assert counts(config)[0] == 1, "both are for the one organization"


def test_a_ticket_is_taken_at_the_desk_and_referred_to(config: ConsoleConfig) -> None:
    seeded = seed(config, "Larkspur", OWNER, msgspec.structs.replace(WANTED, credential=None))
    with serving(config):
        ticket = take_ticket(config, seeded, OPENAI)
    assert ticket.deposit_url.endswith(f"#ticket={ticket.ticket}")
    found = document(config, seeded)
    assert found.credential == CredentialReference(ticket.credential, "openai", OPENAI.origin)


def test_a_vault_that_never_comes_is_said_to_be_away(config: ConsoleConfig) -> None:
    seeded = seed(config, "Larkspur", OWNER, WANTED)
    with pytest.raises(VaultAwayError):
        take_ticket(config, seeded, OPENAI, timeout_s=0.2)


class serving:
    """A desk in a thread of its own, while the block runs."""

    def __init__(self, config: ConsoleConfig) -> None:
        self._config = config
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> None:
        self._thread.start()
        assert self._up.wait(10)

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        desk = FakeDesk(self._config.desk_socket, self._config.instance, os.getuid(), self._config.vault_url)
        await desk.server.start()
        self._up.set()
        await self._stop.wait()
        await desk.server.close()
