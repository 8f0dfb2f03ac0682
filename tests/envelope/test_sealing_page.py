"""A key typed into the built sealing page, in a real browser, reaches a real vault, sealed."""

from __future__ import annotations

import io
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, Route, expect

from sealgate.vault.page_assets import ASSETS
from tests.vault.browsers import chromium
from tests.vault.deployment import Addresses, Deployment, running, vault_config

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]

KEY = "sk-proj-canary-0123456789abcdefghijklmnopqrstuvWXYZ"


@dataclass
class Browsing:
    """A page, the vault behind it, and everything that the page sent or complained about."""

    page: Page
    vault: Deployment
    at: Addresses = field(default_factory=Addresses)
    sent: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def arrive(self, credential: str | None = None, *, stage: bool = False) -> str:
        """Come from the console with a ticket; gives the credential."""
        issued = await self.vault.ticket(self.at, credential, stage=stage)
        await self.page.goto(issued.deposit_url)
        await expect(self.page.get_by_label("API key")).to_be_focused()
        return issued.credential

    async def seal(self, key: str = KEY) -> None:
        """Type the key and stay to see the receipt."""
        await self.page.get_by_label("API key").fill(key)
        await self.page.keyboard.press("Enter")
        await self.page.get_by_role("button", name="Stay here").click()

    def note_request(self, request: Request) -> None:
        self.sent.append(f"{request.url} {request.headers} {request.post_data}")

    def note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def browsing(browser: Browser) -> AsyncIterator[Browsing]:
    with tempfile.TemporaryDirectory(prefix="sgp") as folder, socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        reserved.close()
        config = vault_config(Path(folder), port=port, public_url=f"http://vault.localhost:{port}")
        async with running(config, time.time, io.StringIO(), ASSETS) as vault:
            context = await browser.new_context(permissions=["clipboard-read", "clipboard-write"])
            context.set_default_timeout(60_000)
            browsing = Browsing(await context.new_page(), vault)
            browsing.page.on("request", browsing.note_request)
            browsing.page.on("console", browsing.note_console)
            await context.route("http://console.localhost:8700/**", console)
            yield browsing
            await context.close()


async def console(route: Route) -> None:
    await route.fulfill(body="<title>Console</title>", content_type="text/html")


async def test_a_typed_key_arrives_sealed_and_only_sealed(browsing: Browsing) -> None:
    credential = await browsing.arrive()
    page = browsing.page
    assert "ticket" not in page.url
    await expect(page.get_by_role("main")).to_contain_text("Larkspur Press")
    await expect(page.get_by_role("main")).to_contain_text(browsing.at.origin)
    await page.get_by_label("API key").fill(KEY)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading")).to_have_text("Key sealed")
    await expect(page.get_by_role("main")).to_contain_text("ends in WXYZ")
    assert await page.locator("#key").input_value() == ""
    await page.wait_for_url("http://console.localhost:8700/applications/**")
    _, key = await browsing.vault.open(browsing.at, credential)
    assert key == KEY.encode()
    assert not any("canary" in sent for sent in browsing.sent)
    assert browsing.complaints == []


async def test_a_staged_key_is_called_so_and_the_key_in_use_stays(browsing: Browsing) -> None:
    in_use = "sk-proj-in-use-0123456789abcdefghijklmnop"
    credential = await browsing.arrive()
    await browsing.seal(in_use)
    await browsing.arrive(credential, stage=True)
    page = browsing.page
    await expect(page.get_by_role("heading")).to_have_text("Stage a new key")
    await expect(page.get_by_text("It becomes version 2 and is staged")).to_be_visible()
    await expect(page.get_by_text("gives way to it", exact=False).last).to_be_hidden()
    await browsing.seal()
    await expect(page.get_by_text("nothing uses it until somebody switches")).to_be_visible()
    assert (await browsing.vault.open(browsing.at, credential))[1] == in_use.encode()
    assert (await browsing.vault.open(browsing.at, credential, 2))[1] == KEY.encode()
    assert browsing.complaints == []


async def test_a_pasted_line_break_is_said_and_nothing_goes_in(browsing: Browsing) -> None:
    await browsing.arrive()
    page = browsing.page
    await page.evaluate("text => navigator.clipboard.writeText(text)", KEY + "\n")
    await page.keyboard.press("Control+V")
    await expect(page.get_by_role("alert")).to_contain_text("The key contains a line break.")
    assert await page.locator("#key").input_value() == ""
    await page.evaluate("text => navigator.clipboard.writeText(text)", KEY)
    await page.keyboard.press("Control+V")
    await expect(page.get_by_role("alert")).to_be_empty()
    assert await page.locator("#key").input_value() == KEY


async def test_a_used_ticket_sends_the_developer_back(browsing: Browsing) -> None:
    issued = await browsing.vault.ticket(browsing.at)
    await browsing.page.goto(issued.deposit_url)
    await browsing.seal()
    await browsing.page.goto(issued.deposit_url)
    await expect(browsing.page.get_by_role("heading")).to_have_text("This ticket does not work")


async def test_a_second_key_says_that_it_replaces_the_first(browsing: Browsing) -> None:
    credential = await browsing.arrive()
    await browsing.seal()
    await browsing.arrive(credential)
    await expect(browsing.page.get_by_role("heading")).to_have_text("Seal a new key")
    await expect(browsing.page.get_by_role("main")).to_contain_text("It becomes version 2")


async def test_the_page_takes_no_markup_from_a_script(browsing: Browsing) -> None:
    await browsing.arrive()
    refusal = await browsing.page.evaluate(
        "() => { try { document.body.innerHTML = '<b>'; return '' } catch (error) { return error.name } }"
    )
    assert refusal == "TypeError"


@pytest.mark.parametrize("width", [320, 1440])
async def test_the_page_never_scrolls_sideways(browsing: Browsing, width: int) -> None:
    await browsing.page.set_viewport_size({"width": width, "height": 640})
    await browsing.arrive()
    assert await browsing.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_keyboard_alone_goes_through_the_page(browsing: Browsing) -> None:
    await browsing.arrive()
    page = browsing.page
    await page.keyboard.type(KEY)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Show the key")).to_be_focused()
    await page.keyboard.press("Space")
    assert await page.locator("#key").get_attribute("type") == "text"
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Seal key")).to_be_focused()
    await page.keyboard.press("Space")
    await expect(page.get_by_role("heading", name="Key sealed")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Stay here")).to_be_focused()
