"""Invitations, passwords, signing in and out, throttles."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select

from sealgate.console.accounts.models import SignIn, User
from sealgate.console.accounts.passwords import (
    OWASP,
    Passwords,
    check_password,
    hash_of_none,
    hash_password,
    verify_password,
)
from sealgate.console.accounts.services import IDLE_S, LONGEST_SIGN_IN_S, invite_owner, normal_email
from sealgate.console.accounts.throttles import MOST_KEYS, Throttle
from sealgate.console.composition import compose
from sealgate.console.events import EVENTS
from sealgate.console.forms import InputError
from sealgate.console.visit import SIGN_IN_COOKIE
from sealgate.log import LineLog
from tests.console.running import PASSWORD, Browser, Clock, Running, make_config, running

JOINING = {
    "organization": "Newcomers",
    "name": "Grace Hopper",
    "email": "Grace@Example.com ",
    "password": "amazing grace was here",
}


async def invitation(world: Running) -> str:
    async with world.console.database.writing() as tx:
        return "/invitations/" + await invite_owner(tx, world.clock())


async def test_the_first_owner_names_the_organization_and_is_signed_in() -> None:
    async with running() as world:
        browser = world.browser()
        path = await invitation(world)
        answer = await browser.submit(path, JOINING)
        assert answer.headers["location"] == "/applications?notice=welcome"
        page = (await browser.get("/applications")).text
        assert "Grace Hopper" in page
        assert "Newcomers" in page


async def test_an_invitation_works_once(world: Running) -> None:
    path = await invitation(world)
    first, second = world.browser(), world.browser()
    token = await second.form_token(path)
    assert (await first.submit(path, JOINING)).status_code == 303
    assert (await second.get(path)).status_code == 404
    again = await second.post(path, {**JOINING, "email": "other@example.com", "form_token": token})
    assert again.status_code == 404


async def test_two_who_accept_at_once_are_one_too_many(world: Running) -> None:
    path = await invitation(world)
    browsers = [world.browser(), world.browser()]
    tokens = [await browser.form_token(path) for browser in browsers]
    answers = await asyncio.gather(
        *(
            browser.post(path, {**JOINING, "email": f"{number}@example.com", "form_token": token})
            for number, (browser, token) in enumerate(zip(browsers, tokens, strict=True))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [303, 404]


async def test_an_invitation_ends_after_a_day_and_looks_like_an_unknown_one(world: Running) -> None:
    path = await invitation(world)
    world.clock.now_s += 24 * 3600 + 1
    ended = await world.browser().get(path)
    unknown = await world.browser().get("/invitations/" + "x" * 43)
    assert ended.status_code == unknown.status_code == 404


async def test_the_database_keeps_no_token_and_no_password(world: Running) -> None:
    path = await invitation(world)
    browser = world.browser()
    await browser.submit(path, JOINING)
    cookie = browser.client.cookies[SIGN_IN_COOKIE]
    folder = world.console.config.data_dir
    stored = b"".join(file.read_bytes() for file in folder.iterdir())
    for secret in (path.removeprefix("/invitations/"), JOINING["password"], cookie):
        assert secret.encode() not in stored


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com, eve@evil.example",
        "ada<eve@evil.example>",
        '"ada lovelace"@example.com',
        "ada(eve)@example.com",
        "ada;eve@example.com",
        "=?utf-8?q?eve?=@example.com",
        "ada@[127.0.0.1]",
        "ada..l@example.com",
        ".ada@example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@exam_ple.com",
        "ada\u202eeve@example.com",
        f"{'a' * 65}@example.com",
        f"ada@{'e' * 64}.com",
    ],
)
def test_what_a_mail_server_could_read_as_another_address_is_none(address: str) -> None:
    with pytest.raises(InputError, match="not an e-mail address"):
        normal_email(address)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Ada@Example.com ", "ada@example.com"),
        ("o'neil+keys@mail.example.co.uk", "o'neil+keys@mail.example.co.uk"),
        ("jörg@müller.example", "jörg@müller.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_usual_addresses_are_taken(typed: str, stored: str) -> None:
    assert normal_email(typed) == stored


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", " ", "needs a name"),
        ("name", "x" * 81, "81 characters"),
        ("email", "nobody", "not an e-mail address"),
        ("email", "a b@example.com", "not an e-mail address"),
        ("email", "ada@example.com", "signs in with this e-mail already"),
        ("password", "elevenchars", "has 11 characters"),
        ("password", "x" * 257, "has 257 characters"),
        ("password", "aaaaaaaaaaaaaaa", "easy to guess"),
        ("password", "grace hopper 1906", "easy to guess"),
    ],
)
async def test_joining_says_what_is_wrong_with_a_field(
    world: Running, field: str, value: str, words: str
) -> None:
    path = await invitation(world)
    browser = world.browser()
    answer = await browser.submit(path, {**JOINING, field: value})
    assert answer.status_code == 422
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert (await browser.get(path)).status_code == 200, "a wrong form does not use the invitation up"


async def test_a_wrong_password_and_an_unknown_email_look_the_same(world: Running) -> None:
    browser = world.browser()
    token = await browser.form_token("/sign-in")
    answers = [
        await browser.post(
            "/sign-in", {"email": email, "password": "wrong", "form_token": token, "next": "/"}
        )
        for email in ("ada@example.com", "eve@example.com")
    ]
    first, second = (answer.text.replace("ada@", "@").replace("eve@", "@") for answer in answers)
    assert first == second
    assert [answer.status_code for answer in answers] == [422, 422]


async def test_an_unknown_user_costs_a_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def fits(stored: str, _typed: str) -> bool:
        hashed.append(stored)
        return True

    passwords = Passwords()
    monkeypatch.setattr("sealgate.console.accounts.passwords.verify_password", fits)
    assert not await passwords.verify(None, "x")
    assert extract_parameters(hashed[0]) == extract_parameters(await passwords.hash("x"))


async def test_guessing_one_account_is_slowed_whether_or_not_it_exists(world: Running) -> None:
    for email in ("ada@example.com", "nobody@example.com"):
        browser = world.browser()
        token = await browser.form_token("/sign-in")
        answers = [
            await browser.post("/sign-in", {"email": email, "password": "wrong", "form_token": token})
            for _ in range(11)
        ]
        assert [answer.status_code for answer in answers] == [422] * 10 + [429]
        assert int(answers[-1].headers["retry-after"]) == 60
    world.clock.now_s += 60
    await world.signed_in()


async def test_a_stranger_who_guesses_does_not_lock_the_owner_out(world: Running) -> None:
    stranger = world.browser()
    stranger.client._transport = httpx.ASGITransport(app=world.site, client=("127.7.9.9", 5000))
    token = await stranger.form_token("/sign-in")
    guess = {"email": "ada@example.com", "password": "wrong", "form_token": token}
    answers = [await stranger.post("/sign-in", guess) for _ in range(12)]
    assert answers[-1].status_code == 429
    await world.signed_in()


def test_a_throttle_forgets_rather_than_grows() -> None:
    throttle = Throttle(1, 60.0, Clock())
    for number in range(MOST_KEYS + 10):
        throttle.admit(str(number))
    assert len(throttle._next_at) <= MOST_KEYS


async def test_signing_in_gives_a_fresh_token_and_ends_the_old_one(world: Running, ada: Browser) -> None:
    old = ada.client.cookies[SIGN_IN_COOKIE]
    token = await ada.form_token("/applications/new")
    await ada.post("/sign-in", {"email": "ada@example.com", "password": PASSWORD, "form_token": token})
    assert ada.client.cookies[SIGN_IN_COOKIE] != old
    stolen = world.browser(cookie=f"{SIGN_IN_COOKIE}={old}")
    assert (await stolen.get("/applications")).status_code == 303


async def test_signing_out_makes_the_cookie_worthless(world: Running, ada: Browser) -> None:
    cookie = ada.client.cookies[SIGN_IN_COOKIE]
    await ada.submit("/sign-out", {}, page="/applications")
    assert SIGN_IN_COOKIE not in ada.client.cookies
    stolen = world.browser(cookie=f"{SIGN_IN_COOKIE}={cookie}")
    assert (await stolen.get("/applications")).status_code == 303


async def test_a_sign_in_ends_after_twelve_idle_hours(world: Running, ada: Browser) -> None:
    world.clock.now_s += IDLE_S - 1
    assert (await ada.get("/applications")).status_code == 200
    world.clock.now_s += IDLE_S - 1
    assert (await ada.get("/applications")).status_code == 200
    world.clock.now_s += IDLE_S + 1
    assert (await ada.get("/applications")).status_code == 303


async def test_a_sign_in_ends_after_a_week_however_busy(world: Running, ada: Browser) -> None:
    end = world.clock.now_s + LONGEST_SIGN_IN_S
    while world.clock.now_s < end - IDLE_S:
        world.clock.now_s += IDLE_S - 60
        assert (await ada.get("/applications")).status_code == 200
    world.clock.now_s = end + 1
    assert (await ada.get("/applications")).status_code == 303


@pytest.mark.parametrize(
    "there",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "/..//evil.example"],
)
async def test_signing_in_never_leads_elsewhere(world: Running, there: str) -> None:
    browser = world.browser()
    answer = await browser.submit(
        "/sign-in", {"email": "ada@example.com", "password": PASSWORD, "next": there}
    )
    assert answer.headers["location"] == "/"


async def test_signing_in_leads_to_the_page_that_was_asked_for(world: Running) -> None:
    browser = world.browser()
    door = await browser.get("/usage")
    assert door.headers["location"] == "/sign-in?next=/usage"
    page = await browser.get(door.headers["location"])
    assert 'name="next" value="/usage"' in page.text


async def test_an_old_hash_is_renewed_when_its_owner_signs_in() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    async with running(hasher=OWASP) as world:
        await world.owner()
        async with world.console.database.writing() as tx:
            (await tx.scalars(select(User))).one().password_hash = old
        await world.signed_in()
        async with world.console.database.reading() as tx:
            assert "m=47104,t=1,p=1" in (await tx.scalars(select(User))).one().password_hash


def test_hashes_are_argon2id_with_the_owasp_parameters() -> None:
    assert hash_password("x").startswith("$argon2id$v=19$m=47104,t=1,p=1$")


async def test_a_console_has_the_owasp_parameters(tmp_path: Path) -> None:
    console = compose(make_config(tmp_path), LineLog("console", EVENTS, io.StringIO()))
    assert (await console.passwords.hash("x")).startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    await console.database.close()


def test_what_stands_for_the_hash_of_nobody_is_one_that_nothing_fits() -> None:
    first, second = hash_of_none(OWASP), hash_of_none(OWASP)
    assert first != second
    assert [len(each) for each in (first, second)] == [len(hash_password("x"))] * 2
    with pytest.raises(VerifyMismatchError):
        OWASP.verify(first, "x")


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    check_password("caf\u00e9 au lait with milk", email="", name="")
    assert verify_password(hash_password("caf\u00e9 au lait"), "cafe\u0301 au lait")


def test_a_refused_password_is_not_quoted() -> None:
    with pytest.raises(InputError) as caught:
        check_password("tooshort1", email="", name="")
    assert "tooshort1" not in str(caught.value) + caught.value.hint


async def test_sign_ins_that_ended_are_swept_away(world: Running, ada: Browser) -> None:
    world.clock.now_s += IDLE_S + 1
    await world.signed_in()
    async with world.console.database.reading() as tx:
        assert len((await tx.scalars(select(SignIn))).all()) == 1
