"""The list of subscribers and a bulk change in a real browser: by keyboard, on a phone, and without JavaScript."""

from collections.abc import Callable

import pytest
from api_records import tag
from conftest import MAPPINGS, Server
from playwright.sync_api import Page, expect

from .browser import Browser, cut_off, find_violations, sign_in, watched


@pytest.fixture
def filled(serve: Callable[..., Server]) -> Server:
    """Sixty people, and a tag that nobody has."""
    server = serve()
    server.import_csv("Email,Name\n" + "".join(f"p{number:02}@x.com,Person {number}\n" for number in range(60)))
    tag(server, "VIP")
    return server


def finish(page: Page, server: Server, title: str) -> None:
    """The page of the job that has just been started, after its end."""
    page.wait_for_url("**/bulk-changes/bulk_job_*")
    server.drain()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{title} Completed")


@pytest.mark.parametrize("scripts", [True, False], ids=["with_javascript", "without_javascript"])
def test_chosen_people_get_a_tag_and_the_undo_takes_it(browser: Browser, filled: Server, scripts: bool) -> None:
    with watched(browser, filled, java_script_enabled=scripts) as page:
        sign_in(page)
        page.goto("/console/subscribers")
        for number in (59, 58, 57):
            page.get_by_label(f"Choose p{number}@x.com").check()
        if scripts:
            expect(page.get_by_text("3 chosen")).to_be_visible()
        page.get_by_label("What happens to them").select_option("Add a tag")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("3 people", exact=True)).to_be_visible()
        page.get_by_label("Tag", exact=True).select_option("VIP")
        page.get_by_role("button", name="Add a tag, 3 people").click()
        finish(page, filled, "Add the tag “VIP”")
        page.get_by_role("link", name="Undo", exact=True).click()
        page.get_by_role("button", name="Undo the bulk change").click()
        finish(page, filled, "Undo: Add the tag “VIP”")
    assert filled.rows("SELECT count(*) FROM subscriber_tags") == [(0,)]


def test_box_of_the_head_chooses_everybody_on_the_page(browser: Browser, filled: Server) -> None:
    with watched(browser, filled) as page:
        sign_in(page)
        page.goto("/console/subscribers")
        head = page.get_by_label("Choose everybody on this page")
        head.check()
        expect(page.get_by_text("50 chosen")).to_be_visible()
        page.get_by_label("Choose p30@x.com").uncheck()
        expect(page.get_by_text("49 chosen")).to_be_visible()
        assert head.evaluate("(box) => box.indeterminate")
        page.get_by_label("All 60 that match").check()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("60 people", exact=True)).to_be_visible()


def test_everybody_who_matches_a_search_can_be_erased_by_keyboard(browser: Browser, filled: Server) -> None:
    with watched(browser, filled) as page:
        sign_in(page)
        page.goto("/console/subscribers?search=p0")
        page.get_by_label("All 10 that match").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        expect(page.get_by_label("What happens to them")).to_be_focused()
        page.keyboard.type("Erase")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_label("Type 10 to erase these people").focus()
        page.keyboard.type("10")
        page.keyboard.press("Enter")
        finish(page, filled, "Erase")
    assert filled.rows("SELECT count(*) FROM subscribers") == [(50,)]


@pytest.mark.parametrize(
    ("query", "width", "lowest", "highest"),
    [
        ("", 1440, 24, 26),  # 24 pixels are enough to hit with a mouse
        ("?rows=compact", 1280, 12, 16),  # fifty rows in a window of 1280 by 800
        ("", 390, 48, 110),
        ("?rows=compact", 390, 48, 110),
    ],
)
def test_rows_of_people_are_as_high_as_chosen_and_as_the_window_needs(
    browser: Browser, filled: Server, query: str, width: int, lowest: int, highest: int
) -> None:
    """`lowest`, `highest`: pixels of a row."""
    tag_all(filled)
    with watched(browser, filled, viewport={"width": width, "height": 800}) as page:
        sign_in(page)
        page.goto(f"/console/subscribers{query}")
        expect(page.locator(".people tbody tr")).to_have_count(50)
        table = page.locator(".people tbody").bounding_box()
        assert table
        assert 50 * lowest <= table["height"] <= 50 * highest
        assert find_violations(page) == []
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        assert cut_off(page) == []


def tag_all(server: Server) -> None:
    rows = "".join(f"p{number:02}@x.com\n" for number in range(60))
    readers = [tag(server, name)["id"] for name in ("Readers", "Buyers")]
    server.import_csv(f"Email\n{rows}", [MAPPINGS[0]], existing_tag_ids=readers)


@pytest.mark.parametrize("path", ["subscribers?country=Atlantis", "bulk-changes/new?action=add_tag"])
def test_page_with_a_problem_is_accessible_and_has_the_focus_on_the_summary(
    browser: Browser, filled: Server, path: str
) -> None:
    with watched(browser, filled, ignores="400 (Bad Request)") as page:
        sign_in(page)
        page.goto(f"/console/{path}")
        expect(page.get_by_role("alert")).to_be_focused()
        assert find_violations(page) == []
