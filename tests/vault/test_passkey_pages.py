"""The vault's pages with passkeys: enrolling, approving a deposit, approving by two.

A real browser with virtual authenticators (WebAuthn section 11), against a real vault.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    CDPSession,
    ConsoleMessage,
    Page,
    Request,
    Route,
    expect,
)

from sealgate.messages.administering import (
    AdministratorInvited,
    AdministratorList,
    ApprovalsMissing,
    AskAdministrators,
    InviteAdministrator,
)
from sealgate.messages.client import Client
from sealgate.messages.tickets import CredentialState, TicketIssued
from sealgate.vault.page_assets import ASSETS
from tests.vault.browsers import chromium
from tests.vault.deployment import Addresses, Deployment, canary_key, running, sealed, vault_config
from tests.vault.test_operator import connected

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  const grave = found.violations.filter((each) => ["serious", "critical"].includes(each.impact));
  return grave.flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.html.slice(0, 200)}`));
}"""


@dataclass
class Desk:
    """Somebody's browser, with the passkeys that are at hand there."""

    page: Page
    devtools: CDPSession
    authenticator: str = ""
    sent: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def plug_in(self, **options: object) -> None:
        """Have an authenticator here, instead of the one before."""
        if self.authenticator:
            await self.devtools.send(
                "WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.authenticator}
            )
        usual = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
        }
        made = await self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": usual | options})
        self.authenticator = made["authenticatorId"]

    async def recognize(self, known: bool) -> None:
        """Let the next finger on the sensor be its owner's, or not."""
        await self.devtools.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": known}
        )

    async def enrol(self, invited: AdministratorInvited) -> None:
        """Follow an invitation to its end."""
        await self.page.goto(invited.link)
        await self.page.get_by_role("button", name="Make a passkey").click()
        await expect(self.page.get_by_role("heading", name="Passkey enrolled")).to_be_visible()

    async def approve(self, link: str) -> None:
        """Follow a proposal's link and approve."""
        await self.page.goto(link)
        await self.page.get_by_role("button", name="Approve with a passkey").click()

    async def type_key(self, issued: TicketIssued, key: bytes) -> None:
        """Come with a ticket and seal a key."""
        await self.page.goto(issued.deposit_url)
        await self.seal(key)

    async def seal(self, key: bytes) -> None:
        await self.page.get_by_label("API key").fill(key.decode())
        await self.page.get_by_role("button", name="Seal key").click()

    async def post(self, path: str, body: object) -> Any:
        """What a script in the page could post, and what the vault answers."""
        return await self.page.evaluate(
            """async ([path, body]) => (await fetch(path, {
              method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body),
            })).json()""",
            [path, body],
        )

    def note_request(self, request: Request) -> None:
        self.sent.append(f"{request.url} {request.post_data}")

    def note_console(self, message: ConsoleMessage) -> None:
        # What the vault refuses is to the browser a resource that failed: no complaint of the page.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


@dataclass
class House:
    """A vault that wants passkeys, its operator, and a browser for everybody who comes."""

    vault: Deployment
    operator: Client
    browser: Browser
    at: Addresses = field(default_factory=Addresses)
    desks: list[Desk] = field(default_factory=list)

    async def desk(self, *, authenticator: bool = True, bypass_policy: bool = False) -> Desk:
        context = await self.browser.new_context(bypass_csp=bypass_policy, reduced_motion="reduce")
        context.set_default_timeout(60_000)
        await context.route("http://console.localhost:8700/**", _console)
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        await devtools.send("WebAuthn.enable")
        desk = Desk(page, devtools)
        self.desks.append(desk)
        page.on("request", desk.note_request)
        page.on("console", desk.note_console)
        if authenticator:
            await desk.plug_in()
        return desk

    async def invite(self, name: str = "", organization: str = "", of: str = "") -> AdministratorInvited:
        order = InviteAdministrator(name=name, organization=organization, administrator=of)
        answer = await self.operator.ask(order)
        assert isinstance(answer, AdministratorInvited)
        return answer

    async def enrolled(self, name: str, organization: str = "") -> Desk:
        """Somebody's desk, with a passkey that the vault knows."""
        desk = await self.desk()
        await desk.enrol(await self.invite(name, organization))
        return desk

    async def proposed(self) -> str:
        """The link to a proposal that waits for two."""
        answer = await self.operator.ask(InviteAdministrator(name="Carol"))
        assert isinstance(answer, ApprovalsMissing)
        return answer.proposal.link

    async def nothing_is_in(self) -> bool:
        """True while the vault has no key of this application."""
        items = (await self.vault.list(self.at)).items
        return all(each.state == CredentialState.AWAITED and not each.versions for each in items)


async def _console(route: Route) -> None:
    await route.fulfill(body="<title>Console</title>", content_type="text/html")


