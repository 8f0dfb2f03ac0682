"""What every request goes through: host names, origins, sizes, headers, failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sealgate.console import front, middleware
from sealgate.console.routes import ROUTES
from tests.console.running import PASSWORD, URL, Browser, Running


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example", "sec-fetch-site": ""},
        {"origin": "null", "sec-fetch-site": ""},
        {"origin": "", "sec-fetch-site": ""},
        {"origin": URL, "sec-fetch-site": "same-site"},
        {"origin": URL, "sec-fetch-site": "none"},
        {"origin": "http://console.test", "sec-fetch-site": ""},
        {"origin": "https://console.test.evil.example", "sec-fetch-site": ""},
        {"origin": "https://vault.test", "sec-fetch-site": "same-site"},
    ],
)
async def test_a_post_from_elsewhere_is_refused_even_with_the_right_token(
    ada: Browser, headers: dict[str, str]
) -> None:
    token = await ada.form_token("/applications/new")
    answer = await ada.post("/applications", {"name": "x", "form_token": token}, **headers)
    assert answer.status_code == 403
    assert "No applications yet" in (await ada.get("/applications")).text


async def test_one_browsers_token_is_worth_nothing_in_another(world: Running, ada: Browser) -> None:
    other = await world.signed_in()
    token = await other.form_token("/applications/new")
    answer = await ada.post("/applications", {"name": "x", "form_token": token})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "console.test.evil.example", "127.0.0.1", "", "console.test@x"]
)
async def test_a_name_that_is_not_ours_is_refused(world: Running, host: str) -> None:
    answer = await world.browser().client.get("/sign-in", headers={"host": host})
    assert answer.status_code == 421


async def test_an_old_name_of_ours_leads_to_the_public_address(world: Running) -> None:
    answer = await world.browser().client.get("/usage", headers={"host": "old-console.test:99"})
    assert (answer.status_code, answer.headers["location"]) == (308, f"{URL}/usage")


async def test_health_is_told_under_any_name(world: Running) -> None:
    answer = await world.browser().client.get("/healthz", headers={"host": "127.0.0.1:8700"})
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_a_form_that_is_too_long_is_refused(ada: Browser) -> None:
    answer = await ada.post("/applications", {"name": "x" * 70_000})
    assert answer.status_code == 413


async def test_a_form_that_never_ends_is_refused(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_TIME_S", 0.05)

    async def body() -> AsyncIterator[bytes]:
        yield b"name="
        await asyncio.Event().wait()

    answer = await ada.client.post(
        "/applications",
        content=body(),
        headers={"content-type": "application/x-www-form-urlencoded", "origin": URL},
    )
    assert answer.status_code == 408


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
async def test_only_forms_are_taken(ada: Browser, kind: str) -> None:
    answer = await ada.client.post(
        "/applications", content=b"name=x", headers={"content-type": kind, "origin": URL}
    )
    assert answer.status_code == 415


async def test_a_form_that_is_not_utf_8_is_refused(ada: Browser) -> None:
    answer = await ada.client.post(
        "/applications",
        content=b"name=%ff&form_token=%ff",
        headers={"content-type": "application/x-www-form-urlencoded", "origin": URL},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/sign-in", "/applications", "/nowhere", "/assets/none.js"])
async def test_every_answer_carries_the_strict_headers(world: Running, path: str) -> None:
    headers = (await world.browser().get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://vault.test;" in policy
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["strict-transport-security"]


async def test_cookies_go_to_this_host_alone_and_no_script_reads_them(world: Running) -> None:
    browser = world.browser()
    seen = (await browser.get("/sign-in")).headers.get_list("set-cookie")
    answer = await browser.submit("/sign-in", {"email": "ada@example.com", "password": PASSWORD})
    seen += [line for line in answer.headers.get_list("set-cookie") if "Max-Age=0" not in line]
    assert {line.partition("=")[0] for line in seen} == {"__Host-sealgate-visitor", "__Host-sealgate-console"}
    for line in seen:
        assert "HttpOnly" in line
        assert "Secure" in line
        assert "Path=/" in line
        assert "SameSite=lax" in line
        assert "Domain" not in line


async def test_a_failure_shows_and_logs_no_details(world: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_visit: object) -> None:
        raise RuntimeError("canary-in-an-exception")

    row = next(index for index, way in enumerate(ROUTES) if way.view is front.home)
    monkeypatch.setattr(front.home, "__code__", fail.__code__)
    assert ROUTES[row].view is front.home
    answer = await world.browser().get("/")
    assert answer.status_code == 500
    assert "canary" not in answer.text + world.lines.getvalue()
    assert "request_failed kind=RuntimeError route=/" in world.lines.getvalue()


async def test_the_log_has_no_email_address_or_password(world: Running) -> None:
    browser = world.browser()
    await browser.submit("/sign-in", {"email": "ada@example.com", "password": "not the right one"})
    await world.signed_in()
    lines = world.lines.getvalue()
    assert "signed_in user=usr_" in lines
    for word in ("ada", "example.com", "127.7", "right one", PASSWORD):
        assert word not in lines


async def test_what_is_not_there_is_a_page_of_ours(ada: Browser) -> None:
    for path in ("/nowhere", "/applications/x/y/z"):
        answer = await ada.get(path)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text
    assert (await ada.client.delete("/applications", headers={"origin": URL})).status_code == 415
