"""An end user in the demo host application, in a real browser: shorten, watch, stop, apply, undo."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.running_demo import RunningDemo, wait_for

pytestmark = pytest.mark.chromium


def sign_in(page: Page, demo: RunningDemo) -> None:
    page.goto(demo.newsletter_url)
    page.get_by_role("button", name=re.compile("Mara")).click()
    expect(page.locator("#block-1")).to_be_visible()


def open_assistant(page: Page, field: str = "block-1") -> Locator:
    page.locator(f"#{field}").click()
    assistant = page.locator(f"sealgate-assistant[for={field}]")
    assistant.get_by_role("button", name="Write with AI").click()
    return assistant


def shorten(page: Page, field: str = "block-1") -> Locator:
    assistant = open_assistant(page, field)
    assistant.locator("[data-action=shorten]").click()
    assistant.locator("[part~=begin]").click()
    return assistant


def test_words_stream_in_replace_the_text_and_one_undo_brings_it_back(page: Page, demo: RunningDemo) -> None:
    sign_in(page, demo)
    field = page.locator("#block-1")
    before = field.input_value()
    assistant = shorten(page)
    growing = assistant.locator("[part~=result]")
    expect(growing).not_to_be_empty()
    first = len(growing.inner_text())
    wait_for(lambda: len(growing.inner_text()) > first)
    assistant.get_by_role("button", name="Replace").click()
    after = field.input_value()
    assert 0 < len(after) < len(before)
    expect(assistant.locator("[part=status]")).to_contain_text("Undo")
    field.press("Control+z")
    expect(field).to_have_value(before)


def test_the_closing_note_is_replaced_in_place_and_one_undo_brings_it_back(
    page: Page, demo: RunningDemo
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    sign_in(page, demo)
    note, form = page.locator("#closing"), page.locator("input[name=closing]")
    before, paragraphs = form.input_value(), note.inner_html()
    assistant = shorten(page, "closing")
    assistant.get_by_role("button", name="Replace").click()
    expect(form).not_to_have_value(before)
    after = form.input_value()
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#state")).to_contain_text("Saved")
    expect(page.locator("#body-preview")).to_contain_text(after.split("\n\n")[0])
    note.press("Control+z")
    expect(form).to_have_value(before)
    assert note.inner_html() == paragraphs
    assert complaints == []


def test_stop_keeps_the_partial_text_and_ends_the_providers_call(page: Page, demo: RunningDemo) -> None:
    sign_in(page, demo)
    left = sum(call["ended_by"] == "client_left" for call in demo.calls())
    assistant = shorten(page)
    expect(assistant.locator("[part~=result]")).not_to_be_empty()
    assistant.get_by_role("button", name="Stop").click()
    expect(assistant.locator("[part=status]")).to_contain_text("kept")
    kept = assistant.locator("[part~=result]").inner_text()
    assert kept
    wait_for(lambda: sum(call["ended_by"] == "client_left" for call in demo.calls()) == left + 1)
    wait_for(lambda: demo.usage()[-1]["outcome"] == "cancelled")
    assert demo.usage()[-1]["estimated"]
    assert demo.usage()[-1]["action"] == "shorten"
    expect(assistant.get_by_role("button", name="Insert below")).to_be_visible()


def test_it_works_by_keyboard_alone(page: Page, demo: RunningDemo) -> None:
    sign_in(page, demo)
    field = page.locator("#subject")
    before = field.input_value()
    field.focus()
    page.keyboard.press("Control+j")
    assistant = page.locator("sealgate-assistant[for=subject]")
    expect(assistant.get_by_role("textbox")).to_be_focused()
    expect(assistant.get_by_role("menuitem").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(assistant.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    replace = assistant.get_by_role("button", name="Replace")
    expect(replace).to_be_visible()
    replace.focus()
    page.keyboard.press("Enter")
    expect(field).not_to_have_value(before)
    expect(field).to_be_focused()


def test_people_say_in_their_own_words_what_they_want_and_refine_it(page: Page, demo: RunningDemo) -> None:
    sign_in(page, demo)
    assistant = open_assistant(page)
    box = assistant.get_by_role("textbox")
    box.fill("Make it sound like a poster.")
    box.press("Enter")
    expect(assistant.get_by_role("button", name="Replace")).to_be_visible()
    box.fill("Shorter.")
    box.press("Enter")
    expect(assistant.locator("[part=version]")).to_have_text("Version 2 of 2")
    expect(assistant.locator("[part=allowance]")).to_contain_text("requests left this minute")
    wait_for(lambda: [row["endpoint"] for row in demo.usage()[-2:]] == ["assistant.prompt"] * 2)


def test_the_hosts_page_breaks_no_policy_and_keeps_no_token(
    page: Page, context: BrowserContext, demo: RunningDemo
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, demo)
    assistant = shorten(page)
    expect(assistant.get_by_role("button", name="Replace")).to_be_visible()
    assert complaints == []
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "eyJ" not in kept
    hosts = set(page.evaluate("performance.getEntriesByType('resource').map(r => new URL(r.name).hostname)"))
    assert hosts <= {"newsletter.localhost", "proxy.localhost"}


def test_the_demo_page_never_gets_the_consoles_cookie(
    page: Page, context: BrowserContext, demo: RunningDemo
) -> None:
    page.goto(demo.settings.console.url)
    page.get_by_label("E-mail").fill("owner@example.com")
    page.get_by_label("Password", exact=True).fill(demo.owner_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Usage").first).to_be_visible()
    consoles = {str(cookie.get("name")) for cookie in context.cookies(demo.settings.console.url)}
    assert consoles
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.all_headers().get("cookie", "")))
    sign_in(page, demo)
    expect(shorten(page).get_by_role("button", name="Replace")).to_be_visible()
    assert sent
    assert not any(name in cookie for name in consoles for cookie in sent)


def test_a_host_without_the_proxy_says_so_and_everything_else_works(page: Page, demo: RunningDemo) -> None:
    page.route(re.compile(r"proxy\.localhost"), lambda route: route.abort())
    sign_in(page, demo)
    expect(page.get_by_text("The writing assistant cannot be reached")).to_be_visible()
    page.locator("#subject").fill("Still editable")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#subject")).to_have_value("Still editable")
