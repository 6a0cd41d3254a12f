"""What the pages show, and their HTTP headers."""

import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin

import pytest
from conftest import KEY, MAPPINGS, Server

from mailrith_lite import ids
from mailrith_lite.console.jobs import PAGE_SIZE as JOBS_PAGE_SIZE
from mailrith_lite.console.subscribers import PAGE_SIZE
from mailrith_lite.pages.formats import size

from .page_paths import page_paths
from .visitor import heading, signed_in, text

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"{SCRIPT}\"'&{{{{111111111*111111111}}}}"
EVALUATED = "12345678987654321"  # no clock shows it
SHOW_NAMES = {
    "/",
    "/subscribers",
    "/subscribers/{subscriber_id}",
    "/tags",
    "/tags/{tag_id}",
    "/custom-fields",
    "/custom-fields/{custom_field_id}",
    "/sequences",
    "/sequences/{sequence_id}",
    "/webhooks",
    "/webhooks/{webhook_subscription_id}",
    "/imports/{job_id}",
    "/imports/{job_id}/correct",
    "/imports/{job_id}/undo",
    "/exports/{job_id}",
    "/uploads/{upload_id}",
}
"""Pages that certainly show one of the names."""


@pytest.fixture(scope="module")
def hostile(service: Server) -> dict[str, str]:
    """Every page, with a hostile name, tag, label and name of a file."""
    return page_paths(service, HOSTILE)


@pytest.mark.slow
def test_text_from_other_people_is_escaped_on_every_page(service: Server, hostile: dict[str, str]) -> None:
    visitor = signed_in(service)
    escaped = set()
    for name, path in hostile.items():
        page = visitor.get(path)
        assert page.status == 200, path
        assert "<script>" not in page.body.decode(), path
        assert EVALUATED not in text(page), path
        if "<script>" in unescape(page.body.decode()):
            escaped.add(name)
    assert escaped >= SHOW_NAMES


@pytest.mark.slow
def test_every_page_is_below_60_kb(service: Server, hostile: dict[str, str]) -> None:
    visitor = signed_in(service)
    sizes = {path: len(visitor.get(path).body) for path in hostile.values()}
    assert {path: size for path, size in sizes.items() if size > 60_000} == {}


@pytest.mark.parametrize(
    "path",
    [
        f"/console/{SCRIPT}",
        f"/console/sign-in?next={SCRIPT}",
        f"/console/subscribers/{SCRIPT}",
        f"/console/imports/{SCRIPT}",
        f"/console/imports/new?like={SCRIPT}",
        f"/console/uploads?file={SCRIPT}&refused={SCRIPT}",
        f"/console/subscribers?status={SCRIPT}",
        f'/console?before="{SCRIPT}',
        f'/console/subscribers?before="{SCRIPT}&tag="{SCRIPT}&sequence="{SCRIPT}',
    ],
)
def test_text_from_the_address_is_escaped(service: Server, path: str) -> None:
    path = path.replace("<", "%3C").replace(">", "%3E").replace('"', "%22")
    page = signed_in(service).get(path)
    assert page.status in (200, 303, 400, 404)
    assert "<script>" not in page.body.decode()
    assert '"&#34;' not in page.body.decode()


def test_every_response_has_the_security_headers(service: Server) -> None:
    visitor = signed_in(service)
    for path in ("/console", "/console/part", "/console/sign-in", "/console/nothing", "/console/sign-out"):
        headers = visitor.get(path).headers
        policy = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
        assert set(policy.values()) == {"'self'", "'none'"}
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-mailrith-request-id"]
        assert headers["server"] == "mailrith-lite"
        assert headers["cache-control"] == "no-store"


@pytest.mark.slow
def test_pages_have_no_inline_code_and_no_other_host(service: Server, hostile: dict[str, str]) -> None:
    visitor = signed_in(service)
    for path in [*hostile.values(), "/console/subscribers", "/console/nothing"]:
        body = visitor.get(path).body.decode()
        assert not re.search(r"<script>|<script [^>]*>[^<]|<style|\son\w+=|\sstyle=|javascript:", body)
        loaded = r"(?:src|action)" if "/guides" in path else r"(?:href|src|action)"  # guides have links elsewhere
        named = re.findall(rf'{loaded}="([^"]*)"', body)
        own = r"(\.|\.\./[./]*)/?(console|static/|v1/openapi\.json|docs)|#|$"
        assert all(re.match(own, name) for name in named), named


