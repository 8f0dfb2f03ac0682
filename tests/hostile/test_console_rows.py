"""Every column of every table of console.db edited while the console runs, generated from its schema.

Counterparts: `test_console_database`, which asks a real vault what such a database is worth;
`test_vault_rows`, the same for vault.db. Here it is the console's turn: it lives, answers each page or says
in one clear error that it cannot, shows nobody another organization's data, and asks the vault in nobody
else's name. Whoever rewrites who owns a row has moved that row, as docs/security says.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import Engine, event

from sealgate.console.database import Base
from sealgate.console.routes import ROUTES
from sealgate.messages.client import NotConnectedError
from sealgate.messages.feed import Application, AskApplication, UnknownApplication
from sealgate.messages.frames import RefusedError
from tests.console.lived import everything, lived_in
from tests.console.running import Browser, Running, running
from tests.console.test_feed import Proxy, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

Cell = str | bytes | int | float | None
Tables = Mapping[str, list[tuple[Any, ...]]]

FEED = "the feed"
EXPORTS = ("/usage.csv", "/audit.csv")
"""Written while they are read: what fails in the middle can only break off."""
PAGES_EACH = 2
"""Pages that are opened after each edit, of those that read the table: each has its turn."""
CLEAR = "Sealgate could not do this. Try again; if it stays, look at the console's log."
EVIL = "\x00\x1b[2J\r\nset-cookie: a=b\r\n\r\n<script>evil()</script>{{7*7}}"
ALWAYS: tuple[Cell, ...] = (None, EVIL)
BY_TURNS: tuple[Cell, ...] = ("", "x" * 70_000, b"\x00\xff" * 40, -1, 2**63 - 1, 1e300)
"""One of them for each column, so that each kind of column meets each."""
OWNERS = ("organization_id", "application_id", "user_id", "created_by", "subject", "token_id", "id", "kid")
"""Who edits these has moved the row: what is shown then is no leak of the console's."""


@dataclass
class Scene:
    """Ada's organization, Bob's beside it, and the pages as Ada opens them."""

    world: Running
    ada: Browser
    proxy: Proxy
    application: str
    organization: str
    paths: list[str]
    private: set[str]
    """What stands in Bob's rows alone."""
    bobs: Tables
    pristine: sqlite3.Connection
    cookies: httpx.Cookies
    readers: dict[str, list[str]] = field(default_factory=lambda: {each: [] for each in Base.metadata.tables})
    """By table, the pages that read it, and whether the feed does."""
    turn: int = 0

    @property
    def path(self) -> Path:
        return self.world.console.config.database_path

    def edit(self, statement: str, *values: Cell) -> bool:
        """Write as somebody who has the file; false if the database itself allows no such row."""
        with closing(sqlite3.connect(self.path)) as connection:
            for pragma in ("foreign_keys = off", "ignore_check_constraints = on", "synchronous = off"):
                connection.execute(f"pragma {pragma}")
            try:
                connection.execute(statement, values)
                connection.commit()
            except sqlite3.IntegrityError:
                return False
            return True

    def mend(self) -> None:
        """The database as it was."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("pragma synchronous = off")
            self.pristine.backup(connection)
        self.ada.client.cookies = self.cookies

    async def opened(self, path: str) -> httpx.Response | None:
        """A page as Ada sees it; None for an export that breaks off, which a browser calls failed."""
        told = self.world.lines.getvalue().count("request_failed kind=")
        try:
            return await self.ada.get(path)
        except AssertionError:  # the client's own word for an answer without an end
            assert path.startswith(EXPORTS), path
            assert self.world.lines.getvalue().count("request_failed kind=") == told + 1, path
            return None

    async def fed(self) -> bool:
        """A proxy asks for the application: a document, or a refusal."""
        try:
            reply = await self.proxy.ask(AskApplication(application=self.application))
        except (RefusedError, NotConnectedError):
            return True
        return isinstance(reply, Application | UnknownApplication)

    async def learn(self) -> None:
        """See which page reads which table."""
        names = {name: re.compile(rf"\b{name}\b") for name in Base.metadata.tables}
        seen: set[str] = set()

        def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            seen.update(name for name, form in names.items() if form.search(statement))

        event.listen(Engine, "before_cursor_execute", note)
        try:
            for path in self.paths:
                seen.clear()
                assert (await self.ada.get(path)).status_code in {200, 303}, path
                for name in seen:
                    self.readers[name].append(path)
            seen.clear()
            await self.fed()
            for name in seen:
                self.readers[name].append(FEED)
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    def next_pages(self, table: str) -> Iterator[str]:
        pages = [each for each in self.readers[table] if each != FEED]
        for _ in range(min(PAGES_EACH, len(pages))):
            self.turn += 1
            yield pages[self.turn % len(pages)]


@asynccontextmanager
async def two_organizations() -> AsyncIterator[Scene]:
    async with running(handing_over=False) as world:
        organization = await world.owner()
        ada = await world.signed_in()
        parts = await lived_in(world, ada)
        before = everything(world)
        await world.owner("bob.hidden@example.org", "Hidden Harbour Works")
        bob = await world.signed_in("bob.hidden@example.org")
        await lived_in(world, bob)
        after = everything(world)
        bobs = {name: [row for row in rows if row not in before[name]] for name, rows in after.items()}
        parts |= {"name": "python"}
        credential = next(iter(world.desk.rows))
        query = f"credential={credential}&version=2&page=1&user={before['users'][0][0]}"
        gets = [way.path for way in ROUTES if way.method == "GET" and not way.path.startswith("/assets")]
        with closing(sqlite3.connect(":memory:")) as pristine:
            with closing(sqlite3.connect(world.console.config.database_path)) as now:
                now.backup(pristine)
            async with connected(world) as proxy:
                scene = Scene(
                    world,
                    ada,
                    proxy,
                    parts["application"],
                    organization,
                    [f"{path.format(**parts)}?{query}" for path in gets],
                    texts(bobs) - texts(before),
                    bobs,
                    pristine,
                    httpx.Cookies(ada.client.cookies),
                )
                await scene.learn()
                yield scene


def texts(tables: Tables) -> set[str]:
    """Everything in these rows that is long enough to be somebody's."""
    cells = {cell for rows in tables.values() for row in rows for cell in row}
    return {cell for cell in cells if isinstance(cell, str) and len(cell) > 9}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene() -> AsyncIterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sealgate.console.addon.views.HANDOVER_S", 0.0
        )  # nobody hands over here: nothing to await
        async with two_organizations() as found:
            yield found