@asynccontextmanager
async def house_in(browser: Browser, folder: Path, policy: tuple[str, ...]) -> AsyncIterator[House]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = vault_config(
        folder, port=port, public_url=f"http://vault.localhost:{port}", deposits_need_passkey=policy
    )
    async with running(config, time.time, io.StringIO(), ASSETS) as vault, connected(config) as operator:
        house = House(vault, operator, browser)
        yield house
        for desk in house.desks:
            await desk.page.context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def house(browser: Browser, folder: Path) -> AsyncIterator[House]:
    async with house_in(browser, folder, ("all",)) as house:
        yield house


async def test_two_people_enrol_and_only_both_together_approve(house: House) -> None:
    ada, grace = await house.enrolled("Ada"), await house.enrolled("Grace")
    link = await house.proposed()
    await ada.approve(link)
    await expect(ada.page.locator("#state")).to_contain_text("It waits for one more administrator.")
    await expect(ada.page.locator("#approvals")).to_contain_text("Ada")
    assert "proposal=" not in ada.page.url
    await ada.page.get_by_role("button", name="Approve with a passkey").click()
    await expect(ada.page.get_by_role("alert")).to_contain_text("You approved this already.")
    assert isinstance(await house.operator.ask(InviteAdministrator(name="Carol")), ApprovalsMissing)
    await grace.approve(link)
    await expect(grace.page.locator("#state")).to_contain_text("Approved")
    await expect(grace.page.get_by_role("button", name="Approve with a passkey")).to_be_hidden()
    assert isinstance(await house.operator.ask(InviteAdministrator(name="Carol")), AdministratorInvited)
    await grace.page.goto(link)
    await expect(grace.page.locator("#state")).to_contain_text("It has been done.")
    assert ada.complaints == grace.complaints == []


async def test_a_second_passkey_of_the_same_person_is_no_second_approval(house: House) -> None:
    ada = await house.desk()
    invited = await house.invite("Ada")
    await ada.enrol(invited)
    again = await house.invite(of=invited.administrator)
    await ada.page.goto(again.link)
    await expect(ada.page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    await ada.page.get_by_role("button", name="Make a passkey").click()
    await expect(ada.page.get_by_role("alert")).to_contain_text("holds a passkey of yours")
    spare = await house.desk()
    await spare.enrol(again)
    await expect(spare.page.get_by_role("main")).to_contain_text("2 passkeys")
    await house.enrolled("Grace")
    link = await house.proposed()
    await ada.approve(link)
    await expect(ada.page.locator("#state")).to_contain_text("one more")
    await spare.approve(link)
    await expect(spare.page.get_by_role("alert")).to_contain_text("a second passkey of yours does not count")


async def test_the_words_of_a_passkey_are_the_ones_in_the_operators_list(house: House) -> None:
    ada = await house.enrolled("Ada")
    words = await ada.page.locator('[data-text="fingerprint"]').inner_text()
    found = await house.operator.ask(AskAdministrators())
    assert isinstance(found, AdministratorList)
    assert [key.fingerprint for each in found.items for key in each.passkeys] == [words]


async def test_a_key_goes_in_once_an_administrator_has_approved_it(house: House) -> None:
    ada, key = await house.enrolled("Ada"), canary_key()
    issued = await house.vault.ticket(house.at)
    await ada.page.goto(issued.deposit_url)
    await expect(ada.page.get_by_text("An administrator of the vault approves this key")).to_be_visible()
    await ada.type_key(issued, key)
    await ada.page.get_by_role("button", name="Stay here").click()
    await expect(ada.page.get_by_role("main")).to_contain_text("Approved by")
    await expect(ada.page.locator("#approved")).to_contain_text("Ada")
    assert (await house.vault.open(house.at, issued.credential))[1] == key
    assert not [each for each in ada.sent if key.decode() in each]
    assert ada.complaints == []


async def test_without_a_passkey_nothing_goes_in_and_the_ticket_and_the_sealed_key_wait(house: House) -> None:
    await house.enrolled("Ada")
    dev, key = await house.desk(), canary_key()
    issued = await house.vault.ticket(house.at)
    await dev.type_key(issued, key)
    await expect(dev.page.get_by_role("heading", name="An administrator approves")).to_be_visible()
    await expect(dev.page.get_by_role("alert").last).to_contain_text(
        "No passkey of an administrator answered"
    )
    assert await dev.page.locator("#key").input_value() == ""
    assert not [each for each in dev.sent if "/deposit {" in each]
    seen = await dev.post("/deposit/ticket", {"ticket": issued.ticket})
    body = {"ticket": issued.ticket, "envelope": sealed(seen, key)}
    assert (await dev.post("/deposit", body))["error"]["code"] == "passkey_required"
    assert await house.nothing_is_in()


async def test_who_was_not_recognized_tries_again_and_types_no_key_anew(house: House) -> None:
    ada, key = await house.enrolled("Ada"), canary_key()
    issued = await house.vault.ticket(house.at)
    await ada.recognize(False)
    await ada.type_key(issued, key)
    approve = ada.page.get_by_role("button", name="Approve with a passkey")
    await expect(ada.page.get_by_role("alert").last).to_contain_text("did not know the person")
    await expect(approve).to_be_focused()
    await ada.recognize(True)
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.get_by_role("heading", name="Key sealed")).to_be_visible()
    assert (await house.vault.open(house.at, issued.credential))[1] == key


