"""Files as other tools write them, imported in a real browser as the page proposes."""

import re
from typing import Any

import pytest
from conftest import Server
from moving_in.cases import CASES, DIRECTORY, check_outcome, make_fields
from playwright.sync_api import Page, expect

from .browser import Browser, find_violations, sign_in, watched

AS_PROPOSED = ["shopify.csv", "mailchimp-subscribed.csv", "no-header.csv"]
"""The tests of moving in have every file."""
BY_NAME = {case["file"]: case for case in CASES}


def choose_file(page: Page, name: str) -> None:
    sign_in(page)
    page.goto("/console/imports/new")
    page.get_by_label("CSV file").set_input_files(DIRECTORY / name)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Match the columns")).to_be_visible()


def finished_job(server: Server, page: Page) -> Any:
    page.wait_for_url("**/imports/import_job_*")
    server.drain()
    path = f"/v1/jobs/subscriber-imports/{page.url.rpartition('/')[2]}"
    return server.call("GET", path).json["data"]


@pytest.mark.parametrize("name", AS_PROPOSED)
def test_file_of_another_tool_is_imported_as_proposed(browser: Browser, server: Server, name: str) -> None:
    case = BY_NAME[name]
    make_fields(server, case)
    with watched(browser, server) as page:
        choose_file(page, name)
        if source := case.get("analysis", {}).get("source"):
            expect(page.get_by_text(re.compile(f"export from {source}", re.IGNORECASE))).to_be_visible()
        for question in page.locator(".question").all():
            question.get_by_role("radio").first.check()
        page.get_by_role("button", name=re.compile("^Import ")).click()
        job = finished_job(server, page)
    check_outcome(server, case, job)


def test_import_starts_only_after_an_answer_about_the_name_of_the_file(browser: Browser, server: Server) -> None:
    case = BY_NAME["unsubscribed_members_export_4f2a.csv"]
    with watched(browser, server, ignores="400 (Bad Request)") as page:
        choose_file(page, case["file"])
        assert find_violations(page) == []
        page.get_by_role("button", name="Import 1 row").click()
        expect(page.get_by_role("alert")).to_be_focused()
        assert find_violations(page) == []
        assert server.rows("SELECT count(*) FROM jobs") == [(0,)]
        page.get_by_role("alert").get_by_role("link").first.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Import 1 row").press("Enter")
        job = finished_job(server, page)
    check_outcome(server, case, job)


def test_question_about_the_order_of_dates_is_answered_in_place(browser: Browser, server: Server) -> None:
    case = BY_NAME["dates-undecided.csv"]
    make_fields(server, case)
    with watched(browser, server, java_script_enabled=False) as page:
        choose_file(page, case["file"])
        page.locator(".question").get_by_role("radio").first.check()
        page.get_by_role("button", name="Try it out first").click()
        assert finished_job(server, page)["status"] == "Completed"


def test_import_does_not_start_before_each_question_about_consent_has_an_answer(
    browser: Browser, server: Server
) -> None:
    case = BY_NAME["consent-in-other-words.csv"]
    with watched(browser, server, ignores="400 (Bad Request)") as page:
        choose_file(page, case["file"])
        questions = page.locator(".question")
        expect(questions.first).to_be_visible()
        for number in range(questions.count()):
            page.get_by_role("button", name=re.compile("^Import ")).click()
            expect(page.get_by_role("alert")).to_be_visible()
            assert server.rows("SELECT count(*) FROM jobs") == [(0,)]
            questions.nth(number).get_by_role("radio").last.check()
        page.get_by_role("button", name=re.compile("^Import ")).click()
        assert finished_job(server, page)["status"] == "Completed"
