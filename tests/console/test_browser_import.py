"""Imports and exports in a real browser, from the file to the last page."""

import base64
import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import KEY, MAPPINGS, Server
from playwright.sync_api import Page, expect

from mailrith_lite import clock
from mailrith_lite.access import key_table

from .browser import Browser, cut_off, find_violations, sign_in, sign_in_with_the_form, watched
from .job_states import claim_export, claim_import, put_back_export, queue_export, wake, write_progress

DATA = Path(__file__).parents[2] / "data"
FIELDS = {
    "Company": {"type": "Text"},
    "Plan": {"type": "Select (Dropdown)", "settings": {"options": ["Free", "Team", "Business"]}},
    "Seats": {"type": "Number"},
    "Customer since": {"type": "Date"},
    "Notes": {"type": "Text Area"},
}
DROP = """([bytes, name]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))], name));
    const zone = document.querySelector("[data-drop]");
    for (const kind of ["dragenter", "dragover", "drop"]) {
        zone.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""


def drop(page: Page, file: Path) -> None:
    page.evaluate(DROP, [base64.b64encode(file.read_bytes()).decode(), file.name])


@pytest.fixture
def shop(serve: Callable[..., Server]) -> Server:
    """A service with the custom fields of the sample files."""
    server = serve()
    for label, body in FIELDS.items():
        server.sdk().custom_fields.create(body={"label": label, **body})
    return server


async def revoke(server: Server) -> None:
    async with server.services.database.write() as connection:
        await key_table.update_key_revoked(connection, 1, clock.now())


def counts(page: Page) -> dict[str, str]:
    names, numbers = (page.locator(f".row-outcomes {one}").all_inner_texts() for one in ("dt", "dd"))
    return dict(zip(names, numbers, strict=True))


def test_messy_file_is_mapped_tried_imported_and_exported(browser: Browser, shop: Server, tmp_path: Path) -> None:
    with watched(browser, shop) as page:
        sign_in_with_the_form(page)
        page.get_by_role("link", name="New import").click()
        assert find_violations(page) == []
        drop(page, DATA / "messy.csv")
        expect(page.get_by_role("heading", name="What each column is")).to_be_visible()
        assert find_violations(page) == []
        expect(page.get_by_label("What E-Mail becomes")).to_have_value("email")
        page.get_by_label("What Notes becomes").select_option("Leave it out")
        page.get_by_label("New tag").fill("From a <b>fair</b>")
        page.get_by_role("button", name="Try it out first").click()

        expect(page.get_by_role("heading", name="Dry run Completed with refusals")).to_be_visible()
        assert find_violations(page) == []
        expected = {"created": "6", "updated": "2", "unchanged": "1", "refused": "9"}
        assert counts(page) == {f"Would be {name}": count for name, count in expected.items()}
        assert shop.rows("SELECT count(*) FROM subscribers") == [(0,)]
        page.get_by_role("link", name="Edit mapping").click()
        expect(page.get_by_label("What Notes becomes")).to_have_value("")
        expect(page.get_by_label("New tag")).to_have_value("From a <b>fair</b>")
        page.get_by_role("button", name="Import 18 rows").click()

        expect(page.get_by_role("heading", name="Import Completed with refusals")).to_be_visible()
        expect(
            page.get_by_role("img", name="100 % done, 6 created, 2 updated, 1 unchanged, 9 refused")
        ).to_be_visible()
        assert counts(page) == {name.capitalize(): count for name, count in expected.items()}
        page.get_by_text("not an email address in E-Mail").click()
        expect(page.get_by_role("row", name="hugo.habicht").locator("mark")).to_have_text(
            "hugo.habicht(at)example.org"
        )
        expect(page.get_by_text("From a <b>fair</b>")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the report").click()
        download.value.save_as(tmp_path / "report.csv")
        assert len(list(csv.reader((tmp_path / "report.csv").read_text().splitlines()))) == 1 + 9 + 1

        page.get_by_role("link", name="Overview").last.click()
        page.get_by_role("link", name="New export").click()
        page.locator("#status").select_option("Active")
        page.get_by_role("button", name="Start the export").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the file").click()
        download.value.save_as(tmp_path / "export.csv")
    written = (tmp_path / "export.csv").read_bytes().decode()
    assert written == shop.export_csv(status="Active")[1]
    rows = list(csv.DictReader(io.StringIO(written)))
    assert {row["Tags"] for row in rows} == {"From a <b>fair</b>"}


def test_bar_and_speed_follow_every_chunk_to_the_end(browser: Browser, shop: Server) -> None:
    job = claim_import(shop)
    with watched(browser, shop) as page:
        sign_in(page)
        page.goto(f"/console/imports/{job.public_id}")
        expect(page.get_by_text("Reading the whole file")).to_be_visible()
        for created, rejected, percent in ((200, 0, 20), (390, 10, 40), (580, 20, 60), (770, 30, 80)):
            write_progress(shop, job, created=created, rejected=rejected, total=1_000)
            label = f"{percent} % done, {created} created" + (f", {rejected} refused" if rejected else "")
            expect(page.get_by_role("img", name=label)).to_be_visible()
            width = page.locator(".bar .created").get_attribute("width")
            assert float(str(width)) == created
        expect(page.locator("[data-speed] polyline")).to_have_attribute("points", re.compile(r"\d"))
        assert find_violations(page) == []
        write_progress(shop, job, created=960, rejected=40, total=1_000, final=True)
        expect(page.get_by_role("heading", name="Import Completed with refusals")).to_be_visible()
        expect(page.get_by_role("img", name="100 % done, 960 created, 40 refused")).to_be_visible()
        expect(page.get_by_role("link", name="Download the report")).to_be_visible()
        expect(page.locator("#announcement")).to_have_text("Import, Completed with refusals")


def test_page_follows_every_status_of_a_job(browser: Browser, shop: Server) -> None:
    with watched(browser, shop) as page:
        sign_in(page)
        page.goto("/console")
        waiting = queue_export(shop)
        page.goto(f"/console/exports/{waiting}")
        expect(page.get_by_role("heading", name="Export Queued")).to_be_visible()
        with page.expect_response(lambda answer: f"/exports/{waiting}/live?" in answer.url):
            page.reload()
        assert find_violations(page) == []
        claim_export(shop, waiting)
        expect(page.get_by_role("heading", name="Export Processing")).to_be_visible()
        put_back_export(shop, waiting)
        expect(page.get_by_role("heading", name="Export Queued")).to_be_visible()
        wake(shop)
        expect(page.get_by_role("heading", name="Export Completed")).to_be_visible()
        expect(page.get_by_role("link", name="Download the file")).to_be_visible()
        expect(page.locator("#announcement")).to_have_text("Export, Completed")


def test_refused_rows_are_grouped_on_a_phone(browser: Browser, shop: Server) -> None:
    """Six hundred refused rows take a few screens, with the count of each reason and the first rows of one."""
    rows = "".join(f"broken{number},DE\nada{number}@example.com,Atlantis\n" for number in range(300))
    country = {"csv_column": "Country", "field": {"type": "country"}}
    job = shop.import_csv(f"Email,Country\n{rows}", [MAPPINGS[0], country])
    with watched(browser, shop, viewport={"width": 390, "height": 844}) as page:
        sign_in(page)
        page.goto(f"/console/imports/{job['id']}")
        reasons = page.locator("details.reason")
        expect(reasons.locator("summary")).to_have_text(
            [re.compile("^300 × not a country"), re.compile("^300 × not an email")]
        )
        expect(reasons.locator("tbody tr").filter(visible=True).first).to_contain_text("Atlantis")
        assert page.evaluate("document.scrollingElement.scrollHeight") < 8 * 844
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        reasons.last.locator("summary").click()
        expect(reasons.last.locator("tbody tr").first).to_contain_text("broken0")
        assert cut_off(page) == []


def test_list_of_jobs_updates_and_keeps_the_focus(browser: Browser, shop: Server) -> None:
    waiting = queue_export(shop)
    with watched(browser, shop) as page:
        sign_in(page)
        page.goto("/console")
        page.locator(f"#{waiting}").focus()
        expect(page.get_by_role("row", name="Queued")).to_be_visible()
        wake(shop)
        expect(page.get_by_role("row", name="Completed")).to_be_visible()
        expect(page.get_by_role("row", name="Queued")).to_have_count(0)


def test_page_polls_when_it_gets_no_stream(browser: Browser, shop: Server) -> None:
    waiting = queue_export(shop)
    with watched(browser, shop) as page:
        sign_in(page)
        page.route("**/live?*", lambda route: route.fulfill(status=204))
        with page.expect_response(lambda answer: "/part?" in answer.url):
            page.goto(f"/console/exports/{waiting}")
        wake(shop)
        expect(page.get_by_role("heading", name="Export Completed")).to_be_visible()


@pytest.mark.parametrize("body", ["event: end\ndata: over\n\n", "event: part\ndata: "])
def test_page_polls_after_a_broken_stream(browser: Browser, shop: Server, body: str) -> None:
    waiting = queue_export(shop)
    with watched(browser, shop) as page:
        sign_in(page)
        page.route("**/live?*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
        with page.expect_response(lambda answer: "/part?" in answer.url):
            page.goto(f"/console/exports/{waiting}")
        wake(shop)
        expect(page.get_by_role("heading", name="Export Completed")).to_be_visible()


def test_page_goes_to_the_sign_in_when_the_session_is_over(browser: Browser, shop: Server) -> None:
    waiting = queue_export(shop)
    with watched(browser, shop, ignores="401 (Unauthorized)") as page:
        sign_in(page)
        page.goto(f"/console/exports/{waiting}")
        expect(page.get_by_role("heading", name="Export Queued")).to_be_visible()
        page.context.clear_cookies()
        page.route("**/live?*", lambda route: route.fulfill(status=204))
        shop.wait(revoke(shop))
        expect(page.get_by_label("API key")).to_be_visible()


def test_job_can_be_canceled(browser: Browser, shop: Server) -> None:
    waiting = queue_export(shop)
    with watched(browser, shop) as page:
        sign_in(page)
        page.goto(f"/console/exports/{waiting}")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Export Canceled")).to_be_visible()
    assert shop.rows("SELECT status, error_message FROM jobs") == [("Failed", "Canceled by the client.")]


def test_unreadable_file_is_refused_on_the_same_page(browser: Browser, shop: Server, tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text('Email\n"open\n')
    with watched(browser, shop, ignores="Failed to load resource") as page:
        sign_in(page)
        page.goto("/console/imports/new")
        page.get_by_label("CSV file").set_input_files(tmp_path / "broken.csv")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("line 2")
        page.get_by_label("CSV file").set_input_files(DATA / "subscribers.csv")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("1,000 rows")).to_have_count(2)


def test_import_works_without_javascript(browser: Browser, shop: Server) -> None:
    with watched(browser, shop, java_script_enabled=False) as page:
        sign_in(page)
        page.goto("/console")
        page.get_by_role("link", name="New import").click()
        page.get_by_label("CSV file").set_input_files(DATA / "subscribers.csv")
        page.get_by_role("button", name="Continue").click()
        page.locator("main summary").click()
        page.get_by_label("What Interests becomes").select_option("Notes")
        page.get_by_role("button", name="Import 1,000 rows").click()
        page.wait_for_url("**/imports/import_job_*")
        shop.drain()
        page.reload()
        expect(page.get_by_role("heading", name="Import Completed")).to_be_visible()
        assert counts(page)["Created"] == "1,000"


def test_file_can_be_uploaded_for_an_application(browser: Browser, shop: Server) -> None:
    client = shop.sdk()
    upload = client.jobs.start_import_upload()["data"]
    with watched(browser, shop) as page:
        page.goto(upload["upload_url"])
        assert find_violations(page) == []
        page.get_by_label("CSV file").set_input_files(DATA / "messy.csv")
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("heading", name="The file is uploaded")).to_be_visible()
        assert find_violations(page) == []
        body = {"upload_id": upload["id"], "mappings": [{**MAPPINGS[0], "csv_column": "E-Mail"}]}
        job = client.jobs.create_import(body=body)["data"]
        shop.drain()
        page.reload()
        expect(page.get_by_role("heading", name="The application has used the file")).to_be_visible()
        assert find_violations(page) == []
    assert client.jobs.get_import(path={"job_id": job["id"]})["data"]["status"] == "Completed"
    assert KEY not in upload["upload_url"]
