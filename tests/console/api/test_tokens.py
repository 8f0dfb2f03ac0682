"""Management tokens: the page that makes them, what they are good for, and when they stop."""

from __future__ import annotations

import re

import pytest

from tests.console.api.program import Program, code, token_of
from tests.console.running import PASSWORD, Browser, Running

FORM = [("name", "deploy pipeline"), ("scope", "read"), ("scope", "write"), ("lifetime", "90")]


def shown(page: str) -> str:
    found = re.findall(r"sgt_[A-Za-z0-9_-]{43}", page)
    assert found, page
    assert len(set(found)) == 1
    return str(found[0])


async def test_an_owner_makes_a_token_that_is_shown_once_and_works(world: Running, ada: Browser) -> None:
    assert "No tokens yet" in (await ada.get("/tokens")).text
    answer = await ada.submit("/tokens", FORM)
    token = shown(answer.text)
    assert answer.headers["cache-control"] == "no-store"
    again = (await ada.get("/tokens")).text
    assert token not in again
    assert "deploy pipeline" in again
    assert (await Program(world.site, token).get("/applications")).status_code == 200
    assert "last used" in (await ada.get("/tokens")).text


async def test_the_database_and_the_log_have_no_token(world: Running, ada: Browser) -> None:
    token = shown((await ada.submit("/tokens", FORM)).text)
    await Program(world.site, token).get("/applications")
    await Program(world.site, "sgt_" + "x" * 43).get("/applications")
    folder = world.console.config.data_dir
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert token.encode() not in stored
    assert token not in world.lines.getvalue()
    assert "reason=management_token" in world.lines.getvalue()


async def test_making_a_token_asks_for_the_password_again(world: Running, ada: Browser) -> None:
    world.clock.now_s += 601
    asked = await ada.submit("/tokens", FORM)
    assert asked.status_code == 403
    assert "Is it you?" in asked.text
    assert 'name="scope" value="write"' in asked.text
    made = await ada.submit("/tokens", [*FORM, ("password", PASSWORD)])
    shown(made.text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"scope": ""}, "There is no scope"),
        ({"lifetime": "7"}, "is not on the list"),
        ({"scope": "root"}, "There is no scope"),
    ],
)
async def test_a_form_that_cannot_be_meant_is_shown_again_with_the_reason(
    ada: Browser, changes: dict[str, str], words: str
) -> None:
    fields = {"name": "deploy", "scope": "read", "lifetime": "30"} | changes
    answer = await ada.submit("/tokens", fields)
    assert answer.status_code == 422
    assert words in answer.text


async def test_a_token_without_a_scope_and_a_second_of_one_name_are_refused(ada: Browser) -> None:
    answer = await ada.submit("/tokens", {"name": "deploy", "lifetime": "30"})
    assert "This token could do nothing" in answer.text
    await ada.submit("/tokens", FORM)
    assert "already" in (await ada.submit("/tokens", FORM)).text


async def test_members_neither_see_nor_make_tokens(world: Running) -> None:
    await world.owner("mel@example.com", "Elsewhere", role="member")
    mel = await world.signed_in("mel@example.com")
    assert (await mel.get("/tokens")).status_code == 403
    assert "/tokens" not in (await mel.get("/applications")).text


async def test_a_revoked_token_stops_at_once_and_both_are_recorded(world: Running, ada: Browser) -> None:
    token = shown((await ada.submit("/tokens", FORM)).text)
    page = (await ada.get("/tokens")).text
    found = re.search(r'name="token" value="(tok_\w+)"', page)
    assert found
    done = await ada.submit("/tokens/revoke", {"token": found[1]}, page="/tokens")
    assert done.headers["location"] == "/tokens?notice=token-revoked"
    assert code(await Program(world.site, token).get("/applications")) == "token_refused"
    reader = Program(world.site, await token_of(world, name="reader"))
    whats = [each["what"] for each in (await reader.get("/audit")).json()["items"]]
    assert whats[:3] == ["token.made", "token.revoked", "token.made"]


async def test_anothers_token_cannot_be_revoked(world: Running, ada: Browser) -> None:
    await world.owner("eve@example.com", "Elsewhere")
    await token_of(world, "eve@example.com", name="theirs")
    eve = await world.signed_in("eve@example.com")
    found = re.search(r'name="token" value="(tok_\w+)"', (await eve.get("/tokens")).text)
    assert found
    answer = await ada.submit("/tokens/revoke", {"token": found[1]}, page="/tokens")
    assert answer.status_code == 404
    assert "theirs" not in (await ada.get("/tokens")).text


async def test_a_token_stops_when_it_expires(world: Running) -> None:
    program = Program(world.site, await token_of(world, lifetime_days=30))
    world.clock.now_s += 30 * 86_400 - 1
    assert (await program.get("/applications")).status_code == 200
    world.clock.now_s += 1
    assert code(await program.get("/applications")) == "token_refused"


async def test_a_token_stops_when_who_made_it_is_no_longer_an_owner(world: Running) -> None:
    await world.owner("mel@example.com", "Elsewhere", role="member")
    program = Program(world.site, await token_of(world, "mel@example.com"))
    assert code(await program.get("/applications")) == "token_refused"
