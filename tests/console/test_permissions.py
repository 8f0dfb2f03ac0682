"""The permission table and the route table, row by row."""

from __future__ import annotations

import re
from typing import cast

import pytest
from sqlalchemy import select

from sealgate.console.accounts.models import User
from sealgate.console.accounts.services import new_user
from sealgate.console.permissions import PERMISSIONS, Permission, Role, permits
from sealgate.console.routes import ROUTES, Open, Way
from sealgate.ids import new_id
from tests.console.running import Browser, Running
from tests.console.test_looking_changes_nothing import lived_in

GUARDED = [way for way in ROUTES if isinstance(way.needs, Permission)]
OPEN_TO_EVERYBODY = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/assets/{name}"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-out"),
    ("GET", "/invitations/{token}"),
    ("POST", "/invitations/{token}"),
}


def named(way: Way) -> str:
    return f"{way.method} {way.path}"


def test_only_the_doors_are_open_to_everybody() -> None:
    assert {(way.method, way.path) for way in ROUTES if way.needs is Open.TO_EVERYBODY} == OPEN_TO_EVERYBODY


def test_every_permission_is_in_the_table_and_used_by_a_route() -> None:
    assert set(PERMISSIONS) == set(Permission) == {way.needs for way in GUARDED}


@pytest.mark.parametrize("permission", Permission)
def test_owners_have_every_permission_and_unknown_roles_none(permission: Permission) -> None:
    assert permits(Role.OWNER, permission)
    assert not permits("", permission)
    assert not permits("visitor", permission)


@pytest.mark.parametrize("way", GUARDED, ids=named)
async def test_who_is_not_signed_in_is_sent_to_the_door(world: Running, way: Way) -> None:
    path = way.path.replace("{application}", new_id("app"))
    browser = world.browser()
    answer = await (browser.get(path) if way.method == "GET" else browser.post(path, {}))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("way", GUARDED, ids=named)
async def test_a_role_without_the_permission_is_refused(world: Running, way: Way) -> None:
    await world.owner("eve@example.com", "Elsewhere", role="visitor")
    browser = await world.signed_in("eve@example.com")
    path = way.path.replace("{application}", new_id("app"))
    answer = await (browser.get(path) if way.method == "GET" else browser.post(path, {}))
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.text


@pytest.mark.parametrize("way", [way for way in ROUTES if way.method == "POST"], ids=named)
async def test_a_form_without_its_token_is_refused(world: Running, way: Way) -> None:
    browser = await world.signed_in()
    app = await world.application(browser)
    path = way.path.replace("{application}", app).replace("{token}", "x" * 43)
    for fields in ({}, {"form_token": "0" * 64}, {"form_token": "ä"}):
        answer = await browser.post(path, fields)
        assert answer.status_code == 403
        assert "This form is out of date" in answer.text


APPLICATION_WAYS = [way for way in GUARDED if "{application}" in way.path]


@pytest.mark.parametrize("way", APPLICATION_WAYS, ids=named)
async def test_anothers_application_and_none_at_all_look_the_same(world: Running, way: Way) -> None:
    ada = await world.signed_in()
    theirs = await world.application(ada)
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    token = await eve.form_token("/applications/new")
    fields = {"form_token": token, "name": "x", "origin": "https://a.example", "public_key": "A" * 42 + "E"}
    answers = []
    for app in (theirs, new_id("app"), "app_no", "..%2f"):
        path = way.path.replace("{application}", app)
        answers.append(await (eve.get(path) if way.method == "GET" else eve.post(path, fields)))
    assert {answer.status_code for answer in answers} <= {404}
    assert len({answer.text for answer in answers[:2]}) == 1


FOR_OWNERS = [way for way in GUARDED if not permits(Role.MEMBER, cast(Permission, way.needs))]
FOR_MEMBERS = [way.path for way in GUARDED if way.method == "GET" and way not in FOR_OWNERS]
OFFERED = re.compile(r'<form method="(post)" action="([^"?]+)|<a [^>]*href="(/[^"?]*)')


async def as_member(world: Running, ada: Browser) -> tuple[Browser, dict[str, str]]:
    """A member of Ada's organization, where there is something of everything."""
    parts = {**await lived_in(world, ada), "name": "python"}
    async with world.console.database.writing() as tx:
        ada_user = (await tx.scalars(select(User))).one()
        values = {"name": "Ben", "email": "ben@example.com", "password_hash": ada_user.password_hash}
        tx.add(new_user(ada_user.organization_id, Role.MEMBER, **values, now_s=world.clock()))
    return await world.signed_in("ben@example.com"), parts


def route_of(method: str, path: str) -> Way:
    """The row of the table that a form or a link leads to."""
    for way in ROUTES:
        if way.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", way.path), path):
            return way
    raise AssertionError(f"{method} {path} leads nowhere")


@pytest.mark.parametrize("way", FOR_OWNERS, ids=named)
async def test_a_member_is_refused_what_is_an_owners(world: Running, ada: Browser, way: Way) -> None:
    ben, parts = await as_member(world, ada)
    path = way.path.format(**parts)
    token = await ben.form_token("/account")
    answer = await (ben.get(path) if way.method == "GET" else ben.post(path, {"form_token": token}))
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.text


@pytest.mark.parametrize("path", FOR_MEMBERS)
async def test_a_members_pages_offer_only_what_a_member_may(world: Running, ada: Browser, path: str) -> None:
    ben, parts = await as_member(world, ada)
    page = (await ben.get(path.format(**parts))).text
    offered = [("POST" if post else "GET", action or link) for post, action, link in OFFERED.findall(page)]
    assert path.endswith(".csv") or offered
    refused = [named(way) for each in offered if (way := route_of(*each)) in FOR_OWNERS]
    assert refused == []
