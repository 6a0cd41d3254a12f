"""The page of one subscriber in a real browser: by mouse, by keyboard, and without JavaScript."""

from typing import Any

import pytest
from conftest import Server
from playwright.sync_api import Page, expect

from .browser import Browser, find_violations, sign_in, watched


@pytest.fixture
def person(server: Server) -> Any:
    body = {"email": "ada@example.com", "name": "Ada", "status": "Active", "new_tags": ["Red"]}
    return server.call("POST", "/v1/subscribers", body).json["data"]


def press_until(page: Page, role: Any, name: str) -> None:
    """Tabs to the element, within the number of presses that a form of this size takes."""
    element = page.get_by_role(role, name=name, exact=True)
    for _ in range(40):
        page.keyboard.press("Tab")
        if element.evaluate("(one) => one === document.activeElement"):
            return
    pytest.fail(f"{name} is not reached by Tab")


def test_subscriber_is_edited_and_erased_with_the_mouse(browser: Browser, server: Server, person: Any) -> None:
    with watched(browser, server, java_script_enabled=False) as page:
        sign_in(page)
        page.goto("/console")
        page.get_by_role("link", name="Subscribers").click()
        page.get_by_role("link", name="ada@example.com").click()
        page.get_by_label("Name").fill("Ada Lovelace")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
        page.get_by_label("Add a tag").fill("Blue")
        page.get_by_role("button", name="Add the tag").click()
        page.get_by_role("button", name="Remove the tag Red").click()
        expect(page.get_by_role("link", name="Blue")).to_be_visible()
        page.get_by_role("button", name="Unsubscribe").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Unsubscribed")
        lines = page.locator(".history > li")
        expect(lines.nth(0)).to_contain_text("Active → Unsubscribed")
        expect(lines.nth(1)).to_contain_text("− Red")
        expect(lines.nth(2)).to_contain_text("+ Blue")
        expect(lines.nth(3)).to_contain_text("Ada → Ada Lovelace")
        expect(lines.nth(4)).to_contain_text("Created over the API")
        page.get_by_role("link", name="Erase").click()
        expect(page.get_by_role("heading", name="What goes")).to_be_visible()
        page.get_by_role("button", name="Erase the subscriber").click()
        expect(page.get_by_role("heading", name="No subscribers yet")).to_be_visible()
    assert server.call("GET", person["self"]).status == 404


def test_subscriber_is_edited_with_the_keyboard(browser: Browser, server: Server, person: Any) -> None:
    path = f"/console/subscribers/{person['id']}"
    with watched(browser, server, ignores="400 (Bad Request)") as page:
        sign_in(page)
        page.goto(path)
        press_until(page, "textbox", "Country")
        page.keyboard.type("Atlantis")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        assert find_violations(page) == []
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the link of the problem leads to its field
        expect(page.get_by_label("Country")).to_be_focused()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("Germany")
        press_until(page, "button", "Save")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
        press_until(page, "combobox", "Status")
        page.keyboard.type("Bounced")
        press_until(page, "button", "Change the status")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Bounced")
    saved = server.call("GET", person["self"]).json["data"]
    assert (saved["country"], saved["status"]) == ("DE", "Bounced")
