"""The built pages in a real browser, under the vault's own headers."""

from __future__ import annotations

import contextlib
import io
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Page

from sealgate.vault.page_assets import ASSETS
from tests.vault.browsers import chromium
from tests.vault.deployment import Addresses, Deployment, canary_key, running, vault_config

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vault() -> AsyncIterator[Deployment]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="sgv") as folder:
        config = vault_config(Path(folder), port=port, public_url=f"http://vault.localhost:{port}")
        async with running(config, time.time, io.StringIO(), ASSETS) as deployment:
            yield deployment


async def test_a_key_typed_into_the_page_arrives_sealed(vault: Deployment, page: Page) -> None:
    at, key = Addresses(), canary_key()
    issued = await vault.ticket(at)
    sent: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}"))
    page.on("console", lambda message: said.append(message.text))
    await page.goto(issued.deposit_url)
    await page.fill("#key", key.decode())
    assert issued.ticket not in page.url
    await page.click("#seal")
    await page.wait_for_selector('[data-state="done"]', state="visible")
    assert (await vault.open(at, issued.credential))[1] == key
    assert not [each for each in sent if key.decode() in each]
    assert not said


PATHS = ("/deposit", "/enrol", "/approve")
SCRIPT = "document.createElement('script')"
INJECTIONS = {
    "inline script": f"document.body.append(Object.assign({SCRIPT}, {{text: 'window.evil = 1'}}))",
    "markup": "document.body.innerHTML = '<img src=x onerror=\"window.evil = 1\">'",
    "text as code": "setTimeout('window.evil = 1')",
    "eval": "setTimeout(() => { window.evil = eval('1') })",
    "foreign script": f"document.body.append(Object.assign({SCRIPT}, {{src: '/healthz'}}))",
    "form": "const f = document.createElement('form'); f.action = '/x'; document.body.append(f); f.submit()",
    "elsewhere": "fetch('https://evil.example/').then(() => { window.evil = 1 }, () => 0)",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("injection", INJECTIONS.values(), ids=INJECTIONS.keys())
async def test_what_is_injected_into_the_page_does_not_run_and_reaches_nobody(
    vault: Deployment, page: Page, injection: str, path: str
) -> None:
    await page.goto(vault.config.public_url + path)
    reached: list[str] = []
    page.on("response", lambda response: reached.append(response.url))
    assert await _evil_after(page, injection) is None
    assert not [url for url in reached if not url.endswith("/seal.svg")]  # the page's own icon
    assert page.url.endswith(path)


@pytest.mark.parametrize("name", ["inline script", "markup", "text as code", "eval"])
async def test_the_same_injection_does_run_on_a_page_without_a_policy(page: Page, name: str) -> None:
    await page.set_content("<body></body>")
    assert await _evil_after(page, INJECTIONS[name]) == 1


@pytest.mark.parametrize("path", PATHS)
async def test_the_page_cannot_be_framed(vault: Deployment, page: Page, path: str) -> None:
    await page.set_content(f'<iframe src="{vault.config.public_url}{path}"></iframe>')
    await page.wait_for_load_state()
    frame = page.frames[1]
    assert await frame.locator("#key, #passkey").count() == 0


async def _evil_after(page: Page, script: str) -> object:
    # Playwright evaluates outside the page's policy; what the script then asks of the page is inside it.
    with contextlib.suppress(Error):
        await page.evaluate(f"() => {{ {script} }}")
    await page.evaluate("Promise.all([...document.images].map(i => i.decode().catch(() => 0)))")
    await page.evaluate("new Promise(done => setTimeout(done))")
    return await page.evaluate("window.evil")
