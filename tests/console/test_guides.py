"""The guides of docs/hosts, as the console shows them."""

from __future__ import annotations

import html

import pytest

from sealgate.console.guides import GUIDES, folder
from tests.console.running import Browser, Running


def test_every_guide_is_there_and_every_file_is_a_guide() -> None:
    assert {path.stem for path in folder().glob("*.md")} == set(GUIDES)


@pytest.mark.parametrize("name", GUIDES)
async def test_a_guide_shows_its_code_as_it_stands(ada: Browser, name: str) -> None:
    page = html.unescape((await ada.get(f"/guides/{name}")).text)
    blocks = (folder() / f"{name}.md").read_text().split("```")[1::2]
    assert blocks
    for block in blocks:
        assert block.partition("\n")[2].rstrip() in page
    assert "](" not in page.partition("<main")[2].replace(").content", ""), "a link that was not read"


@pytest.mark.parametrize("name", ["nothing", "..%2Fsecurity", "python.md", "%2e%2e"])
async def test_other_names_are_not_files(ada: Browser, name: str) -> None:
    assert (await ada.get(f"/guides/{name}")).status_code == 404


async def test_the_overview_leads_to_every_guide(world: Running, ada: Browser) -> None:
    page = (await ada.get(f"/applications/{await world.application(ada)}")).text
    for name in GUIDES:
        assert f'href="/guides/{name}"' in page


async def test_the_guides_want_a_sign_in(world: Running) -> None:
    answer = await world.browser().get("/guides/python")
    assert answer.headers["location"].startswith("/sign-in")
