"""Debian's Chromium for tests that share their event loop with the vault: one for all tests of a module.

Starting it takes longer than most of what it is asked then. Each test closes the context that it opened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from tests.e2e.conftest import CHROMIUM_FLAGS


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser, closed at the end."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()
