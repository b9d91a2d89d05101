"""One browser for all; for each test a server of its own and a page that is open on it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.scripted_server import TOKEN, ScriptedServer

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
# Without a network, and as root in a container.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser of this machine."""
    assert CHROMIUM is not None, "Install Debian's chromium, or set CHROMIUM to its path."
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[ScriptedServer]:
    """A server that says what the test tells it to say."""
    # Bound here, so that a page that is opened before the server is up only waits.
    listener = socket.create_server(("127.0.0.1", 0))
    scripted = ScriptedServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(
        scripted.app, ws="none", log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield scripted
    server.should_exit = True
    await serving


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, server: ScriptedServer) -> AsyncIterator[Page]:
    """The page, opened by a link that carries an access token."""
    context = await browser.new_context(locale="en-GB", timezone_id="UTC")
    page = await context.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    await page.goto(f"{server.url}/#token={TOKEN}")
    yield page
    await context.close()
