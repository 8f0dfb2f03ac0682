"""In a real browser: the session key maker, the way to the vault, and what holds for every page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright

from sealgate.console.database import Database
from sealgate.console.feed.services import application_document
from sealgate.console.usage.pricing import Priced
from sealgate.console.usage.services import count_usage
from sealgate.ids import new_id
from sealgate.messages.feed import Application, UsageBatch
from sealgate.session import SessionPublicKey, SigningKey
from tests.console.running import PASSWORD
from tests.console.serving import Serving, serving
from tests.console.test_feed import record

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Visitor:
    """A page in a fresh browser, and everything that it sent or complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sent: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _note(self, request: Request) -> None:
        self.sent.append(f"{request.url} {request.headers} {request.post_data or ''}")

    def _hear(self, line: ConsoleMessage) -> None:
        # The vault's page, to which tickets lead, is not there in these tests.
        if line.type == "error" and not line.location["url"].startswith("http://vault.localhost:"):
            self.complaints.append(f"{line.text} ({line.location['url']})")

    async def sign_in(self, world: Serving) -> None:
        """As Ada."""
        await self.page.goto(f"{world.url}/sign-in")
        await self.page.get_by_label("E-mail").fill("ada@example.com")
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url("**/applications")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    """Started once; each visitor is as a browser that was never used."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield started
        await started.close()


@contextlib.asynccontextmanager
async def visiting(chromium: Chromium) -> AsyncIterator[Visitor]:
    context = await chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    yield Visitor(await context.new_page())
    await context.close()


async def document(world: Serving) -> Application:
    database = Database(world.config.database_path)
    async with database.reading() as tx:
        found = await application_document(tx, world.seeded.application)
    await database.close()
    assert found is not None
    return found


async def test_the_browser_makes_the_pair_and_sends_the_public_half_alone(chromium: Chromium) -> None:
    async with serving() as world, visiting(chromium) as visitor:
        page = visitor.page
        await visitor.sign_in(world)
        await page.goto(f"{world.url}/applications/{world.seeded.application}/session-keys")
        await page.locator("#make-key").get_by_label("Name").fill("production")
        await page.get_by_role("button", name="Make key pair").click()
        pem = await page.locator("#private-pem").inner_text()
        register = page.get_by_role("button", name="Register public half")
        assert await register.is_disabled(), "the private half must be saved first"
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="Download PEM").click()
        download = await downloading.value
        assert (await download.path()).read_text() == pem
        await page.get_by_label("I have saved the private half").check()
        await register.click()
        await page.get_by_text("Session key registered").wait_for()

        entry = (await document(world)).session_keys[0]
        assert download.suggested_filename == f"{entry.kid}.pem"
        signing = SigningKey.from_pem(pem, kid=entry.kid)
        assert signing.public == SessionPublicKey(entry.kid, "Ed25519", entry.public_key)
        for line in pem.splitlines()[1:-1]:
            assert not any(line in each for each in visitor.sent)
            assert line not in await page.content()
        stored = await page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        )
        assert stored == '[{},{},""]'
        assert visitor.complaints == []


async def test_the_form_that_leads_to_the_vault_is_let_through_by_the_content_policy(
    chromium: Chromium,
) -> None:
    async with serving() as world, visiting(chromium) as visitor:
        page = visitor.page
        await visitor.sign_in(world)

        await page.goto(f"{world.url}/applications/{world.seeded.application}/add-on")
        await page.get_by_label("Destination").select_option(label="OpenAI (api.openai.com)")
        vaults = f"{world.config.vault_url}/deposit"
        async with page.expect_request(vaults) as asking:
            await page.get_by_role("button", name="Enter the key").click()
        asked = await (await asking.value).all_headers()
        await page.wait_for_url(f"{vaults}#ticket=*")
        assert page.url == world.desk.tickets[0].deposit_url
        assert not any(world.desk.tickets[0].ticket in each for each in visitor.sent), (
            "it stays in the fragment"
        )
        assert "__Host-sealgate" not in asked.get("cookie", ""), "another name: no cookie of ours"
        assert "referer" not in asked


PAGES = (
    "/applications",
    "/applications/new",
    "/usage",
    "/audit",
    "/members",
    "/retention",
    "/budgets",
    "/tokens",
    "/account",
)
PARTS = ("", "/add-on", "/origins", "/session-keys", "/actions", "/limits", "/sources", "/plans")


async def test_every_page_is_accessible_fits_a_phone_and_keeps_to_the_content_policy(
    chromium: Chromium,
) -> None:
    async with serving() as world, visiting(chromium) as visitor:
        page = visitor.page
        await page.goto(f"{world.url}/sign-in")
        await check_page(page)
        await visitor.sign_in(world)
        app = f"/applications/{world.seeded.application}"
        for path in (*PAGES, *(app + part for part in PARTS)):
            await page.goto(world.url + path)
            await check_page(page)
        assert visitor.complaints == []


async def test_plans_and_budgets_are_as_accessible_once_there_are_some(chromium: Chromium) -> None:
    async with serving() as world, visiting(chromium) as visitor:
        page = visitor.page
        await visitor.sign_in(world)
        for address in (f"/applications/{world.seeded.application}/plans", "/budgets"):
            await page.goto(world.url + address)
            await page.get_by_label("At most").fill("25.50")
            await page.get_by_role("button", name="Set budget").click()
            await page.get_by_text("$25.50 a month").first.wait_for()
            await check_page(page)
        await page.goto(f"{world.url}/applications/{world.seeded.application}/plans")
        for plan in ("free", "pro"):
            if plan == "pro":
                await page.get_by_text("Add a plan").click()
            await page.get_by_label("Plan", exact=True).fill(plan)
            await page.get_by_role("button", name="Add plan").click()
            await page.get_by_role("button", name=f"Remove {plan}").wait_for()
        await page.get_by_text("Change pro").click()
        await check_page(page)
        assert visitor.complaints == []
        await page.get_by_label("At most").fill("a lot")
        await page.get_by_role("button", name="Set budget").click()
        await page.get_by_role("alert").wait_for()
        await check_page(page)


async def test_sources_are_as_accessible_once_there_are_some(chromium: Chromium) -> None:
    async with serving() as world, visiting(chromium) as visitor:
        page = visitor.page
        await visitor.sign_in(world)
        await seal(world, page, "Enter the key")
        await seal(world, page, "Enter another key", under="Another key beside this one")
        await page.goto(f"{world.url}/applications/{world.seeded.application}/sources")
        await page.get_by_label("Other models here").fill("gpt-4o-mini = claude-haiku-4-5")
        await page.get_by_role("button", name="Add source").click()
        await page.get_by_text("Change the source 2").click()
        await check_page(page)
        form = page.locator("details[open]")
        await form.get_by_label("Rank").fill("nine")
        await form.get_by_role("button", name="Save source").click()
        await page.get_by_role("alert").wait_for()
        await check_page(page)
        assert await page.locator("details[open]").get_by_label("Rank").input_value() == "nine"


async def test_a_key_in_two_versions_and_a_page_full_of_usage_are_as_accessible(chromium: Chromium) -> None:
    async with serving() as world, visiting(chromium) as visitor:
        page = visitor.page
        await visitor.sign_in(world)
        await seal(world, page, "Enter the key")
        await seal(world, page, "Stage the next key")
        await page.goto(f"{world.url}/applications/{world.seeded.application}/add-on")
        await check_page(page)
        await page.get_by_role("button", name="Switch to this key").click()
        await page.get_by_role("button", name="Roll back").wait_for()
        await check_page(page)
        await page.get_by_role("link", name="Discard").click()
        await check_page(page)
        await use(world)
        await page.goto(f"{world.url}/usage?from=&to=")
        await page.get_by_text("The same as a table").click()
        await check_page(page)
        assert visitor.complaints == []


async def seal(world: Serving, page: Page, button: str, under: str = "") -> None:
    """Go to the vault for a ticket, and have the key deposited; `under` is what unfolds the button."""
    await page.goto(f"{world.url}/applications/{world.seeded.application}/add-on")
    if under:
        await page.get_by_text(under).click()
    await page.get_by_role("button", name=button).click()
    await page.wait_for_url(f"{world.config.vault_url}/deposit#ticket=*")
    world.desk.deposit()


async def use(world: Serving) -> None:
    """Usage of three days, with and without a price."""
    database = Database(world.config.database_path)
    records = tuple(
        record(number, world.seeded.application, started_at=1_700_000_000.0 + number * 86_400)
        for number in range(1, 4)
    )
    async with database.writing() as tx:
        priced = {1: Priced(3_300, "a table"), 2: Priced(7_000_000_000, "a table")}
        await count_usage(tx, UsageBatch(proxy="prx", epoch=new_id("ep"), records=records), priced)
    await database.close()


FAULTS = """() => {
  const faults = [];
  const shown = (element) => element.checkVisibility();
  const text = (id) => document.getElementById(id)?.textContent.trim();
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (shown(field) && ![...field.labels].some((label) => label.textContent.trim()))
      faults.push(field.outerHTML);
  for (const named of document.querySelectorAll("a, button, summary"))
    if (shown(named) && !named.textContent.trim()) faults.push(named.outerHTML);
  for (const part of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const name of ["aria-labelledby", "aria-describedby"])
      for (const id of (part.getAttribute(name) ?? "").split(" "))
        if (id && !text(id)) faults.push(`${name} ${id}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  faults.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: ${id}`));
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown);
  const levels = headings.map((heading) => Number(heading.tagName[1]));
  const gaps = levels.filter((level, at) => at && level > levels[at - 1] + 1);
  if (levels[0] !== 1 || levels.lastIndexOf(1) !== 0 || gaps.length) faults.push(`headings ${levels}`);
  if (!document.documentElement.lang || !document.querySelector("main")) faults.push("no language or main");
  if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the window");
  return faults;
}"""
"""What nobody may have to do without: names, one heading at the top, no gaps in their order, unique ids."""


async def check_page(page: Page) -> None:
    """No fault in a wide window and on a phone."""
    for width in (1280, 360):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate(FAULTS) == [], f"{page.url} at {width}"