async def check(scene: Scene, table: str, what: str, *, moved: bool, known: Cell = None) -> None:
    """Whatever the console shows after an edit; `known` is what the attacker wrote."""
    for path in scene.next_pages(table):
        heard = len(scene.world.desk.heard)
        answer = await scene.opened(path)
        if answer is None:
            continue
        check_answer(scene, answer, f"{what} at {path}")
        if moved:
            continue
        shown = {each for each in scene.private if each in answer.text and each != known}
        assert not shown, f"{what} at {path}: {shown}"
        for message in scene.world.desk.heard[heard:]:
            asked = getattr(message, "organization", scene.organization)
            assert asked == scene.organization, f"{what} at {path}: the vault was asked for {asked}"
    if FEED in scene.readers[table]:
        assert await scene.fed(), what


def check_answer(scene: Scene, answer: httpx.Response, what: str) -> None:
    assert answer.status_code in {200, 303, 307, 403, 404, 500, 503}, f"{what}: {answer.status_code}"
    if "html" in answer.headers.get("content-type", ""):
        assert "<script>evil()" not in answer.text, what
    assert {ord(each) for each in "".join(answer.headers.values())} >= {32}, what
    assert not any(set(value) & set("\r\n\x00") for value in answer.headers.values()), what
    if answer.status_code == 500:
        assert answer.text == CLEAR, what
        assert "request_failed kind=" in scene.world.lines.getvalue(), what


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
async def test_an_edited_column_ends_nothing_and_shows_nobody_elses(scene: Scene, table: str) -> None:
    names = [str(column.name) for column in Base.metadata.tables[table].columns]
    for at, name in enumerate(names):
        theirs = [row[at] for row in scene.bobs[table][:1]]
        for value in (*ALWAYS, BY_TURNS[at % len(BY_TURNS)], BY_TURNS[-1 - at % len(BY_TURNS)], *theirs):
            if scene.edit(f'update or ignore "{table}" set "{name}" = ?', value):
                what = f"{table}.{name} = {value!r}"[:70]
                moved = name in OWNERS and value in theirs
                await check(scene, table, what, moved=moved, known=value)
                scene.mend()
    await check_mended(scene, table)


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
async def test_rows_that_are_gone_or_planted_end_nothing_and_show_nobody_elses(
    scene: Scene, table: str
) -> None:
    with closing(sqlite3.connect(scene.path)) as connection:
        rows = [row[0] for row in connection.execute(f'select rowid from "{table}" limit 5')]
    statements = [f'delete from "{table}"', *(f'delete from "{table}" where rowid = {each}' for each in rows)]
    names = [str(column.name) for column in Base.metadata.tables[table].columns]
    for planted in ("null", "''", "'planted'", "-1", "x'00ff'"):
        columns = ", ".join(planted if name == names[0] else f'"{name}"' for name in names)
        statements.append(f'insert or ignore into "{table}" select {columns} from "{table}" limit 3')
        everywhere = ", ".join([planted] * len(names))
        statements.append(f'insert or ignore into "{table}" values ({everywhere})')
    for statement in statements:
        if scene.edit(statement):
            await check(scene, table, statement[:70], moved=False)
            scene.mend()
    await check_mended(scene, table)


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
async def test_a_table_that_is_gone_or_another_one_ends_nothing(scene: Scene, table: str) -> None:
    column = str(next(iter(Base.metadata.tables[table].columns)).name)
    for statement in (
        f'alter table "{table}" rename to gone',
        f'alter table "{table}" add column planted text default 1',
        f'create trigger planted after insert on "{table}" begin delete from "{table}"; end',
        f'create view planted as select "{column}" from "{table}"',
    ):
        scene.edit(statement)
        await check(scene, table, statement, moved=False)
        scene.mend()
    await check_mended(scene, table)


async def check_mended(scene: Scene, table: str) -> None:
    """Nothing of it stays in the running console, on any page that reads the table."""
    for path in scene.readers[table]:
        if path == FEED:
            reply = await scene.proxy.ask(AskApplication(application=scene.application))
            assert isinstance(reply, Application)
        else:
            assert (await scene.ada.get(path)).status_code in {200, 303}, path


async def test_the_control_a_moved_row_is_seen_by_this_very_check(scene: Scene) -> None:
    assert scene.edit("update applications set organization_id = ?", scene.organization)
    seen = 0
    for _ in scene.paths:
        try:
            await check(scene, "applications", "the control", moved=False)
        except AssertionError:
            seen += 1
    assert seen
