"""Notices: every owner is told of what happens to keys, people and rights, until they have read it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from sealgate.console.accounts.models import User
from sealgate.console.accounts.services import new_user
from sealgate.console.audit.services import WORDS, Editing
from sealgate.console.database import migrate
from sealgate.console.notices.table import NOTICED, QUIET
from sealgate.console.permissions import Role
from sealgate.ids import new_id
from sealgate.messages.tickets import Destination
from tests.console import fake_desk
from tests.console.lived import everything
from tests.console.running import Browser, Running
from tests.console.test_addon import AT_OPENAI
from tests.console.test_erasure import until


async def join(world: Running, email: str, role: Role) -> Browser:
    """Somebody else of Ada's organization, signed in."""
    async with world.console.database.writing() as tx:
        ada = (await tx.scalars(select(User).where(User.email == "ada@example.com"))).one()
        values = {"name": email.partition("@")[0].title(), "email": email, "password_hash": ada.password_hash}
        tx.add(new_user(ada.organization_id, role, **values, now_s=world.clock()))
    return await world.signed_in(email)


def unread(page: str) -> int:
    found = re.search(r'class="unread">(\d+)', page)
    return int(found[1]) if found else 0


def test_every_change_is_a_notice_or_is_not_by_decision() -> None:
    assert set(WORDS) == NOTICED | QUIET
    assert not NOTICED & QUIET


@pytest.mark.parametrize("what", sorted(NOTICED))
async def test_every_owner_sees_each_of_them_at_the_next_visit(world: Running, what: str) -> None:
    ben = await join(world, "ben@example.com", Role.OWNER)
    ada = await world.signed_in()
    app = await world.application(ada)
    assert unread((await ben.get("/applications")).text) == 0
    async with world.console.database.writing() as tx:
        user = (await tx.scalars(select(User).where(User.email == "ada@example.com"))).one()
        await Editing(tx, user.organization_id, user.id, world.clock()).record(what, "something", app)
    for browser in (ada, ben):
        assert unread((await browser.get("/applications")).text) == 1
        page = (await browser.get("/notices")).text
        assert WORDS[what] in page
        assert "<strong>something</strong>" in page
        assert "<strong>Ada</strong>" in page
        assert "Larkspur" in page


async def test_a_key_that_arrives_at_the_vault_is_told_once_in_the_name_of_who_went(
    world: Running, ada: Browser
) -> None:
    path = f"/applications/{await world.application(ada)}/add-on"
    await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    assert unread((await ada.get("/notices")).text) == 0, "a ticket is no key"
    world.desk.deposit()
    await until(lambda: any("credential.deposited" in row for row in everything(world)["audit"]))
    await world.console.handover.look()
    told = [row for row in everything(world)["audit"] if "credential.deposited" in row]
    assert len(told) == 1
    assert any(str(each).startswith("usr_") for each in told[0])
    assert "sealed a key for" in (await ada.get("/notices")).text


async def test_what_is_read_is_read_and_what_came_after_stays_unread(world: Running, ada: Browser) -> None:
    await ada.submit("/members/invite", {"role": "member"}, page="/members")
    page = (await ada.get("/notices")).text
    shown = re.search(r'name="up_to" value="(\d+)"', page)
    assert shown is not None
    token = await ada.form_token("/notices")
    await ada.submit("/members/invite", {"role": "owner"}, page="/members")
    await ada.post("/notices/read", {"form_token": token, "up_to": shown[1]})
    assert unread((await ada.get("/notices")).text) == 1
    for odd in ("", "-1", "x", "9" * 15):
        await ada.submit("/notices/read", {"up_to": odd}, page="/account")
    assert unread((await ada.get("/notices")).text) == 0
    await ada.submit("/members/invite", {"role": "owner"}, page="/members")
    assert unread((await ada.get("/notices")).text) == 1, "nobody reads ahead"


async def test_a_member_is_not_told_and_an_owner_made_of_one_begins_now(world: Running, ada: Browser) -> None:
    ben = await join(world, "ben@example.com", Role.MEMBER)
    await ada.submit("/members/invite", {"role": "member"}, page="/members")
    assert "Notices" not in (await ben.get("/applications")).text
    async with world.console.database.reading() as tx:
        user = (await tx.scalars(select(User.id).where(User.email == "ben@example.com"))).one()
    await ada.submit("/members/role", {"user": user, "role": "owner"}, page="/members")
    page = (await ben.get("/applications")).text
    assert "Notices" in page
    assert unread(page) == 1, "that they became one"


async def test_whoever_joins_begins_with_their_own_joining(world: Running, ada: Browser) -> None:
    invited = await ada.submit("/members/invite", {"role": "owner"}, page="/members")
    token = re.search(r"/invitations/([A-Za-z0-9_-]+)", invited.text)
    assert token is not None, invited.text
    fields = {"name": "Eve", "email": "eve@example.com", "password": "another long passphrase"}
    eve = world.browser()
    answer = await eve.submit(f"/invitations/{token[1]}", fields)
    assert answer.status_code == 303, answer.text
    assert unread((await eve.get("/applications")).text) == 1


async def test_another_organizations_owners_are_not_told(world: Running, ada: Browser) -> None:
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    await ada.submit("/members/invite", {"role": "member"}, page="/members")
    assert unread((await eve.get("/notices")).text) == 0


async def test_a_change_of_where_keys_may_go_is_told_to_every_organization(
    world: Running, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.owner("eve@example.com", "Elsewhere")
    await world.console.destinations.look()
    assert unread((await ada.get("/notices")).text) == 0, "the first look is no change"
    moved = Destination(provider="openai", origin="https://models.example", label="Ours")
    monkeypatch.setattr(fake_desk, "EUROPE", moved)
    await world.desk.server.close()
    await until(lambda: not world.console.desk.connected)
    await world.desk.server.start()
    await world.console.desk.wait_connected()
    await world.console.destinations.look()
    await world.console.destinations.look()
    for browser in (ada, await world.signed_in("eve@example.com")):
        page = (await browser.get("/notices")).text
        assert unread(page) == 2
        assert "<strong>The vault</strong> now lets keys go to <strong>openai https://models.example" in page
        assert "no longer lets keys go to <strong>openai https://eu.api.openai.com" in page


def test_what_happened_before_the_upgrade_is_no_news(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    migrate(path, "0006")
    organization, user = new_id("org"), new_id("usr")
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "INSERT INTO organizations (id, name, created_at) VALUES (?, 'A', 1)", (organization,)
        )
        database.execute(
            "INSERT INTO users (id, organization_id, role, name, email, password_hash, created_at)"
            " VALUES (?, ?, 'owner', 'Ada', 'a@b.c', '', 1)",
            (user, organization),
        )
        database.execute(
            "INSERT INTO audit (id, at, organization_id, what, detail, hash)"
            " VALUES (7, 1, ?, 'token.made', '', x'00')",
            (organization,),
        )
        database.commit()
    migrate(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT notices_read_to, notices_mailed_to FROM users").fetchone() == (
            7,
            None,
        )


async def test_the_page_says_that_a_hostile_console_could_keep_a_notice_back(ada: Browser) -> None:
    await ada.submit("/members/invite", {"role": "member"}, page="/members")
    page = (await ada.get("/notices")).text
    assert "could keep a notice back" in page
    assert "the vault’s own audit" in page