def test_security_headers_are_for_the_console_only(service: Server) -> None:
    assert "x-frame-options" not in service.call("GET", "/healthz", key=None).headers
    assert service.call("GET", "/consoles", key=None).error["code"] == "not_found"


def test_static_files_are_cached_by_version(service: Server) -> None:
    page = signed_in(service).get("/console").body.decode()
    named = re.findall(r'"\./(static/[^"]+)"', page)
    names = {name.partition("?")[0].rpartition("/")[2] for name in named}
    assert names - {"sample.csv"} == {"icon.svg", "style.css", "console.js"}  # the sample is for an empty workspace
    for name in named:
        current, outdated = (service.call("GET", f"/{path}", key=None) for path in (name, f"{name}x"))
        assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (outdated.status, outdated.headers["cache-control"]) == (200, "no-cache")
        assert outdated.body == current.body


@pytest.mark.parametrize("path", ["/console", "/console/x/", "/console/imports/x/y", "/console/%2F/x"])
def test_addresses_are_relative_to_the_page(service: Server, path: str) -> None:
    visitor = signed_in(service)
    named = re.findall(r'(?:href|src|action)="([^"#]*)"', visitor.get(path).body.decode())
    assert named
    for name in named:
        address = urljoin(f"http://host/below{path}", name)
        assert address.startswith(("http://host/below/console", "http://host/below/static/")), address


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/console/nothing", 404, "Not found"),
        ("GET", "/console/imports/new/nothing", 404, "Not found"),
        ("GET", "/console/imports/import_job_x", 404, "Not found"),
        ("PUT", "/console", 405, "Method Not Allowed"),
        ("POST", "/console/nothing", 404, "Not found"),
        ("GET", "/console/subscribers?status=Nobody", 400, "Bad Request"),
        ("GET", f"/console/subscribers?search={'x' * 300}", 400, "Bad Request"),
    ],
)
def test_error_is_shown_as_a_page(service: Server, method: str, path: str, status: int, title: str) -> None:
    page = signed_in(service).send(method, path, None, {})
    assert (page.status, heading(page)) == (status, title)
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_trailing_slash_redirects_to_the_console(service: Server) -> None:
    assert signed_in(service).get("/console/").headers["location"] == "/console"


@pytest.mark.slow
def test_jobs_are_paged(serve: Callable[..., Server]) -> None:
    server = serve(max_queued_jobs=10_000)
    made = [server.sdk().jobs.create_export(body={})["data"]["id"] for _ in range(JOBS_PAGE_SIZE + 2)]
    server.drain()
    visitor = signed_in(server)
    first = visitor.get("/console").body.decode()
    (older,) = re.findall(r'href="\.(/console\?before=[^"]+)"', first)
    second = visitor.get(older).body.decode()
    listed = re.findall(r'id="(export_job_\w+)"', first) + re.findall(r'id="(export_job_\w+)"', second)
    assert listed == made[::-1]
    assert ">Older<" not in second
    assert "Newest" in second


def test_subscribers_can_be_searched_filtered_and_paged(serve: Callable[..., Server]) -> None:
    server = serve()
    rows = "".join(f"p{number}@example.com,Person {number}\n" for number in range(PAGE_SIZE + 3))
    server.import_csv(f"Email,Name\n{rows}", new_tag_name="All of them")
    server.import_csv("Email,Name\nelse@example.com,Else\n")
    visitor = signed_in(server)
    (tag,) = server.sdk().tags.list()["data"]
    page, emails = visitor.get(f"/console/subscribers?tag={tag['id']}"), []
    while True:
        emails += re.findall(r">(p\d+@example.com)<", page.body.decode())
        older = re.findall(r'href="([^"]+)">Next page', page.body.decode())
        if not older:
            break
        page = visitor.get(urljoin("/console/subscribers", older[0].replace("&amp;", "&")))
    assert emails == [f"p{number}@example.com" for number in reversed(range(PAGE_SIZE + 3))]
    assert "else@example.com" in text(visitor.get("/console/subscribers?search=ELSE"))
    assert "No subscribers match" in text(visitor.get("/console/subscribers?status=Bounced"))
    assert "No subscribers match" in text(visitor.get("/console/subscribers?cold=on"))
    assert "No subscribers match" in text(visitor.get(f"/console/subscribers?tag={ids.encode(ids.SEQUENCE, 1)}"))


