"""The table of dangerous and harmless posts: every route is in it, and what is dangerous asks again."""

from __future__ import annotations

import pytest

from sealgate.console.accounts.services import CONFIRMED_FOR_S
from sealgate.console.freshness import POSTS, Dangerous, Harmless
from sealgate.console.permissions import Permission
from sealgate.console.routes import ROUTES, Way
from tests.console.lived import Lived, everything
from tests.console.running import PASSWORD

DANGEROUS = [way for way in ROUTES if way.method == "POST" and isinstance(POSTS.get(way.path), Dangerous)]
FOR_KEYS_AND_PEOPLE = {P for P in Permission if P.value in {"add-on:touch-keys", "tokens:change"}}


shared = pytest.mark.asyncio(loop_scope="module")


def named(way: Way) -> str:
    return way.path


def test_every_post_is_in_the_table_as_dangerous_or_as_harmless_with_a_reason() -> None:
    assert set(POSTS) == {way.path for way in ROUTES if way.method == "POST"}
    assert {way.method for way in ROUTES} == {"GET", "POST"}
    assert all(risk.why for risk in POSTS.values() if isinstance(risk, Harmless))
    assert all(isinstance(way.needs, Permission) for way in DANGEROUS)


def test_whatever_has_the_vault_act_or_makes_a_token_is_dangerous() -> None:
    wanted = {way.path for way in ROUTES if way.method == "POST" and way.needs in FOR_KEYS_AND_PEOPLE}
    assert wanted <= {way.path for way in DANGEROUS}


@shared
@pytest.mark.parametrize("way", DANGEROUS, ids=named)
async def test_a_stolen_cookie_alone_does_nothing_dangerous(lived: Lived, way: Way) -> None:
    world, ada, path = lived.world, lived.ada, way.path.format(**lived.parts)
    token = await ada.form_token("/account")
    world.clock.now_s += CONFIRMED_FOR_S + 1
    before, heard = everything(world), len(world.desk.heard)
    for password in ("", "wrong horse"):
        fields = {"form_token": token, "version": "2", "role": "owner", "password": password}
        answer = await ada.post(path, fields)
        assert answer.status_code == (422 if password else 403)
        assert "Is it you?" in answer.text
    after = everything(world)
    assert {**after, "sign_ins": None} == {**before, "sign_ins": None}
    assert len(world.desk.heard) == heard, "the vault heard nothing of it"


@shared
@pytest.mark.parametrize("way", DANGEROUS, ids=named)
async def test_the_password_typed_now_lets_it_through(lived: Lived, way: Way) -> None:
    token = await lived.ada.form_token("/account")
    lived.world.clock.now_s += CONFIRMED_FOR_S + 1
    fields = {"form_token": token, "password": PASSWORD}
    answer = await lived.ada.post(way.path.format(**lived.parts), fields)
    assert "Is it you?" not in answer.text
