"""A real browser: Debian's Chromium, driven by Playwright."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import KEY, Server
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

REQUIRED = "MAILRITH_LITE_REQUIRE_BROWSER"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_TIMEOUT = 30_000  # milliseconds that Playwright waits for what a test expects
_SERIOUS = {"serious", "critical"}

expect.set_options(timeout=_TIMEOUT)


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """Skips the test where there is no Chromium, unless one is required."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, and there is no Chromium: install Debian's package chromium")
        pytest.skip("there is no Chromium on this machine; Debian's package chromium has it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def watched(browser: Browser, server: Server, *, ignores: str = "\0", **options: Any) -> Iterator[Page]:
    """A page of its own, and afterwards: no error in its console but what `ignores` names, no request elsewhere."""
    context = browser.new_context(base_url=server.url, accept_downloads=True, **options)
    context.set_default_timeout(_TIMEOUT)
    told: list[str] = []
    with contextlib.closing(context):
        page = context.new_page()
        watch(context, page, server, told)
        yield page
    assert [line for line in told if ignores not in line] == []


def watch(context: BrowserContext, page: Page, server: Server, told: list[str]) -> None:
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    context.on(
        "request",
        lambda request: None if request.url.startswith((server.url, "blob:")) else told.append(request.url),
    )


def sign_in(page: Page, key: str = KEY) -> None:
    page.goto("/console/sign-in")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def barriers(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody out of the page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html']} {node.get('failureSummary', '')}"
        for rule in found
        if rule["impact"] in _SERIOUS
        for node in rule["nodes"]
    ]
