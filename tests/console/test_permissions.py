"""The permission table and the route table, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

import httpx
import pytest

from sealgate.console.permissions import PERMISSIONS, Permission, Role, permits
from sealgate.console.routes import ROUTES, Open, Way
from sealgate.ids import new_id
from sealgate.messages.erasing import AskReceipt, AskReceipts
from sealgate.messages.tickets import ListCredentials, ListDestinations
from tests.console.lived import Lived, everything
from tests.console.running import Browser

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


LOOKS = {ListCredentials, ListDestinations, AskReceipt, AskReceipts}
"""What the vault may be asked by somebody who changes nothing."""

shared = pytest.mark.asyncio(loop_scope="module")


def named(way: Way) -> str:
    return f"{way.method} {way.path}"


async def visited(browser: Browser, way: Way, path: str, fields: Mapping[str, str]) -> httpx.Response:
    return await (browser.get(path) if way.method == "GET" else browser.post(path, fields))


@pytest.fixture
def untouched(lived: Lived) -> Iterator[Lived]:
    """A console in which what a test tries changes nothing: everything is as it was after it."""
    before, heard = everything(lived.world), len(lived.world.desk.heard)
    yield lived
    assert everything(lived.world) == before
    assert {type(each) for each in lived.world.desk.heard[heard:]} <= LOOKS


def test_only_the_doors_are_open_to_everybody() -> None:
    assert {(way.method, way.path) for way in ROUTES if way.needs is Open.TO_EVERYBODY} == OPEN_TO_EVERYBODY


def test_every_permission_is_in_the_table_and_used_by_a_route() -> None:
    assert set(PERMISSIONS) == set(Permission) == {way.needs for way in GUARDED}


@pytest.mark.parametrize("permission", Permission)
def test_owners_have_every_permission_and_unknown_roles_none(permission: Permission) -> None:
    assert permits(Role.OWNER, permission)
    assert not permits("", permission)
    assert not permits("visitor", permission)


@shared
@pytest.mark.parametrize("way", GUARDED, ids=named)
async def test_who_is_not_signed_in_is_sent_to_the_door(untouched: Lived, way: Way) -> None:
    path = way.path.replace("{application}", new_id("app"))
    answer = await visited(untouched.world.browser(), way, path, {})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@shared
@pytest.mark.parametrize("way", GUARDED, ids=named)
async def test_a_role_without_the_permission_is_refused(untouched: Lived, way: Way) -> None:
    answer = await visited(untouched.vera, way, way.path.format(**untouched.parts, name="python"), {})
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.text


@shared
@pytest.mark.parametrize("way", [way for way in ROUTES if way.method == "POST"], ids=named)
async def test_a_form_without_its_token_is_refused(untouched: Lived, way: Way) -> None:
    path = way.path.format(**{**untouched.parts, "token": "x" * 43})
    for fields in ({}, {"form_token": "0" * 64}, {"form_token": "ä"}):
        answer = await untouched.ada.post(path, fields)
        assert answer.status_code == 403
        assert "This form is out of date" in answer.text


APPLICATION_WAYS = [way for way in GUARDED if "{application}" in way.path]


@shared
@pytest.mark.parametrize("way", APPLICATION_WAYS, ids=named)
async def test_anothers_application_and_none_at_all_look_the_same(untouched: Lived, way: Way) -> None:
    eve = untouched.eve
    token = await eve.form_token("/applications/new")
    fields = {"form_token": token, "name": "x", "origin": "https://a.example", "public_key": "A" * 42 + "E"}
    ids = (untouched.parts["application"], new_id("app"), "app_no", "..%2f")
    answers = [await visited(eve, way, way.path.replace("{application}", each), fields) for each in ids]
    assert {answer.status_code for answer in answers} <= {404}
    assert len({answer.text for answer in answers[:2]}) == 1


FOR_OWNERS = [way for way in GUARDED if not permits(Role.MEMBER, cast(Permission, way.needs))]
FOR_MEMBERS = [way.path for way in GUARDED if way.method == "GET" and way not in FOR_OWNERS]
OFFERED = re.compile(r'<form method="(post)" action="([^"?]+)|<a [^>]*href="(/[^"?]*)')


def route_of(method: str, path: str) -> Way:
    """The row of the table that a form or a link leads to."""
    for way in ROUTES:
        if way.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", way.path), path):
            return way
    raise AssertionError(f"{method} {path} leads nowhere")


@shared
@pytest.mark.parametrize("way", FOR_OWNERS, ids=named)
async def test_a_member_is_refused_what_is_an_owners(untouched: Lived, way: Way) -> None:
    token = await untouched.ben.form_token("/account")
    path = way.path.format(**untouched.parts)
    answer = await visited(untouched.ben, way, path, {"form_token": token})
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.text


@shared
@pytest.mark.parametrize("path", FOR_MEMBERS)
async def test_a_members_pages_offer_only_what_a_member_may(untouched: Lived, path: str) -> None:
    page = (await untouched.ben.get(path.format(**untouched.parts, name="python"))).text
    offered = [("POST" if post else "GET", action or link) for post, action, link in OFFERED.findall(page)]
    assert path.endswith(".csv") or offered
    refused = [named(way) for each in offered if (way := route_of(*each)) in FOR_OWNERS]
    assert refused == []
