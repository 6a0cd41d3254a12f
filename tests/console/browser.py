"""Drives a real browser, Debian's Chromium, with Playwright.

Its package chromium-headless-shell is the same browser without windows, and loads a page in half the time.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from conftest import KEY, Server
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from mailrith_lite.testing import Mailrith

from .visitor import TOKEN

REQUIRED = "MAILRITH_LITE_REQUIRE_BROWSER"
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--in-process-gpu",  # with fewer processes, a page takes a tenth less time
    "--renderer-process-limit=1",
)
_TIMEOUT = 30_000  # milliseconds
_SERIOUS = {"serious", "critical"}
_CUT_OFF = """() => [...document.querySelectorAll("body *")]
    .filter((one) => !one.closest(".scroll, .unseen, .skip, svg, thead") && one.getClientRects().length)
    .filter((one) => {
        const around = one.parentElement.closest(".card") || document.documentElement;
        return one.getBoundingClientRect().right > around.getBoundingClientRect().right + 0.5;
    })
    .map((one) => one.outerHTML.slice(0, 120))"""

_EQUAL_ROW = "equal-row"
_MARK_EQUAL_ROWS = f"""() => document.querySelectorAll("tbody").forEach((body) => {{
    const seen = new Set();
    for (const row of body.rows) {{
        const shape = row.className + [...row.querySelectorAll("*")].map((one) => one.tagName + one.className);
        row.toggleAttribute("{_EQUAL_ROW}", seen.has(shape));
        seen.add(shape);
    }}
}})"""

expect.set_options(timeout=_TIMEOUT)


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """Skips the test on a machine without Chromium, unless the variable of `REQUIRED` is set."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, and there is no Chromium: install Debian's package {_NAMES[0]}")
        pytest.skip(f"there is no Chromium on this machine; Debian's package {_NAMES[0]} has it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def watched(browser: Browser, server: Server | Mailrith, *, ignores: str = "\0", **options: Any) -> Iterator[Page]:
    """A page in a new context. Fails at the end after an error or warning in the page or a request to another host.

    Messages that contain `ignores` are allowed.
    """
    context = browser.new_context(base_url=server.url, accept_downloads=True, **options)
    context.set_default_timeout(_TIMEOUT)
    messages: list[str] = []
    with contextlib.closing(context):
        page = context.new_page()
        _collect(context, page, server, messages)
        yield page
    unexpected = [line for line in messages if ignores not in line]
    assert not unexpected, unexpected


def _collect(context: BrowserContext, page: Page, server: Server | Mailrith, messages: list[str]) -> None:
    page.on(
        "console", lambda message: messages.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: messages.append(str(error)))
    context.on(
        "request",
        lambda request: None if request.url.startswith((server.url, "blob:")) else messages.append(request.url),
    )


def sign_in(page: Page, key: str = KEY) -> None:
    """Gives the browser a session, without a visit to a page. Earlier ones of other workspaces stay."""
    form = page.request.get("/console/sign-in?add")
    fields = {"form_token": TOKEN.findall(form.text())[-1], "key": key}
    origin = urljoin(form.url, "/").rstrip("/")
    answer = page.request.post("/console/sign-in", form=fields, headers={"Origin": origin}, max_redirects=0)
    assert answer.status == 303, answer.text()


def sign_in_with_the_form(page: Page, key: str = KEY) -> None:
    """Ends on the first page."""
    page.goto("/console/sign-in")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def find_violations(page: Page, rules: str = "{}") -> list[str]:
    """The serious and critical violations that axe-core finds. `rules`: options of `axe.run` that select rules.

    Of the rows of a table with the same elements and classes it reads the first: 50 rows took ten times as long.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    page.evaluate(_MARK_EQUAL_ROWS)
    options = f"{{resultTypes: ['violations'], preload: false, ...{rules}}}"
    violations = page.evaluate(f"axe.run({{exclude: ['[{_EQUAL_ROW}]']}}, {options})")["violations"]
    return [
        f"{rule['id']}: {node['html']} {node.get('failureSummary', '')}"
        for rule in violations
        if rule["impact"] in _SERIOUS
        for node in rule["nodes"]
    ]


def cut_off(page: Page) -> list[str]:
    """The elements that reach over the right edge of their card or of the window."""
    found: list[str] = page.evaluate(_CUT_OFF)
    return found
