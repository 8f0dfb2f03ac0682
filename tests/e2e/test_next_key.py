"""The next key in a real browser, vault and proxy: tested, staged, switched to, rolled back, discarded."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import Page, expect

from sealgate.session import SessionSigner
from tests.e2e.running_demo import RunningDemo
from tests.e2e.test_own_application import (
    ask,
    create_application,
    go_to_the_sealing_page,
    make_session_key,
    seal,
    sign_in,
)

pytestmark = pytest.mark.chromium


def probe_key(page: Page, root: str, last_four: str) -> None:
    """Test one key, and see that it works."""
    page.goto(f"{root}/add-on")
    row = page.locator(".rows-keys > li", has_text=last_four)
    row.get_by_role("button", name="Test the key").click()
    expect(page.get_by_text("The key was tested")).to_be_visible(timeout=20_000)
    expect(page.locator(".rows-keys > li", has_text=last_four)).to_contain_text("Works")


def used(demo: RunningDemo, signer: SessionSigner) -> str:
    """The last four characters of the key that a request goes out with now."""
    assert ask(demo, signer.token("me", ["api:*"])).status_code == 200
    return str(demo.calls()[-1]["key_last_four"])


def test_the_next_key_is_tested_and_switched_to_and_there_is_a_way_back(
    page: Page, demo: RunningDemo
) -> None:
    sign_in(page, demo)
    application = create_application(page, demo, f"Next key {secrets.token_hex(3)}")
    root = f"{demo.settings.console.url}/applications/{application}"
    signer = SessionSigner(application, demo.settings.instance, make_session_key(page, root))
    go_to_the_sealing_page(page, demo, root, "Enter the key")
    seal(page, demo, "sk-sim-" + secrets.token_urlsafe(30) + "aaaa")
    probe_key(page, root, "aaaa")
    page.get_by_role("button", name="Stage the next key").click()
    seal(page, demo, "sk-sim-" + secrets.token_urlsafe(30) + "bbbb")
    probe_key(page, root, "bbbb")
    assert used(demo, signer) == "aaaa", "the staged key is not used yet"

    page.get_by_role("button", name="Switch to this key").click()
    expect(page.get_by_text("still works at your provider")).to_be_visible()
    assert used(demo, signer) == "bbbb"
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("Rolled back")).to_be_visible()
    assert used(demo, signer) == "aaaa"

    page.get_by_role("link", name="Discard").click()
    page.get_by_role("button", name="Discard the key").click()
    expect(page.get_by_text("Delete it at your provider too")).to_be_visible()
    assert page.locator(".rows-keys > li").count() == 1
    assert used(demo, signer) == "aaaa"


def test_a_pause_refuses_within_a_second(page: Page, demo: RunningDemo) -> None:
    sign_in(page, demo)
    application = create_application(page, demo, f"Paused {secrets.token_hex(3)}")
    root = f"{demo.settings.console.url}/applications/{application}"
    signer = SessionSigner(application, demo.settings.instance, make_session_key(page, root))
    go_to_the_sealing_page(page, demo, root, "Enter the key")
    seal(page, demo, "sk-sim-" + secrets.token_urlsafe(30))
    token = signer.token("me", ["api:*"])
    assert ask(demo, token).status_code == 200
    page.goto(root)
    page.get_by_role("button", name="Pause application").click()
    page.wait_for_timeout(1_000)
    assert ask(demo, token).status_code == 403
    page.get_by_role("button", name="Make active").click()
    page.wait_for_timeout(1_000)
    assert ask(demo, token).status_code == 200
