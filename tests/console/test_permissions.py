"""The permission table and the route table, row by row."""

from __future__ import annotations

import pytest

from sealgate.console.permissions import PERMISSIONS, Permission, Role, permits
from sealgate.console.routes import ROUTES, Open, Way
from sealgate.ids import new_id
from tests.console.running import Running

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
