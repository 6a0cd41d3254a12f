"""What a page says when the service, or the proxy in front of it, does not answer as it should."""

from collections.abc import Callable
from pathlib import Path

from conftest import Server
from playwright.sync_api import expect

from .browser import Browser, find_violations, sign_in, watched
from .job_states import queue_export, wake


def test_lost_connection_is_shown_until_the_service_answers_again(
    browser: Browser, serve: Callable[..., Server]
) -> None:
    server = serve()
    waiting = queue_export(server)
    with watched(browser, server, ignores="Failed to load resource") as page:
        sign_in(page)
        page.route("**/live?*", lambda route: route.abort())
        page.route("**/part?*", lambda route: route.abort())
        page.goto(f"/console/exports/{waiting}")
        expect(page.get_by_text("The connection to the service is lost.")).to_be_visible()
        assert find_violations(page) == []
        page.unroute("**/part?*")
        expect(page.get_by_text("Connected again.")).to_be_visible()
        wake(server)
        expect(page.get_by_role("heading", name="Export Completed")).to_be_visible()


def test_refusal_of_a_proxy_is_explained(browser: Browser, serve: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"Email\n" + b"ada@example.com\n" * 100_000)
    nginx = "<html><head><title>413 Request Entity Too Large</title></head><body>nginx</body></html>"
    with watched(browser, serve(), ignores="Failed to load resource") as page:
        sign_in(page)
        page.goto("/console/imports/new")
        page.route("**/imports/new", lambda route: route.fulfill(status=413, content_type="text/html", body=nginx))
        page.get_by_label("CSV file").set_input_files(tmp_path / "list.csv")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("The proxy in front of the service takes no file of 2 MB")
        expect(page.get_by_role("alert")).to_contain_text("client_max_body_size")
