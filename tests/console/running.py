"""A console in this process for tests: real database and sockets, a clock that tests move, a browser."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import os
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import httpx
import msgspec
from argon2 import PasswordHasher
from starlette.applications import Starlette

from sealgate.console.accounts.models import Organization
from sealgate.console.accounts.passwords import Passwords, hash_password
from sealgate.console.accounts.services import new_user
from sealgate.console.assets import Assets
from sealgate.console.composition import Console, compose
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import make_private, migrate
from sealgate.console.events import EVENTS
from sealgate.console.pages import Pages
from sealgate.console.permissions import Role
from sealgate.console.site import make_site
from sealgate.ids import new_id
from sealgate.log import LineLog
from tests.console.fake_desk import FakeDesk
from tests.quick_folders import quick_folder

PASSWORD = "plain correct horse battery"
URL = "https://console.test"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The least that argon2 takes: what tests sign in with. `test_accounts` has the real one."""


class Clock(msgspec.Struct):
    """Unix seconds that only a test moves."""

    now_s: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


class Running(msgspec.Struct):
    """A console, its vault's desk, and ways to visit it."""

    console: Console
    desk: FakeDesk
    site: Starlette
    clock: Clock
    lines: io.StringIO

    def browser(self, **headers: str) -> Browser:
        """A fresh browser: no cookies."""
        return Browser(self.site, headers)

    async def owner(
        self, email: str = "ada@example.com", organization: str = "Analytical", role: str = Role.OWNER
    ) -> str:
        """A new organization with one user; gives the organization's id."""
        made = Organization(id=new_id("org"), name=organization, created_at=self.clock())
        async with self.console.database.writing() as tx:
            tx.add(made)
        await self.user(made.id, role, "Ada", email)
        return made.id

    async def user(self, organization_id: str, role: str, name: str, email: str) -> None:
        """One more user, whose password is `PASSWORD`; the role may be one that there is not."""
        fields = {"name": name, "email": email, "password_hash": quick_hash()}
        user = new_user(organization_id, Role.OWNER, **fields, now_s=self.clock())
        user.role = role
        async with self.console.database.writing() as tx:
            tx.add(user)

    async def signed_in(self, email: str = "ada@example.com") -> Browser:
        """A browser in which this user has signed in."""
        browser = self.browser()
        answer = await browser.submit("/sign-in", {"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    async def application(self, browser: Browser, name: str = "Larkspur") -> str:
        """A new application's id, made as a developer makes it."""
        answer = await browser.submit("/applications", {"name": name}, page="/applications/new")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removeprefix("/applications/").partition("?")[0]


class Browser:
    """What a browser does: keeps cookies, fills in the form that it was shown, sends its origin."""

    def __init__(self, site: Starlette, headers: Mapping[str, str]) -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=site, client=("127.7.1.1", 5000)), base_url=URL, headers=headers
        )

    async def get(self, path: str) -> httpx.Response:
        """Open a page."""
        return await self.client.get(path)

    async def post(
        self, path: str, fields: Mapping[str, str] | list[tuple[str, str]], **headers: str
    ) -> httpx.Response:
        """Post exactly these fields, from our own origin unless `headers` say otherwise."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else fields
        sent = {"origin": URL, "sec-fetch-site": "same-origin", **headers}
        body = urlencode(pairs)
        return await self.client.post(
            path,
            content=body.encode(),
            headers={
                "content-type": "application/x-www-form-urlencoded",
                **{k: v for k, v in sent.items() if v},
            },
        )

    async def form_token(self, page: str) -> str:
        """The token of the forms on a page."""
        found = re.search(r'name="form_token" value="([0-9a-f]{64})"', (await self.get(page)).text)
        assert found is not None, page
        return found[1]

    async def submit(
        self, path: str, fields: Mapping[str, str] | list[tuple[str, str]], page: str | None = None
    ) -> httpx.Response:
        """Open the page with the form, then post it with its token."""
        token = await self.form_token(page or path)
        pairs = list(fields.items()) if isinstance(fields, Mapping) else fields
        return await self.post(path, [*pairs, ("form_token", token)])


@contextlib.asynccontextmanager
async def running(*, handing_over: bool = True, hasher: PasswordHasher = QUICK) -> AsyncIterator[Running]:
    """A console with its feed's and its vault's sockets, in a folder of its own.

    `handing_over`: what runs beside the pages runs too: it takes keys into use that were awaited, and goes on
    with erasures. What is the same for every console is made once: the empty database, the drawn templates.
    """
    with quick_folder("sgc") as folder:
        config = make_config(Path(folder))
        lay_database(config.database_path)
        clock, lines = Clock(), io.StringIO()
        desk = FakeDesk(config.desk_socket, config.instance, os.getuid(), config.vault_url)
        await desk.server.start()
        log = LineLog("console", EVENTS, lines)
        console = msgspec.structs.replace(
            compose(config, log, clock), passwords=Passwords(hasher), pages=_pages()
        )
        feed = console.feed.server(config.feed_socket, config.instance, config.allowed_uids)
        await feed.start()
        beside = [asyncio.create_task(console.desk.run())]
        await console.desk.wait_connected()
        if handing_over:
            beside.append(asyncio.create_task(console.handover.run()))
            beside.append(asyncio.create_task(console.erasing.run()))
        try:
            yield Running(console, desk, make_site(console), clock, lines)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await feed.close()
            await desk.server.close()
            await console.database.close()


def make_config(folder: Path) -> ConsoleConfig:
    """A console that lives in this folder."""
    return ConsoleConfig(
        instance=new_id("inst"),
        data_dir=folder / "data",
        runtime_dir=folder / "run",
        public_url=URL,
        vault_url="https://vault.test",
        proxy_url="https://proxy.test",
        allowed_uids=(os.getuid(),),
        hosts=("console.test", "old-console.test"),
        port=0,
    )


def lay_database(path: Path) -> None:
    """A database in its newest form with nothing in it, as `migrate` makes it, where there is none yet."""
    make_private(path)
    path.write_bytes(_empty_database())


@functools.cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory(prefix="sgc") as folder:
        path = Path(folder) / "console.db"
        migrate(path)
        assert [each.name for each in path.parent.iterdir()] == [path.name]
        return path.read_bytes()


@functools.cache
def _pages() -> Pages:
    return Pages(Assets.load())


@functools.cache
def quick_hash() -> str:
    """What is stored of `PASSWORD` where hashing is quick."""
    return hash_password(PASSWORD, QUICK)
