"""axe-core on every page of the console, the sealing page and the assistant: nothing serious or critical.

In light and dark, wide and on a phone. It is what a machine can check, and no more.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.assistant_page import AssistantPage
from tests.e2e.running_demo import RunningDemo
from tests.e2e.test_own_application import (
    create_application,
    go_to_the_sealing_page,
    make_session_key,
    seal,
    sign_in,
)

pytestmark = pytest.mark.chromium

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = """async (rules) => {
  const options = {resultTypes: ["violations"]};
  if (rules.length) options.runOnly = {type: "rule", values: rules};
  const found = await axe.run(document, options);
  const grave = found.violations.filter((each) => ["serious", "critical"].includes(each.impact));
  const said = (each, node) => `${each.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`;
  return grave.flatMap((each) => each.nodes.map((node) => said(each, node)));
}"""
PARTS = ("", "/add-on", "/origins", "/session-keys", "/actions", "/limits", "/sources", "/erase")
SHARED = (
    "/applications",
    "/applications/new",
    "/usage?from=&to=",
    "/audit",
    "/members",
    "/retention",
    "/tokens",
    "/erasures",
    "/notices",
    "/erasures/organization",
)
GUIDES = tuple(f"/guides/{each.stem}" for each in (Path(__file__).parents[2] / "docs" / "hosts").glob("*.md"))
OTHERS = ("/account", *sorted(GUIDES), "/there-is-no-such-page")
SCHEMES: dict[Literal["light", "dark"], list[str]] = {
    "light": [],
    "dark": ["color-contrast", "link-in-text-block"],
}
"""How a page may look, with the rules that are looked at; none named are all."""


@contextmanager
def page_of(chromium: Browser) -> Iterator[Page]:
    """A page whose own content policy does not keep the checker out; nothing else is let in."""
    context = chromium.new_context(bypass_csp=True, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with page_of(chromium) as page:
        yield page


@pytest.fixture(scope="module")
def looking(chromium: Browser, demo: RunningDemo) -> Iterator[Page]:
    """Signed in once for all who only look."""
    with page_of(chromium) as page:
        sign_in(page, demo)
        yield page


@pytest.fixture(scope="module")
def empty(looking: Page, demo: RunningDemo) -> str:
    """Address of an application in which nothing is set up."""
    return made(looking, demo)


@pytest.fixture(scope="module")
def furnished(looking: Page, demo: RunningDemo) -> str:
    """Address of an application with a session key, an active key and a staged one."""
    root = made(looking, demo)
    make_session_key(looking, root)
    go_to_the_sealing_page(looking, demo, root, "Enter the key")
    seal(looking, demo, "sk-sim-" + secrets.token_urlsafe(30))
    looking.get_by_role("button", name="Stage the next key").click()
    seal(looking, demo, "sk-sim-" + secrets.token_urlsafe(30))
    return root


def made(page: Page, demo: RunningDemo) -> str:
    application = create_application(page, demo, f"Looked at {secrets.token_hex(3)}")
    return f"{demo.settings.console.url}/applications/{application}"


def check(page: Page) -> None:
    """Nothing grave in any of the four ways to look at it: every rule in light, those on colours in dark."""
    page.evaluate(AXE.read_text())
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(GRAVE, rules) == [], f"{page.url} {scheme} {width}"


def test_the_vaults_page_for_operators(page: Page, demo: RunningDemo) -> None:
    address = f"http://localhost:{demo.settings.vault.admin_port}"
    page.goto(address)
    expect(page.get_by_role("heading", name="Vault ready")).to_be_visible()
    check(page)
    page.get_by_label("Organization").fill("org_nobody")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("has never seen")).to_be_visible()
    check(page)


def test_the_way_in(page: Page, demo: RunningDemo) -> None:
    page.goto(f"{demo.settings.console.url}/sign-in")
    check(page)
    sign_in(page, demo)
    page.goto(f"{demo.settings.console.url}/members")
    page.get_by_role("button", name="Make invitation link").click()
    check(page)
    page.goto(page.locator("#invitation-link").inner_text())
    check(page)


@pytest.mark.parametrize("part", PARTS)
def test_an_application_while_nothing_is_set_up(looking: Page, empty: str, part: str) -> None:
    looking.goto(empty + part)
    check(looking)


@pytest.mark.parametrize("part", PARTS)
def test_an_application_with_keys(looking: Page, furnished: str, part: str) -> None:
    looking.goto(furnished + part)
    check(looking)


@pytest.mark.parametrize("name", ["Revoke the key", "Discard"])
def test_what_asks_once_more(looking: Page, furnished: str, name: str) -> None:
    looking.goto(f"{furnished}/add-on")
    looking.get_by_role("link", name=name).first.click()
    check(looking)


@pytest.mark.parametrize("path", [*SHARED, *OTHERS])
def test_what_belongs_to_no_application(looking: Page, furnished: str, demo: RunningDemo, path: str) -> None:
    looking.goto(demo.settings.console.url + path)
    check(looking)


def test_the_sealing_page(looking: Page, empty: str, demo: RunningDemo) -> None:
    go_to_the_sealing_page(looking, demo, empty, "Enter the key")
    check(looking)


def test_the_assistant_from_its_button_to_its_answer(page: Page) -> None:
    shown = AssistantPage(page, prompt=True)
    shown.show(
        '<main><h1>Letters</h1><label for="field">Letter</label>'
        '<textarea id="field" rows="6">Come on Saturday.</textarea></main>'
    )
    check(page)
    shown.trigger.click()
    expect(shown.part("panel")).to_be_visible()
    check(page)
    shown.answers("Come.")
    page.locator("sealgate-assistant [data-action=simplify]").click()
    expect(shown.button("Replace")).to_be_visible()
    check(page)


def test_the_checker_finds_what_is_grave(page: Page) -> None:
    page.set_content('<html lang="en"><title>x</title><main><h1>x</h1><input type="text"></main></html>')
    page.evaluate(AXE.read_text())
    assert any("label" in each for each in page.evaluate(GRAVE, SCHEMES["light"]))
    page.set_content(
        '<html lang="en"><title>x</title><main><h1 style="color: #eee">Too pale</h1></main></html>'
    )
    page.evaluate(AXE.read_text())
    assert any("contrast" in each for each in page.evaluate(GRAVE, SCHEMES["dark"]))
