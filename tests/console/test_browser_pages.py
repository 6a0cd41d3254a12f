"""Every page in a real browser: accessibility, narrow windows, keyboard, and no JavaScript."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import uploading
from conftest import MAPPINGS, Server
from playwright.sync_api import Page, ViewportSize, expect

from mailrith_lite import ids

from .browser import Browser, cut_off, find_violations, sign_in, sign_in_with_the_form, watched
from .import_pages import upload_file
from .visitor import signed_in

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
NARROW: ViewportSize = {"width": 320, "height": 640}
LONG = "Anmerkungen_des_Vertriebs_zur_letzten_Bestellung"
CONTRAST = "{runOnly: ['color-contrast']}"
ALL_BUT_CONTRAST = "{rules: {'color-contrast': {enabled: false}}}"


@pytest.fixture(scope="module")
def paths(service: Server) -> dict[str, str]:
    """A path of every kind of page, with content."""
    client = service.sdk()
    field = client.custom_fields.create(body={"label": "Company", "type": "Text"})["data"]
    sequence = client.sequences.create(body={"name": "Welcome", "definition": {"emails": []}})["data"]
    company = {"csv_column": "Company", "field": {"type": "custom-field", "custom_field_id": field["id"]}}
    rows = "".join(f"person{number}@example.com,Person {number},Lerche\n" for number in range(60))
    job = service.import_csv(
        f"Email,Name,Company,Other\n{rows}broken,B,C\n",
        [*MAPPINGS, company],
        new_tag_name="From a fair",
        sequence_ids=[sequence["id"]],
    )
    failed = service.import_csv('Email,Name\n"open\n')
    file = f"Email,Name,{LONG},{LONG}_2\nada@example.com,Ada,{'x' * 90},{'word ' * 30}\n".encode()
    upload = uploading.ready(service, file, name=f"{LONG}.csv")
    dry = uploading.finished(service, uploading.submit(service, upload, dry_run=True))
    partly = uploading.ready(service, b"Email,Country\nada@example.com,Atlantis\nbob@example.com,DE\n")
    country = {"csv_column": "Country", "field": {"type": "country"}}
    mappings = [{"csv_column": "Email", "field": {"type": "email"}}, country]
    partly_dry = uploading.finished(service, uploading.submit(service, partly, mappings=mappings, dry_run=True))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("subscribed.csv", "unsubscribed.csv"):
            archive.writestr(name, "Email,Opt-in,Country\nada@example.com,perhaps,Atlantis\nbroken,on,\n")
    archived = upload_file(signed_in(service), packed.getvalue(), name="members.zip").headers["location"]
    export, _ = service.export_csv(status="Active")
    person = client.subscribers.list()["data"][0]
    body = {
        "name": LONG,
        "url": f"https://localhost/{LONG}",
        "event_patterns": ["*", "subscriber_import.completed"],
    }
    webhook = client.webhook_subscriptions.create(body=body)["data"]["subscription"]
    assert service.call("POST", f"{webhook['self']}/test").status == 202
    service.wait(service.services.dispatcher.drain())
    return {
        "jobs": "/console",
        "import": f"/console/imports/{job['id']}",
        "failed import": f"/console/imports/{failed['id']}",
        "export": f"/console/exports/{export['id']}",
        "new export": "/console/exports/new?status=Active&cold=on",
        "subscribers": "/console/subscribers?search=person1",  # of fifty people, axe-core takes seconds
        "no subscribers": "/console/subscribers?search=nothing+like+it",
        "subscriber": f"/console/subscribers/{person['id']}",
        "erasure": f"/console/subscribers/{person['id']}/erase",
        "subscriber with problems": f"/console/subscribers/{changed_person(service)}",
        "new import": "/console/imports/new",
        "mapping": f"/console/uploads/{upload['id']}",
        "dry run": f"/console/imports/{dry['id']}",
        "dry run with a choice": f"/console/imports/{partly_dry['id']}",
        "files of an archive": archived,
        "columns with questions": archived.replace("?file=", "/").partition("&")[0],
        "corrections": f"/console/imports/{job['id']}/correct",
        "upload": uploading.address(service, upload),
        "segments": "/console/segments",
        "new segment": "/console/segments/new",
        "tags": "/console/tags",
        "tag": f"/console/tags/{client.tags.list()['data'][0]['id']}",
        "custom fields": "/console/custom-fields",
        "custom field": f"/console/custom-fields/{field['id']}",
        "sequences": "/console/sequences",
        "sequence": f"/console/sequences/{sequence['id']}",
        "keys": "/console/keys",
        "key": f"/console/keys/{ids.encode(ids.API_KEY, 1)}",
        "webhooks": "/console/webhooks",
        "audit": "/console/audit",
        "guides": "/console/developers/guides",
        "guide": "/console/developers/guides/webhooks",
        "requests": "/console/developers?operation=createCustomField",
        "webhook": f"/console/webhooks/{webhook['id']}",
    }


def changed_person(service: Server) -> str:
    """The id of a subscriber with a long history, every type of custom field, and a status that a person left."""
    values = {}
    for kind in ("Text Area", "Number", "Date", "Checkbox", "Select (Dropdown)", "Multi Select"):
        settings = {"settings": {"options": ["S", LONG]}} if "Select" in kind else {}
        field = service.call("POST", "/v1/custom-fields", {"label": f"{kind} {LONG}", "type": kind, **settings})
        values[field.json["data"]["id"]] = {
            "Number": 2.5,
            "Date": "2025-04-11",
            "Checkbox": True,
            "Select (Dropdown)": LONG,
            "Multi Select": ["S", LONG],
        }.get(kind, LONG)
    person = service.call("POST", "/v1/subscribers", {"email": "changed@example.com"}).json["data"]
    service.call("PATCH", person["self"], {"name": f"{LONG} {LONG}", "custom_fields": values, "new_tags": [LONG]})
    service.call("PUT", f"{person['self']}/status", {"status": "Unsubscribed"})
    return str(person["id"])


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
        page.goto(paths["jobs"])
        row, rows = (page.locator(f".jobs tbody {one}").first.bounding_box() for one in ("tr", ".rows"))
        assert row
        assert rows
        assert rows["width"] > 0.8 * row["width"]
        page.goto(paths["subscribers"])
        expect(page.locator(".people td[data-label=Tags]").first).to_contain_text("From a fair")


def test_keyboard_reaches_the_actions_and_a_job(browser: Browser, service: Server, paths: dict[str, str]) -> None:
    with watched(browser, service) as page:
        sign_in(page)
        page.goto(paths["jobs"])
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for name in ("New export", "New import"):
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
        page.get_by_role("link", name="Active subscribers", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Export")).to_be_visible()


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
        page.get_by_label("Tag").select_option("From a fair")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="Older").click()
        page.get_by_role("link", name=re.compile("person0@")).click()
        expect(page.get_by_label("Company")).to_have_value("Lerche")
        page.get_by_role("link", name="From a fair").click()
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
        page.goto(paths["import"])
        assert len(set(page.evaluate(script))) == 4
