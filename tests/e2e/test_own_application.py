"""A developer's first hour in a real browser: application, session key, sealed key, use, revocation.

And then the hunt: the key is in no file, log, response or browser storage; what left the page is ciphertext.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from playwright.sync_api import BrowserContext, Page, Request, Response, expect

from sealgate.demo.hunt import hunt, search
from sealgate.session import SessionSigner, SigningKey
from tests.e2e.running_demo import RunningDemo, demo_in, wait_for

pytestmark = pytest.mark.chromium

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello to the gardeners."}]}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningDemo]:
    """A demo of its own: the hunt goes through all of its files."""
    with demo_in(tmp_path / "demo") as running:
        yield running


class Wire:
    """Everything that the browser sent and received."""

    def __init__(self, context: BrowserContext) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.received: list[tuple[str, bytes]] = []
        context.on("request", self._sent)
        context.on("response", self._received)

    def _sent(self, request: Request) -> None:
        body = request.post_data_buffer or b""
        self.sent.append(
            (
                f"{request.method} {request.url}",
                request.url.encode() + json.dumps(request.headers).encode() + body,
            )
        )

    def deposits(self) -> list[str]:
        """Requests that hand in an envelope."""
        return [what for what, _ in self.sent if what.startswith("POST ") and what.endswith("/deposit")]

    def _received(self, response: Response) -> None:
        with contextlib.suppress(Exception):  # a redirect has no body
            self.received.append((response.url, json.dumps(response.headers).encode() + response.body()))


def sign_in(page: Page, demo: RunningDemo) -> None:
    page.goto(demo.settings.console.url)
    page.get_by_label("E-mail").fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(demo.owner_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Applications")).to_be_visible()


def create_application(page: Page, demo: RunningDemo, name: str) -> str:
    page.goto(f"{demo.settings.console.url}/applications/new")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create application").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    found = re.search(r"/applications/(app_[a-z2-7]{20})", page.url)
    assert found
    return found[1]


def make_session_key(page: Page, root: str) -> SigningKey:
    page.goto(f"{root}/session-keys")
    page.get_by_label("Name", exact=True).first.fill("production")
    page.get_by_role("button", name="Make key pair").click()
    pem = page.locator("#private-pem").inner_text()
    kid = page.locator("#make-key input[name=kid]").input_value()
    page.get_by_label("I have saved the private half").check()
    page.get_by_role("button", name="Register public half").click()
    expect(page.get_by_text("production").first).to_be_visible()
    assert pem not in page.content()
    return SigningKey.from_pem(pem, kid)


def go_to_the_sealing_page(page: Page, demo: RunningDemo, root: str, button: str) -> None:
    page.goto(f"{root}/add-on")
    if button == "Replace the key":
        page.get_by_text("Replace the key at once").click()
    options = page.locator("#destination option")
    simulated = next(each for each in options.all() if "Simulated" in each.inner_text())
    page.get_by_label("Destination").select_option(value=simulated.get_attribute("value"))
    page.get_by_role("button", name=button).click()
    confirm = page.get_by_label("Your password")
    if confirm.count():
        confirm.fill(demo.owner_password)
        page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("button", name="Seal key")).to_be_visible()


def seal(page: Page, demo: RunningDemo, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Seal key").click()
    expect(page.get_by_role("heading", name="Key sealed")).to_be_visible()
    page.get_by_role("link", name="Return to the console").click()
    expect(page.get_by_text("Active", exact=True)).to_be_visible()


def ask(demo: RunningDemo, token: str) -> httpx.Response:
    with httpx.Client(timeout=20) as client:
        return client.post(
            f"{demo.proxy_url}/v1/chat/completions", json=ASK, headers={"authorization": f"Bearer {token}"}
        )


def test_from_an_empty_application_to_a_revoked_key(
    page: Page, context: BrowserContext, own: RunningDemo
) -> None:
    key = "sk-sim-" + secrets.token_urlsafe(33)
    wire = Wire(context)
    sign_in(page, own)
    application = create_application(page, own, "Garden tales")
    root = f"{own.settings.console.url}/applications/{application}"
    signing_key = make_session_key(page, root)
    signer = SessionSigner(application, own.settings.instance, signing_key)

    refused = ask(own, signer.token("me", ["api:*"]))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "application_inactive")

    go_to_the_sealing_page(page, own, root, "Enter the key")
    assert page.url.startswith(own.settings.vault.url)
    assert "#" not in page.url
    for shown in ("Garden tales", application, "simulator.localhost"):
        expect(page.get_by_text(shown).first).to_be_visible()
    seal(page, own, key)
    assert page.url.startswith(root)
    expect(page.get_by_text(key[-4:]).first).to_be_visible()

    with openai.OpenAI(api_key=signer.token("me", ["api:*"]), base_url=f"{own.proxy_url}/v1") as client:
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "Say hello to the gardeners."}]
        )
    assert answer.choices[0].message.content
    wait_for(lambda: any(row["application_id"] == application for row in own.usage()))
    page.goto(f"{own.settings.console.url}/usage?application={application}")
    expect(page.get_by_role("cell", name="gpt-4o-mini")).to_be_visible()
    assert "gardeners" not in page.content()

    page.goto(f"{root}/add-on")
    page.get_by_role("link", name=re.compile("Revoke")).first.click()
    page.get_by_label("Type the application").fill("Garden tales")
    page.get_by_role("button", name="Revoke the key").click()
    revoked_at = time.monotonic()
    wait_for(lambda: ask(own, signer.token("me", ["api:*"])).status_code == 403, 5)
    assert time.monotonic() - revoked_at < 1.0
    error = ask(own, signer.token("me", ["api:*"])).json()["error"]
    assert (error["code"], error["who"]) == ("credential_revoked", "administrator")
    expect(page.get_by_text("Key revoked")).to_be_visible()

    hunt_everywhere(page, context, own, wire, key)


def hunt_everywhere(page: Page, context: BrowserContext, own: RunningDemo, wire: Wire, key: str) -> None:
    needle = key.encode()
    lines = own.log().splitlines()
    pids = [own.pid(name) for name in ("vault", "console", "proxy", "newsletter", "simulator")]
    report = hunt(needle, [own.folder], lines, pids)
    assert report.hits == ()
    assert report.planted_found
    assert search(needle, wire.sent) == ()
    assert search(needle, wire.received) == ()
    assert len(wire.deposits()) == 1
    for address in (own.settings.console.url, f"{own.settings.vault.url}/deposit"):
        page.goto(address)
        storage = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        assert search(needle, [("storage", storage.encode())]) == ()
    assert search(needle, [("profile", json.dumps(context.storage_state()).encode())]) == ()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("sk-sim-" + "a" * 30 + "\n" + "b" * 10, "line break"),
        ("sk-sim-short", "20"),
        ("sk-sim-" + "ä" * 30, "character"),
        ("", "no key"),
    ],
)
def test_a_key_that_cannot_be_one_is_told_so_and_nothing_is_sent(
    page: Page, context: BrowserContext, demo: RunningDemo, typed: str, told: str
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    wire = Wire(context)
    sign_in(page, demo)
    application = create_application(page, demo, f"Bad keys {secrets.token_hex(3)}")
    root = f"{demo.settings.console.url}/applications/{application}"
    go_to_the_sealing_page(page, demo, root, "Enter the key")
    page.get_by_label("API key").focus()
    page.evaluate("text => navigator.clipboard.writeText(text)", typed)
    page.keyboard.press("Control+V")
    problem = page.locator("#key-problem")
    if problem.inner_text() == "":
        page.get_by_role("button", name="Seal key").click()
    expect(problem).not_to_be_empty()
    assert told in problem.inner_text().lower()
    assert wire.deposits() == []


def test_a_ticket_works_once(page: Page, context: BrowserContext, demo: RunningDemo) -> None:
    urls: list[str] = []
    page.on("framenavigated", lambda frame: urls.append(frame.url))
    sign_in(page, demo)
    application = create_application(page, demo, f"Once {secrets.token_hex(3)}")
    root = f"{demo.settings.console.url}/applications/{application}"
    go_to_the_sealing_page(page, demo, root, "Enter the key")
    seal(page, demo, "sk-sim-" + secrets.token_urlsafe(30))
    ticket_url = next(url for url in urls if "#ticket=" in url)
    page.goto("about:blank")
    page.goto(ticket_url)
    expect(page.get_by_role("button", name="Seal key")).to_be_hidden()
    expect(page.locator("main")).to_contain_text("ticket")


def test_a_replaced_key_takes_over_at_once(page: Page, demo: RunningDemo) -> None:
    sign_in(page, demo)
    application = create_application(page, demo, f"Replaced {secrets.token_hex(3)}")
    root = f"{demo.settings.console.url}/applications/{application}"
    signer = SessionSigner(application, demo.settings.instance, make_session_key(page, root))
    go_to_the_sealing_page(page, demo, root, "Enter the key")
    seal(page, demo, "sk-sim-" + secrets.token_urlsafe(30) + "aaaa")
    assert ask(demo, signer.token("me", ["api:*"])).status_code == 200
    go_to_the_sealing_page(page, demo, root, "Replace the key")
    seal(page, demo, "sk-sim-" + secrets.token_urlsafe(30) + "bbbb")
    assert ask(demo, signer.token("me", ["api:*"])).status_code == 200
    assert [call["key_last_four"] for call in demo.calls()][-2:] == ["aaaa", "bbbb"]
