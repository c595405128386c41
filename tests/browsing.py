"""A real browser: Chromium without a window."""

import shutil
from contextlib import asynccontextmanager

import pytest
from patience import PATIENCE
from playwright.async_api import async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=1000 * PATIENCE)

in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed; make tools")


@asynccontextmanager
async def browser_tab(**options):
    """Open a tab.

    Wait in it by expectations, never by ``wait_for_function``: where the first look comes too early, that evaluates its
    string in the page, and our pages' policy forbids it.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1000 * PATIENCE)
        tab = await browser.new_page(**options)
        tab.set_default_timeout(1000 * PATIENCE)
        yield tab
        await browser.close()
