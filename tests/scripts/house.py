"""A console and a vault that really listen, joined by the desk's socket, and the command line beside them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sealgate.console.accounts.models import Organization
from sealgate.console.accounts.services import new_user
from sealgate.console.applications.services import create_application
from sealgate.console.audit.services import Editing
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database
from sealgate.console.events import EVENTS
from sealgate.console.permissions import Role
from sealgate.console.process import serve
from sealgate.console.seed import Seeded
from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.scripts.consoles import connect
from sealgate.scripts.talking import Connection
from tests.console.api.program import ALL, mint
from tests.console.running import lay_database, quick_hash
from tests.console.serving import answering, free_port
from tests.quick_folders import quick_folder
from tests.scripts.ready import ran
from tests.vault import deployment
from tests.vault.deployment import Deployment, vault_config, write_assets


class Ran(msgspec.Struct, frozen=True):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """Everything that it said."""
        return self.out + self.err


class House(msgspec.Struct):
    """Both processes, the files of one test, and a token."""

    config: ConsoleConfig
    vault: Deployment
    database: Database
    seeded: Seeded
    email: str
    """Of the owner, whose password is `PASSWORD`."""
    folder: Path
    token: str

    async def for_another(self) -> House:
        """The same processes for a new organization: it sees nothing of those before it."""
        return await moved_in(self.config, self.vault, self.database, self.folder.parent)

    async def sealgate(
        self, *words: str, typed: bytes = b"", token: str | None = None, more: Mapping[str, str] | None = None
    ) -> Ran:
        """Run the command line against this console, with its token in the environment."""
        shown = self.token if token is None else token
        environment = {**os.environ, "SEALGATE_TOKEN": shown, "SEALGATE_CONSOLE": self.config.public_url}
        return await run(words, typed, environment | dict(more or {}), self.folder)

    def write(self, text: str, name: str = "sealgate.yaml") -> Path:
        """A file to apply; the last line is added."""
        path = self.folder / name
        path.write_text(text if text.endswith("...\n") else text + "...\n")
        return path

    def connection(self) -> Connection:
        """The console, as the commands connect to it."""
        file = self.folder / "token"
        file.write_text(self.token + "\n")
        return connect(self.config.public_url, file)


async def run(
    words: Sequence[str], typed: bytes, environment: Mapping[str, str], folder: Path, before: str = ""
) -> Ran:
    """Run `sealgate` with these words and this on its standard input, and `before` in front of it."""
    code, out, err = await asyncio.to_thread(ran, words, typed, environment, folder, before)
    assert b"Traceback" not in err, err.decode()
    return Ran(code, out.decode(), err.decode())


async def anew(words: Sequence[str], typed: bytes, environment: Mapping[str, str], folder: Path) -> Ran:
    """Start Python with `sealgate` and these words, as people do; it has no terminal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sealgate",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=folder,
        start_new_session=True,  # so that /dev/tty is nobody's
    )
    out, err = await asyncio.wait_for(process.communicate(typed), 60)
    assert process.returncode is not None
    assert "Traceback" not in err.decode()
    return Ran(process.returncode, out.decode(), err.decode())


@contextlib.asynccontextmanager
async def house(**vault_settings: Any) -> AsyncIterator[House]:
    """Runs until the block ends."""
    with quick_folder("sgs") as name:
        folder = Path(name)
        ports = free_port(), free_port()
        config = ConsoleConfig(
            instance=new_id("inst"),
            data_dir=folder / "console",
            runtime_dir=folder / "run",
            public_url=f"http://console.localhost:{ports[0]}",
            vault_url=f"http://vault.localhost:{ports[1]}",
            proxy_url="http://proxy.localhost",
            allowed_uids=(os.getuid(),),
            hosts=("console.localhost",),
            port=ports[0],
        )
        lay_database(config.database_path)
        write_assets(folder / "assets")
        at_vault = vault_config(
            folder / "vault",
            instance=config.instance,
            runtime_dir=config.runtime_dir,
            port=ports[1],
            public_url=config.vault_url,
            console_url=config.public_url,
            **vault_settings,
        )
        async with (
            deployment.running(at_vault, time.time, io.StringIO(), folder / "assets") as vault,
            _listening(config),
            _opened(config) as database,
        ):
            first = await moved_in(config, vault, database, folder)
            await _vault_is_known(first)
            yield first


async def moved_in(config: ConsoleConfig, vault: Deployment, database: Database, folder: Path) -> House:
    """A house as a new organization has it, with files and a token of its own."""
    mark = new_id("org")
    owner = new_user(
        mark,
        Role.OWNER,
        name="Ada Winter",
        email=f"{mark}@example.com",
        password_hash=quick_hash(),
        now_s=time.time(),
    )
    async with database.writing() as tx:
        tx.add(Organization(id=mark, name="Larkspur Studio", created_at=time.time()))
        await tx.flush()
        tx.add(owner)
        await tx.flush()
        application = await create_application(Editing(tx, mark, None, time.time()), "Seeded")
    seeded = Seeded(mark, owner.id, application.id)
    token = await mint(database, mark, owner.id, time.time(), ALL)
    files = folder / mark
    files.mkdir()
    return House(config, vault, database, seeded, owner.email, files, token)


@contextlib.asynccontextmanager
async def _opened(config: ConsoleConfig) -> AsyncIterator[Database]:
    database = Database(config.database_path)
    try:
        yield database
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _listening(config: ConsoleConfig) -> AsyncIterator[None]:
    stop = asyncio.Event()
    console = asyncio.create_task(serve(config, LineLog("console", EVENTS, io.StringIO()), stop))
    await answering(config, console)
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(console, 20)


async def _vault_is_known(house: House) -> None:
    async with asyncio.timeout(20):
        while not (await asyncio.to_thread(house.connection().ask, "GET", "/api/v1/status")).plain()[
            "vault_connected"
        ]:
            await asyncio.sleep(0.01)