def test_export_is_counted_started_and_downloaded(serve: Callable[..., Server]) -> None:
    server = serve()
    server.import_csv("Email,Name\nada@example.com,Ada\nbob@example.com,Bob\n")
    visitor = signed_in(server)
    assert "1 subscriber " in text(visitor.get("/console/exports/new?search=ada&status=Active"))
    reply = visitor.post("/console/exports", {"search": "ada", "status": "Active"})
    assert reply.status == 303
    server.drain()
    page = visitor.get(reply.headers["location"])
    assert heading(page) == "Export Completed"
    assert "Active subscribers matching “ada”" in text(page)
    link = visitor.get(reply.headers["location"] + "/file").headers["location"]
    file = server.fetch(link)
    assert file.headers["content-disposition"].startswith("attachment")
    assert b"ada@example.com" in file.body
    assert b"bob@example.com" not in file.body
    assert server.export_csv(query="ada", status="Active")[1] == file.body.decode()


@pytest.mark.slow
def test_canceling_an_ended_job_changes_nothing(serve: Callable[..., Server]) -> None:
    server = serve()
    job = server.import_csv("Email,Name\nada@example.com,Ada\n")
    visitor = signed_in(server)
    reply = visitor.post(f"/console/imports/{job['id']}/cancel")
    assert heading(visitor.get(reply.headers["location"])) == "Import Completed"


def test_refused_rows_are_grouped_by_reason_and_all_are_in_the_report(serve: Callable[..., Server]) -> None:
    server = serve()
    rows = "".join(f"broken{number},B\n" for number in range(150))
    job = server.import_csv(f"Email,Name\n{rows}ada@example.com,Ada\n", MAPPINGS)
    visitor = signed_in(server)
    page = visitor.get(f"/console/imports/{job['id']}")
    assert "150 × not an email address in Email" in text(page)
    assert "the first 20" in text(page)
    assert "<mark>broken19</mark>" in page.body.decode()
    assert "broken20" not in text(page)
    assert "invalid_email" in text(page)
    report = server.fetch(visitor.get(f"/console/imports/{job['id']}/report").headers["location"])
    assert report.body.decode() == server.report(job)


def test_refused_rows_and_warnings_have_labels(serve: Callable[..., Server]) -> None:
    server = serve()
    mappings = [*MAPPINGS, {"csv_column": "Status", "field": {"type": "subscriber-status"}}]
    first = "Email,Name,Status\nada@example.com,Ada,Unsubscribed\n"
    server.import_csv(first, mappings)
    visitor = signed_in(server)
    warned = server.import_csv("Email,Name,Status\nada@example.com,Ada,Active\n", mappings)
    both = server.import_csv("Email,Name,Status\nada@example.com,Ada,Active\nbroken,B,\n", mappings)
    page = text(visitor.get(f"/console/imports/{warned['id']}"))
    assert "Refused rows" not in page
    assert page.count("Warning") == 1  # the heading is enough
    page = text(visitor.get(f"/console/imports/{both['id']}"))
    assert "Refused rows and warnings" in page
    assert "1 × not an email address in Email Refused" in page
    assert "1 × the suppressed status stays in Status Warning" in page


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 bytes"),
        (512, "512 bytes"),
        (1_536, "1.5 KiB"),
        (64 << 20, "64 MiB"),
        (2 << 30, "2 GiB"),
        (3 << 40, "3072 GiB"),
    ],
)
def test_sizes_use_binary_units(count: int, expected: str) -> None:
    assert size(count) == expected


@pytest.mark.slow
def test_start_does_not_import_jinja() -> None:
    code = "import sys, mailrith_lite.cli.serve; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_request_of_a_session_counts_as_use_of_the_key(serve: Callable[..., Server]) -> None:
    server = serve()
    signed_in(server, KEY).get("/console")
    server.wait(server.services.key_use.save(server.services.database))
    assert server.rows("SELECT last_used_at FROM api_keys") != [(None,)]
