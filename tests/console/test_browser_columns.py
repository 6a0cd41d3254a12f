"""The columns of a file in a real browser: what a choice shows and hides, what is kept, where the focus goes."""

import re
from collections.abc import Callable

import uploading
from conftest import Server
from playwright.sync_api import expect

from .browser import Browser, find_violations, sign_in, watched

FILE = b"Email,Joined,Plan\nada@example.com,31/01/2024,Free\nbob@example.com,01/02/2024,Team\n"


def test_row_of_a_column_shows_only_what_its_choice_needs(browser: Browser, service: Server) -> None:
    upload = uploading.ready(service, FILE)
    with watched(browser, service, java_script_enabled=False) as page:
        sign_in(page)
        page.goto(f"/console/uploads/{upload['id']}")
        page.locator("main summary").click()
        target = page.get_by_label("What Plan becomes")
        row = page.get_by_role("row").filter(has=target)
        for name in ("Label", "Type", "Options, separated by commas", "Written as"):
            expect(row.get_by_label(name)).to_be_hidden()
        target.select_option("A new custom field")
        expect(row.get_by_label("Label")).to_have_value("Plan")
        expect(row.get_by_label("Options, separated by commas")).to_be_hidden()
        expect(row.get_by_label("Written as")).to_be_hidden()
        row.get_by_label("Type").select_option("Single Select")
        expect(row.get_by_label("Options, separated by commas")).to_be_visible()
        row.get_by_label("Type").select_option("Date")
        expect(row.get_by_label("Written as")).to_be_visible()
        target.select_option("Subscribed at")
        expect(row.get_by_label("Label")).to_be_hidden()
        expect(row.get_by_label("Written as")).to_be_visible()


def test_reload_keeps_the_choices_that_are_not_sent_yet(browser: Browser, service: Server) -> None:
    upload = uploading.ready(service, FILE)
    with watched(browser, service) as page:
        sign_in(page)
        page.goto(f"/console/uploads/{upload['id']}")
        with page.expect_response("**/choices"):
            page.get_by_label("Status", exact=True).select_option("Unconfirmed")
        page.reload()
        expect(page.get_by_label("Status", exact=True)).to_have_value("Unconfirmed")


def test_focus_goes_to_the_problems_and_from_there_to_the_field(browser: Browser, service: Server) -> None:
    upload = uploading.ready(service, FILE)
    with watched(browser, service, ignores="400 (Bad Request)") as page:
        sign_in(page)
        page.goto(f"/console/uploads/{upload['id']}")
        page.locator("main summary").click()
        page.get_by_label("What Plan becomes").select_option("Email")
        page.get_by_role("button", name="Import 2 rows").press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        assert find_violations(page) == []
        page.get_by_role("alert").get_by_role("link").last.press("Enter")
        expect(page.get_by_label("What Plan becomes")).to_be_focused()


def test_long_list_of_tags_has_a_search(browser: Browser, serve: Callable[..., Server]) -> None:
    server = serve()
    for number in range(12):
        server.sdk().tags.create(body={"name": f"Fair {number}"})
    upload = uploading.ready(server, FILE)
    with watched(browser, server) as page:
        sign_in(page)
        page.goto(f"/console/uploads/{upload['id']}")
        page.get_by_label("Fair 3").check()
        page.get_by_label("Search tags").fill("FAIR 11")
        expect(page.get_by_label("Fair 11")).to_be_visible()
        expect(page.get_by_label("Fair 3")).to_be_visible()  # the chosen tags stay visible
        expect(page.get_by_label("Fair 7")).to_be_hidden()
        page.get_by_label("Search tags").press("Enter")
        expect(page).to_have_url(re.compile("/console/uploads/"))


def test_buttons_stay_visible_in_a_long_form(browser: Browser, service: Server) -> None:
    names = [f"Size {number}" for number in range(24)]
    file = ",".join(["Email", *names]) + "\n" + ",".join(["ada@example.com", *names]) + "\n"
    upload = uploading.ready(service, file.encode())
    with watched(browser, service, viewport={"width": 320, "height": 640}) as page:
        sign_in(page)
        page.goto(f"/console/uploads/{upload['id']}")
        page.locator("main summary").click()
        page.get_by_label("What Size 20 becomes").focus()
        expect(page.get_by_role("button", name="Import 1 row")).to_be_in_viewport()
        button, field = (
            page.locator(one).bounding_box() for one in (".action-bar", "select[aria-label='What Size 20 becomes']")
        )
        assert button
        assert field
        assert field["y"] >= button["y"] + button["height"]
        assert find_violations(page) == []


def test_times_are_in_the_zone_of_the_reader_with_utc_as_title(browser: Browser, service: Server) -> None:
    job = service.import_csv("Email,Name\nada@example.com,Ada\n")
    with watched(browser, service, timezone_id="Asia/Kolkata") as page:
        sign_in(page)
        page.goto(f"/console/imports/{job['id']}")
        time = page.locator("time").first
        expect(time).to_have_attribute("title", re.compile("UTC$"))
        shown, utc = time.inner_text(), str(time.get_attribute("title"))
        minutes = [int(hour) * 60 + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d)", shown + utc)]
        assert (minutes[0] - minutes[1]) % 1_440 == 330