async def test_an_administrator_of_another_organization_cannot_approve(house: House) -> None:
    await house.enrolled("Ada")
    other = await house.enrolled("Olga", Addresses().organization)
    await other.type_key(await house.vault.ticket(house.at), canary_key())
    await expect(other.page.get_by_role("alert").last).to_contain_text("No passkey of an administrator")


async def test_what_was_signed_for_one_envelope_lets_no_other_in(house: House) -> None:
    ada = await house.enrolled("Ada")

    async def exchange(route: Route) -> None:
        body: dict[str, Any] = route.request.post_data_json or {}
        envelope = body["envelope"]
        other = envelope[:100] + ("A" if envelope[100] != "A" else "B") + envelope[101:]
        await route.continue_(post_data=body | {"envelope": other})

    issued = await house.vault.ticket(house.at)
    await ada.page.goto(issued.deposit_url)
    await ada.page.route("**/deposit", exchange)
    await ada.seal(canary_key())
    await expect(ada.page.get_by_role("alert").last).to_contain_text("This passkey does not approve this.")
    assert await house.nothing_is_in()


async def test_a_page_may_do_with_passkeys_what_it_is_for_and_nothing_else(house: House) -> None:
    url, desk = house.vault.config.public_url, await house.desk()
    make = """navigator.credentials.create({publicKey: {
      rp: {name: "x"}, user: {id: new Uint8Array(8), name: "x", displayName: "x"},
      challenge: new Uint8Array(32), pubKeyCredParams: [{type: "public-key", alg: -7}]}})"""
    sign = "navigator.credentials.get({publicKey: {challenge: new Uint8Array(32)}})"
    for path, script in (("/deposit", make), ("/approve", make), ("/enrol", sign)):
        await desk.page.goto(url + path)
        told = await desk.page.evaluate(f"{script}.then(() => 'done', (error) => error.message)")
        assert "not enabled in this document" in told, path
    await desk.page.goto(url + "/enrol")
    assert await desk.page.evaluate(f"{make}.then(() => 'done', (error) => error.message)") == "done"


async def test_no_page_of_another_name_can_ask_for_the_vaults_passkeys(house: House) -> None:
    ada = await house.enrolled("Ada")
    await ada.page.goto("http://console.localhost:8700/")
    asked = """navigator.credentials.get({publicKey: {
      challenge: new Uint8Array(32), rpId: "vault.localhost"}}).then(() => "done", (error) => error.name)"""
    assert await ada.page.evaluate(asked) == "SecurityError"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_are_accessible_and_never_scroll_sideways(house: House, scheme: str) -> None:
    desk = await house.desk(bypass_policy=True)

    async def check() -> None:
        for width in (320, 1280):
            await desk.page.set_viewport_size({"width": width, "height": 900})
            assert await desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await desk.page.evaluate(AXE.read_text())
            assert await desk.page.evaluate(GRAVE) == []

    await desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    invited = await house.invite("Ada")
    await desk.page.goto(invited.link)
    await expect(desk.page.get_by_role("heading", name="Become an administrator")).to_be_focused()
    await check()
    await desk.page.keyboard.press("Tab")
    await expect(desk.page.get_by_role("button", name="Make a passkey")).to_be_focused()
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.get_by_role("heading", name="Passkey enrolled")).to_be_focused()
    await check()
    await house.enrolled("Grace")
    await desk.page.goto(await house.proposed())
    await expect(desk.page.get_by_role("button", name="Approve with a passkey")).to_be_visible()
    await check()
    await desk.recognize(False)
    await desk.page.get_by_role("button", name="Approve with a passkey").click()
    await expect(desk.page.get_by_role("alert")).not_to_be_empty()
    await check()
    await desk.type_key(await house.vault.ticket(house.at), canary_key())
    await expect(desk.page.get_by_role("button", name="Approve with a passkey")).to_be_focused()
    await check()
    await desk.page.goto(house.vault.config.public_url + "/approve")
    await expect(desk.page.get_by_role("heading", name="This page needs a proposal")).to_be_focused()
    await check()
