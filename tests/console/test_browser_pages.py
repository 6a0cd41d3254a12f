"""Every page in a real browser: accessibility, narrow windows, keyboard, and no JavaScript."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import uploading
from conftest import Server
from playwright.sync_api import Page, ViewportSize, expect

from .browser import Browser, cut_off, find_violations, sign_in, sign_in_with_the_form, watched
from .page_paths import page_paths

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
NARROW: ViewportSize = {"width": 320, "height": 640}
MAIN_ACTION = "main .main:is(a, button)"
MAX_PRESSES = 14  # the skip link, Enter, and twelve more
LAYOUT_SHIFT = """() => new Promise((resolve) => {
    let shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((one) => (shift += one.value)))
        .observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(shift))));
})"""
LONG = "Anmerkungen_des_Vertriebs_zur_letzten_Bestellung"
CONTRAST = "{runOnly: ['color-contrast']}"
ALL_BUT_CONTRAST = "{rules: {'color-contrast': {enabled: false}}}"


@pytest.fixture(scope="module")
def paths(service: Server) -> dict[str, str]:
    upload = uploading.ready(service, f"Email,{LONG}\nada@example.com,x\n".encode(), name=f"{LONG}.csv")
    return page_paths(service, LONG) | {"upload": uploading.address(service, upload)}


def test_axe_reports_a_known_violation(browser: Browser, service: Server) -> None:
    with watched(browser, service) as page:
        page.set_content('<html lang="en"><title>x</title><main><input></main>')
        assert any(violation.startswith("label") for violation in find_violations(page))


@pytest.mark.long
def test_pages_are_accessible_in_light_in_dark_and_on_a_phone(
    browser: Browser, service: Server, paths: dict[str, str]
) -> None:
    with watched(browser, service, viewport=DESKTOP) as page:
        check_looks(page, "/console/sign-in")
        sign_in(page)
        for path in paths.values():
            check_looks(page, path)


def check_looks(page: Page, path: str) -> None:
    """The scheme changes the colors alone, and the width changes everything else."""
    page.goto(path)
    assert find_violations(page) == [], path
    page.emulate_media(color_scheme="dark")
    assert find_violations(page, CONTRAST) == [], ("dark", path)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    assert find_violations(page, ALL_BUT_CONTRAST) == [], ("on a phone", path)
    page.set_viewport_size(DESKTOP)


def test_nothing_is_cut_off_in_a_narrow_window(browser: Browser, service: Server, paths: dict[str, str]) -> None:
    with watched(browser, service, ignores="404 (Not Found)", viewport=NARROW) as page:
        page.goto("/console/sign-in")
        assert cut_off(page) == []
        sign_in(page)
        for path in [*paths.values(), "/console/nothing"]:
            page.goto(path)
            for viewport in (PHONE, NARROW):
                page.set_viewport_size(viewport)
                assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), (viewport, path)
                assert cut_off(page) == [], (viewport, path)
        page.goto(paths["/"])
        row, rows = (page.locator(f".jobs tbody {one}").first.bounding_box() for one in ("tr", ".rows"))
        assert row
        assert rows
        assert rows["width"] > 0.8 * row["width"]
        page.goto(paths["filtered people"])
        expect(page.locator(".people td[data-label=Tags]").first).to_contain_text(LONG)


def test_keyboard_reaches_the_actions_and_a_job(browser: Browser, service: Server, paths: dict[str, str]) -> None:
    with watched(browser, service) as page:
        sign_in(page)
        page.goto(paths["/"])
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for name in ("New export", "New import"):
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
        page.locator(".jobs a[href*=export_job]").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Export")).to_be_visible()


def test_main_action_of_every_page_is_a_few_keys_away(
    browser: Browser, service: Server, paths: dict[str, str]
) -> None:
    distances = {}
    with watched(browser, service) as page:
        sign_in(page)
        for path in paths.values():
            page.goto(path)
            if page.locator(MAIN_ACTION).first.is_visible():
                distances[path] = presses_to_the_main_action(page)
    assert len(distances) > 15
    assert {path: presses for path, presses in distances.items() if presses > MAX_PRESSES} == {}


def presses_to_the_main_action(page: Page) -> int:
    """The keys from the start of the page: Tab to the link that skips the navigation, Enter, and Tab."""
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for presses in range(3, 60):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches('{MAIN_ACTION}')"):
            return presses
    return 60


def test_no_page_shifts_while_it_loads(browser: Browser, service: Server, paths: dict[str, str]) -> None:
    with watched(browser, service, viewport=DESKTOP) as page:
        sign_in(page)
        shifts = {}
        for path in paths.values():
            page.goto(path, wait_until="load")
            shifts[path] = page.evaluate(LAYOUT_SHIFT)
    assert {path: shift for path, shift in shifts.items() if shift} == {}


def test_export_works_without_javascript(browser: Browser, serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    server.import_csv("Email,Name\nada@example.com,Ada\nbob@example.com,Bob\n")
    with watched(browser, server, java_script_enabled=False) as page:
        sign_in_with_the_form(page)
        page.get_by_role("link", name="New export").click()
        page.get_by_label("Search").fill("ada")
        page.get_by_role("button", name="Count").click()
        expect(page.get_by_text("1 subscriber", exact=True)).to_be_visible()
        page.get_by_role("button", name="Start the export").click()
        page.wait_for_url("**/exports/export_job_*")
        server.drain()
        page.reload()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the file").click()
        download.value.save_as(tmp_path / "export.csv")
    assert "ada@example.com" in (tmp_path / "export.csv").read_text()


def test_jobs_and_subscribers_work_without_javascript(
    browser: Browser, service: Server, paths: dict[str, str]
) -> None:
    with watched(browser, service, java_script_enabled=False) as page:
        sign_in_with_the_form(page)
        page.locator(".jobs a[href*=import_job]").last.click()
        expect(page.get_by_role("heading", name="Refused rows")).to_be_visible()
        page.get_by_role("link", name="Subscribers").click()
        page.get_by_text("Tags, sequences, custom fields").click()
        page.get_by_label("Which tags").select_option(LONG)
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="Next page").click()
        page.get_by_role("link", name=re.compile("person0@")).click()
        expect(page.get_by_role("textbox", name=LONG, exact=True)).to_have_value(LONG)
        page.get_by_role("link", name=LONG).first.click()
        expect(page.get_by_role("heading", name="Subscribers")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key")).to_be_visible()


def test_forced_colours_keep_the_legend_of_the_bar(
    browser: Browser, service: Server, paths: dict[str, str]
) -> None:
    script = """() => [...document.querySelectorAll(".row-outcomes dt")]
        .map((one) => getComputedStyle(one, "::before").backgroundColor)"""
    with watched(browser, service, forced_colors="active") as page:
        sign_in(page)
        page.goto(paths["/imports/{job_id}"])
        assert len(set(page.evaluate(script))) == 4
