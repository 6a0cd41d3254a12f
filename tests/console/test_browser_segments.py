"""A segment is built in a real browser: the count follows, the keyboard reaches everything, and nothing reloads."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_records import data_of, definition, field, segment, subscriber, tag
from conftest import Server
from playwright.sync_api import Page, Route, ViewportSize, expect

from .browser import Browser, cut_off, find_violations, sign_in, watched

NEW = "/console/segments/new"
PHONE: ViewportSize = {"width": 320, "height": 640}
LONG = "Anmerkungen_des_Vertriebs_zur_letzten_Bestellung"


@pytest.fixture(scope="module")
def audience(service: Server) -> Iterator[Server]:
    readers = tag(service, "Readers")["id"]
    subscriber(service, "ada@example.com", status="Active", country="DE", existing_tag_ids=[readers])
    subscriber(service, "bob@example.com", status="Active", country="DE")
    subscriber(service, "cyd@example.com", status="Active", country="FR", existing_tag_ids=[readers])
    field(service, LONG, "Date")
    yield service


def add(page: Page, name: str, group: int = 0) -> None:
    page.get_by_label("New condition").nth(group).select_option(name)
    page.get_by_role("button", name="Add", exact=True).nth(group).click()


def test_count_follows_the_conditions_without_a_button(browser: Browser, audience: Server) -> None:
    with watched(browser, audience) as page:
        sign_in(page)
        page.goto(NEW)
        count = page.locator("#count")
        expect(page.get_by_role("button", name="Count")).to_be_hidden()
        add(page, "Country")
        expect(page.get_by_label("Operator of Country")).to_be_focused()
        expect(count).to_contain_text("Enter a value.")
        page.get_by_label("Value of Country").fill("Germany")
        expect(count).to_contain_text("2 subscribers")
        add(page, "Tag")
        page.get_by_label("Value of Tag").fill("readers")
        expect(count).to_contain_text("1 subscriber,")
        page.get_by_label("Operator of Tag").select_option("is empty")
        expect(page.get_by_label("Value of Tag")).to_be_hidden()
        expect(count).to_contain_text("1 subscriber,")
        page.get_by_label("They match").select_option("at least one of the conditions")
        expect(count).to_contain_text("2 subscribers")
        page.get_by_role("button", name="Remove the condition on Tag").click()
        expect(page.get_by_label("Value of Country")).to_have_value("Germany")
        page.get_by_label("Value of Country").press("Enter")  # counts, and saves nothing
        expect(count).to_contain_text("2 subscribers")
        assert page.url.endswith(NEW)


def test_late_answer_of_an_older_count_changes_nothing(browser: Browser, audience: Server) -> None:
    with watched(browser, audience) as page:
        sign_in(page)
        page.goto(NEW)
        add(page, "Country")
        value, count = page.get_by_label("Value of Country"), page.locator("#count")
        expect(count).to_contain_text("Enter a value.")
        held: list[Route] = []

        def hold_the_first(route: Route) -> None:
            held.append(route)
            if len(held) > 1:
                route.continue_()

        page.route("**/segments/count", hold_the_first)
        with page.expect_request("**/segments/count"):
            value.fill("FR")
        value.fill("DE")
        expect(count).to_contain_text("2 subscribers")
        held[0].fulfill(body="too late")
        assert page.evaluate("fetch('/healthz').then(() => count.textContent)").split()[0] == "2"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_segment_with_two_groups_is_made_by_keyboard(browser: Browser, audience: Server, script: bool) -> None:
    name = f"Two groups {script}"
    with watched(browser, audience, java_script_enabled=script) as page:
        sign_in(page)
        page.goto(NEW)
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("New condition").select_option("Country")
        page.get_by_role("button", name="Add", exact=True).press("Enter")
        expect(page.get_by_label("Operator of Country")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.type("FR")
        page.get_by_role("button", name="Add a group").press("Enter")
        expect(page.get_by_label("New condition").nth(1)).to_be_focused()
        page.get_by_label("New condition").nth(1).select_option("Status")
        page.get_by_role("button", name="Add", exact=True).nth(1).press("Enter")
        page.get_by_label("Bounced").check()
        page.get_by_label("Subscribers match").select_option("at least one of the groups")
        page.get_by_role("button", name="Create the segment").press("Enter")
        page.wait_for_url("**/segments/segment_*")
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.locator("#count")).to_contain_text("1 subscriber,")
    made = next(one for one in data_of(audience.call("GET", "/v1/segments")) if one["name"] == name)
    assert made["total_subscriber_count"] == 1


def test_label_of_a_group_has_one_line_on_a_phone(browser: Browser, audience: Server) -> None:
    with watched(browser, audience, viewport=PHONE) as page:
        sign_in(page)
        page.goto(NEW)
        label, chosen = (
            page.get_by_text("They match").bounding_box(),
            page.get_by_label("They match").bounding_box(),
        )
        assert label
        assert chosen
        assert label["height"] < chosen["height"] < 60
        assert chosen["width"] > 100


def test_problems_get_the_focus_and_lead_to_their_inputs(browser: Browser, audience: Server) -> None:
    with watched(browser, audience, ignores="400 (Bad Request)") as page:
        sign_in(page)
        page.goto(NEW)
        add(page, LONG)
        page.get_by_label(f"Operator of {LONG}").select_option("before")
        page.get_by_label(f"Value of {LONG}").fill("soon")
        page.get_by_role("button", name="Create the segment").click()
        expect(page.get_by_role("alert")).to_be_focused()
        page.get_by_role("alert").get_by_role("link").last.press("Enter")
        expect(page.get_by_label(f"Value of {LONG}")).to_be_focused()
        check_looks(page)


def test_pages_of_segments_and_exports_are_accessible_and_nothing_is_cut_off(
    browser: Browser, audience: Server
) -> None:
    wide = definition("country", "has_any_of", ["DE", "FR", "GB", "US", "IT"])
    one = segment(audience, f"{LONG} {LONG}", {"match": "any", "groups": wide["groups"] * 2})
    with watched(browser, audience, ignores="400 (Bad Request)") as page:
        sign_in(page)
        exports = ("/console/exports", f"/console/exports/new?segment={one['id']}&columns=chosen")
        for path in ("/console/segments", NEW, f"/console/segments/{one['id']}", *exports):
            page.goto(path)
            check_looks(page)


def test_number_of_an_export_follows_the_filter_and_four_columns_are_chosen(
    browser: Browser, audience: Server, tmp_path: Path
) -> None:
    with watched(browser, audience) as page:
        sign_in(page)
        page.goto("/console")
        page.get_by_role("link", name="Exports", exact=True).click()
        page.get_by_role("link", name="New export").first.click()
        count = page.locator("#count")
        expect(count).to_contain_text("3 subscribers")
        page.get_by_label("Country", exact=True).first.fill("germany")
        expect(count).to_contain_text("2 subscribers")
        page.get_by_label("Only these").check()
        expect(page.get_by_role("checkbox", name="Email")).to_be_checked()
        for name in ("Name", "Tags", "Sequences"):
            page.get_by_role("checkbox", name=name, exact=True).check()
        page.get_by_role("button", name="Start the export").click()
        page.wait_for_url("**/exports/export_job_*")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the file").click()
        download.value.save_as(tmp_path / "export.csv")
    assert (tmp_path / "export.csv").read_text().splitlines()[0] == "Email,Name,Tags,Sequences"


def check_looks(page: Page) -> None:
    for viewport in (PHONE, {"width": 1280, "height": 800}):
        page.set_viewport_size(viewport)
        assert cut_off(page) == [], (page.url, viewport)
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), (page.url, viewport)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            assert find_violations(page) == [], (page.url, viewport, scheme)
