"""A real browser on Larkspur as its own process: with the assistant's script, and without it."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, async_playwright, expect

from sealgate.session import SigningKey, verify

pytestmark = pytest.mark.chromium

APP = Path(__file__).parent.parent.parent / "examples" / "newsletter" / "app.py"
INSTANCE, APPLICATION = "inst_" + "b" * 20, "app_" + "c" * 20
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STAND_IN = """
customElements.define("sealgate-assistant", class extends HTMLElement {
  connectedCallback() { this.textContent = "assistant for " + this.getAttribute("for"); }
});
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def healthy(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                request = urllib.request.Request(f"http://127.0.0.1:{port}/healthz")
                request.add_header("host", "newsletter.localhost")
                (await asyncio.to_thread(urllib.request.urlopen, request)).close()
            except urllib.error.URLError:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.fixture
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
async def larkspur(tmp_path: Path, signing_key: SigningKey) -> AsyncIterator[str]:
    """Larkspur started as the demo starts it; gives its address."""
    port = free_port()
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_text(signing_key.to_pem())
    config: dict[str, str | int] = {
        "listen_port": port,
        "public_url": f"http://newsletter.localhost:{port}",
        "proxy_url": f"http://proxy.localhost:{free_port()}",
        "instance": INSTANCE,
        "application": APPLICATION,
        "signing_key_id": signing_key.kid,
        "signing_key_path": str(key),
    }
    (tmp_path / "larkspur.json").write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(APP), "--config", str(tmp_path / "larkspur.json"), cwd=tmp_path
    )
    try:
        await healthy(port)
        yield f"http://newsletter.localhost:{port}"
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) is not None


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        context = await browser.new_context(viewport={"width": 360, "height": 740})
        context.set_default_timeout(15_000)
        yield await context.new_page()
        await browser.close()


async def sign_in(page: Page, address: str) -> None:
    await page.goto(address)
    await page.get_by_role("button", name="Mara").click()
    await page.wait_for_url("**/drafts/*")


async def test_the_page_writes_previews_and_saves_without_the_assistant(page: Page, larkspur: str) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Policy" in message.text else None)
    await sign_in(page, larkspur)
    await expect(page.locator("#assistant-notice")).to_be_visible()
    await expect(page.locator("sealgate-assistant").first).to_be_hidden()
    await page.get_by_label("Subject line").fill("Seedlings")
    await expect(page.locator(".paper h3")).to_have_text("Seedlings")
    await page.get_by_role("button", name="Save draft").click()
    await expect(page.locator("#state")).to_contain_text("Saved")
    await page.reload()
    await expect(page.get_by_label("Subject line")).to_have_value("Seedlings")
    assert refused == []


async def test_the_page_fits_a_phone(page: Page, larkspur: str) -> None:
    await sign_in(page, larkspur)
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_the_assistant_gets_a_session_that_verifies(
    page: Page, larkspur: str, signing_key: SigningKey
) -> None:
    async def stand_in(route: Route) -> None:
        headers = {"access-control-allow-origin": "*", "content-type": "text/javascript"}
        await route.fulfill(body=STAND_IN, headers=headers)

    await page.route("**/assistant/v1/sealgate-assistant.js", stand_in)
    await sign_in(page, larkspur)
    await expect(page.get_by_text("assistant for subject")).to_be_visible()
    await expect(page.locator("#assistant-notice")).to_be_hidden()
    token = await page.evaluate("document.querySelector('sealgate-assistant').getSession()")
    session = verify(token, [signing_key.public], INSTANCE, time.time())
    assert (session.application, session.origin) == (APPLICATION, larkspur)
    cookies = [cookie.get("name") for cookie in await page.context.cookies()]
    assert cookies == ["__Host-larkspur"]
    assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
