"""Several workspaces in a real browser: the menu, and a page whose workspace changes in another tab."""

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Server
from playwright.sync_api import Page, expect

from .browser import Browser, cut_off, find_violations, sign_in, sign_in_with_the_form, watched
from .job_states import queue_export, wake
from .test_browser_pages import NARROW

LONG = "Verein der Freundinnen und Freunde der Donaudampfschifffahrt"


@pytest.fixture
def second(serve: Callable[..., Server]) -> tuple[Server, str]:
    """A service with a queued export in its first workspace, and a key of a second one."""
    server = serve()
    queue_export(server)
    return server, server.new_key(workspace=LONG)


@pytest.mark.parametrize("javascript", [True, False])
def test_switch_between_workspaces_by_keyboard(
    browser: Browser, second: tuple[Server, str], javascript: bool
) -> None:
    server, key = second
    with watched(browser, server, java_script_enabled=javascript) as page:
        sign_in_with_the_form(page)
        open_menu(page, "Default")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("header")).to_contain_text(LONG)
        open_menu(page, LONG)
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Default First key")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".workspace")).to_contain_text("Default")


def open_menu(page: Page, name: str) -> None:
    page.locator("header button", has_text=name).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign in to another workspace")).to_be_visible()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": NARROW}])
def test_open_menu_is_accessible_and_nothing_is_cut_off(
    browser: Browser, second: tuple[Server, str], options: dict[str, Any]
) -> None:
    server, key = second
    with watched(browser, server, **options) as page:
        sign_in(page)
        sign_in(page, key)
        page.goto("/console")
        open_menu(page, LONG)
        assert find_violations(page) == []
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        assert cut_off(page) == []
        assert page.evaluate("document.querySelector('.workspaces').getBoundingClientRect().left >= 0")
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Sign in to another workspace")).to_be_hidden()
        expect(page.locator(".workspace")).to_be_focused()


def test_page_that_follows_a_job_never_shows_the_workspace_of_another_tab_beside_its_own(
    browser: Browser, second: tuple[Server, str]
) -> None:
    server, key = second
    with watched(browser, server) as page:
        sign_in(page)
        page.goto("/console")
        expect(page.get_by_text("All subscribers", exact=True)).to_be_visible()
        sign_in(page, key)  # as another tab does
        wake(server)
        expect(page.locator("header")).to_contain_text(LONG)
        expect(page.get_by_text("No jobs yet")).to_be_visible()
        expect(page.get_by_text("All subscribers", exact=True)).to_have_count(0)
