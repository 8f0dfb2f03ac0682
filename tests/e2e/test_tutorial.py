"""docs/tutorial.md, step by step, in a real browser: its page and its commands run as they stand there.

Only what differs from machine to machine is put in: ids, ports, the password, and where the files lie.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.running_demo import RunningDemo, wait_for
from tests.e2e.test_own_application import (
    create_application,
    go_to_the_sealing_page,
    make_session_key,
    seal,
    sign_in,
)
from tests.hosts.pages import ROOT, blocks

pytestmark = pytest.mark.chromium

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
NAME = "Garden tales"


@dataclass(frozen=True)
class Own:
    """What the reader of the tutorial has after step 5."""

    demo: RunningDemo
    application: str
    kid: str
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where the page is served."""
        return f"http://page.localhost:{self.port}"

    def adapted(self, text: str) -> str:
        """A block of the tutorial with this reader's ids, ports and folder."""
        exact = {
            "8710": str(self.port),
            "8702": str(self.demo.settings.proxy.port),
            "app_…": self.application,
            "inst_…": self.demo.settings.instance,
            "key_…": self.kid,
            "~/my-page": str(self.folder),
            ".venv/bin/sealgate": f"{sys.executable} -m sealgate",
        }
        for there, here in exact.items():
            assert there not in here
            text = text.replace(there, here)
        return text


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def prepare(page: Page, demo: RunningDemo, folder: Path) -> Own:
    """Steps 2 to 5."""
    port = free_port()
    sign_in(page, demo)
    application = create_application(page, demo, NAME)
    root = f"{demo.settings.console.url}/applications/{application}"
    go_to_the_sealing_page(page, demo, root, "Enter the key")
    seal(page, demo, "sk-sim-" + secrets.token_urlsafe(30))
    page.goto(f"{root}/origins")
    page.get_by_label("Origin", exact=True).fill(f"http://page.localhost:{port}")
    page.get_by_role("button", name="Add origin").click()
    key = make_session_key(page, root)
    key_file = folder / "session-key.pem"
    key_file.touch(mode=0o600)
    key_file.write_text(key.to_pem())
    return Own(demo, application, key.kid, folder, port)


@contextlib.contextmanager
def serving(own: Own) -> Iterator[None]:
    """Step 6: the file from the page, started as the page says."""
    program = own.folder / "my_page.py"
    program.write_text(own.adapted(blocks("tutorial.md")["my_page.py"]))
    arguments = [own.application, own.demo.settings.instance, own.kid, str(own.folder / "session-key.pem")]
    with (own.folder / "my_page.out").open("wb") as out:
        process = subprocess.Popen([sys.executable, program, *arguments], stdout=out, stderr=out)
    try:
        wait_for(lambda: "running on" in (own.folder / "my_page.out").read_text(), 20)
        yield
    finally:
        process.terminate()
        process.wait(10)


def revoke(page: Page, own: Own) -> None:
    """Step 8."""
    page.goto(f"{own.demo.settings.console.url}/applications/{own.application}/add-on")
    page.get_by_role("link", name=re.compile("Revoke the key")).click()
    page.get_by_label("Type the application").fill(NAME)
    page.get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_text("Key revoked")).to_be_visible()


def test_the_tutorial_from_an_application_of_ones_own_to_a_revoked_key(
    page: Page, demo: RunningDemo, tmp_path: Path
) -> None:
    complaints: list[str] = []
    own = prepare(page, demo, tmp_path)
    with serving(own):
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.goto(own.url)
        shorten(page)
        story = page.locator("#story")
        before = story.input_value()
        page.get_by_role("button", name="Replace").click()
        assert 0 < len(story.input_value()) < len(before)
        story.press("Control+z")
        expect(story).to_have_value(before)
        assert [each for each in complaints if "favicon" not in each] == []
        with httpx.Client() as client:
            refused = client.post(f"http://127.0.0.1:{own.port}/assistant/session")
        assert refused.status_code == 403

        curl = next(each for each in re.findall(r"```sh\n(.*?)```", TUTORIAL, re.S) if "curl" in each)
        done = subprocess.run(
            ["bash", "-euc", own.adapted(curl)], capture_output=True, text=True, timeout=60, check=False
        )
        assert '"chat.completion"' in done.stdout, done.stdout + done.stderr

        revoke(page, own)
        page.goto(own.url)
        shorten(page)
        expect(page.locator("sealgate-assistant [part~=problem]")).to_be_visible()


def shorten(page: Page) -> None:
    page.locator("#story").click()
    page.get_by_role("button", name="Write with AI").click()
    page.locator("sealgate-assistant [data-action=shorten]").click()
    begin = page.locator("sealgate-assistant [part~=begin]")
    expect(begin).to_have_text("Shorten")
    begin.click()
