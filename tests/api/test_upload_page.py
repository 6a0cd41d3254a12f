"""The upload page works with and without JavaScript."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import time_machine
from conftest import Server
from upload_pages import BOUNDARY, PAGE, Elements, form, page, post
from uploading import CSV, address, files, finished, look, put, ready, start, submit
from wire import envelope

HOUR = 3_600


@pytest.mark.slow
def test_the_page_loads_nothing_from_other_hosts_and_runs_no_inline_script(server: Server) -> None:
    for upload in (start(server), ready(server)):
        reply = server.call("GET", address(server, upload), key=None, headers=PAGE)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "private, no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        elements = Elements(reply.body.decode())
        addresses = [
            attributes[name]
            for _, attributes in elements.elements
            for name in ("src", "href", "action")
            if name in attributes
        ]
        assert addresses
        assert all(re.match(r"\.\./\.\./static/|#", str(one)) for one in addresses)
        assert not [name for _, attributes in elements.elements for name in attributes if name.startswith("on")]
        assert not [one for one in elements.elements if one[0] == "style" or "style" in one[1]]
        assert all(attributes.get("src") for attributes in elements.of("script"))


def test_every_file_that_the_page_names_exists(server: Server) -> None:
    elements = page(server, start(server))
    for attributes in (*elements.of("link"), *elements.of("script")):
        name = str(attributes.get("href") or attributes.get("src")).removeprefix("../..")
        reply = server.call("GET", name, key=None)
        assert (reply.status, reply.headers["x-content-type-options"]) == (200, "nosniff")
        assert b"http://" not in reply.body.replace(b"http://www.w3.org/", b"")
    for name in ("../rendering.py", "..%2frendering.py", "missing.js", "style", ""):
        assert server.call("GET", f"/static/{name}", key=None).status == 404


def test_the_form_works_with_keyboard_and_screen_reader(server: Server) -> None:
    elements = page(server, start(server))
    assert elements.of("html")[0]["lang"] == "en"
    assert elements.of("meta")[1]["content"] == "width=device-width, initial-scale=1"
    named = {attributes.get("for") for attributes in elements.of("label")}
    for attributes in (*elements.of("input"), *elements.of("progress")):
        assert attributes["id"] in named
    assert elements.of("form")[0]["enctype"] == "multipart/form-data"
    assert len(elements.of("h1")) == len(elements.of("main")) == 1
    assert {attributes.get("aria-live") for attributes in elements.of("p")} >= {"polite"}
    assert "alert" in {attributes.get("role") for attributes in elements.of("p")}


def test_the_page_shows_the_columns_and_says_to_go_back(server: Server) -> None:
    upload = ready(server, b"Email,Name\n" + b"ada@example.com,Ada\n" * 1_234, name="list.csv")
    elements = page(server, upload)
    assert "Go back to the application" in elements.text
    for text in ("list.csv", "24.1 KiB", "1,234", "Email", "Name", "ada@example.com"):
        assert text in elements.text
    assert len(elements.of("tr")) == 6
    assert [attributes["scope"] for attributes in elements.of("th")] == ["col", "col"]


def test_the_page_of_a_used_upload_says_so_and_has_no_form(server: Server) -> None:
    upload = ready(server, name="list.csv")
    assert submit(server, upload).status == 202
    elements = page(server, upload)
    assert "list.csv" in elements.text and "has used the file" in elements.text
    assert elements.of("form") == []


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "&amp;"]
)
def test_the_page_escapes_the_content_of_the_file(server: Server, text: str) -> None:
    quoted = '"' + text.replace('"', '""') + '"'
    upload = ready(server, f"Email,{quoted}\n{quoted},x\n".encode(), name=f"{text}.csv")
    elements = page(server, upload)
    assert elements.text.count(text) >= 2
    assert "img" not in {tag for tag, _ in elements.elements}
    assert len(elements.of("script")) == 1
    refused = server.call("PUT", address(server, upload), b"", key=None, headers=PAGE)
    assert (refused.status, refused.headers["content-type"]) == (400, "text/html; charset=utf-8")


def test_the_form_works_without_javascript(server: Server) -> None:
    upload = start(server)
    reply = post(server, upload, form(CSV, "Zoës “Liste”.csv"))
    assert (reply.status, reply.body) == (303, b"")
    assert reply.headers["location"] == "?" + urlsplit(upload["upload_url"]).query
    stored = look(server, upload)
    assert (stored["status"], stored["file_name"], stored["row_count"]) == ("Ready", "Zoës “Liste”.csv", 2)
    assert stored["size_bytes"] == len(CSV)
    assert files(server)[0].read_bytes() == CSV


@pytest.mark.parametrize(
    "more", ["&file_name=%C3%A9.csv", "&file_name=a%26b%23c.csv", "&x=%0D%0AX-Evil:%201", "&a+b"]
)
def test_the_form_redirects_to_the_page(server: Server, more: str) -> None:
    upload = start(server)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **PAGE}
    reply = server.call("POST", address(server, upload) + more, form(CSV), key=None, headers=headers)
    assert reply.status == 303
    assert reply.headers["location"] == "?" + urlsplit(upload["upload_url"]).query + more
    assert "x-evil" not in reply.headers


def test_a_put_of_a_form_is_refused(server: Server) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    reply = put(server, start(server), form(CSV), headers=headers)
    assert envelope(reply) == (415, "invalid_request", "unsupported_media_type")
    assert "curl -T" in reply.error["message"]
    assert files(server) == []


def test_a_program_that_posts_a_form_gets_json(server: Server) -> None:
    upload = start(server)
    reply = post(server, upload, form(CSV), accept={})
    assert (reply.status, reply.json["data"]) == (200, look(server, upload))


@pytest.mark.slow
def test_a_large_file_in_a_form_is_stored_unchanged(server: Server) -> None:
    text = b"Email,Name\r\n" + b"".join(b"user%d@example.com,--\r\n--%d\r\n" % (n, n) for n in range(60_000))
    assert post(server, start(server), form(text)).status == 303
    assert files(server)[0].read_bytes() == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (form(b"", ""), "Choose a file first."),
        (f"--{BOUNDARY}--\r\n".encode(), "Choose a file first."),
        (form(b"Email,Name\n", "").replace(b'; filename=""', b""), "Choose a file first."),
        (form(CSV)[:-60], "broken"),
        (form(CSV).replace(b"filename=", b"fil"), "Choose a file first."),
        (form(CSV).replace(b"Content-Type", b"Content-Length: 999\r\nContent-Type"), "broken"),
        (form(CSV, field="_charset_")[:-60], "broken"),
        (b"no form at all", "broken"),
        (form(b"", "empty.csv"), "no header row"),
    ],
)
def test_an_invalid_form_gets_a_page_with_the_reason(server: Server, body: bytes, text: str) -> None:
    upload = start(server)
    reply = post(server, upload, body)
    assert (reply.status, reply.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert text in Elements(reply.body.decode()).text
    assert look(server, upload)["status"] == "Pending"
    assert files(server) == []


def test_the_error_page_suggests_a_retry_only_where_it_can_succeed(server: Server) -> None:
    upload = start(server)
    assert "Go back one page" in Elements(post(server, upload, b"no form at all").body.decode()).text
    refused = server.call("GET", address(server, upload) + "x", key=None, headers=PAGE)
    assert refused.status == 403
    text = Elements(refused.body.decode()).text
    assert "Go back one page" not in text
    assert "it can give you a new link" in text


def test_a_form_over_the_limit_is_refused(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=1_000)
    upload = start(server)
    assert post(server, upload, form(b"Email\n" + b"x" * 994)).status == 303
    for size in (995, 200_000):
        reply = post(server, upload, form(b"Email\n" + b"x" * size))
        assert reply.status == 413
        assert "1,000 bytes" in Elements(reply.body.decode()).text


def test_a_post_without_a_form_is_refused(server: Server) -> None:
    reply = server.call("POST", address(server, start(server)), CSV, key=None, headers={"Content-Type": "text/csv"})
    assert envelope(reply) == (415, "invalid_request", "unsupported_media_type")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (CSV, "list.csv, with 2 rows, was imported."),
        (CSV + b"nobody,x\n", "list.csv, with 3 rows, was imported; 1 of them could not be"),
    ],
)
def test_the_page_shows_the_status_of_the_import(server: Server, file: bytes, text: str) -> None:
    upload = ready(server, file, name="list.csv")
    finished(server, submit(server, upload))
    assert text in " ".join(page(server, upload).text.split())


def test_the_page_says_that_the_import_was_canceled(server: Server) -> None:
    server.wait(server.services.runner.stop())
    upload = ready(server, name="list.csv")
    job = submit(server, upload).json["data"]
    assert "is being imported" in page(server, upload).text
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    assert "list.csv was stopped after 0 of 2 rows" in " ".join(page(server, upload).text.split())


def test_the_page_of_a_used_upload_never_expires(server: Server) -> None:
    upload = ready(server)
    assert submit(server, upload).status == 202
    with time_machine.travel(time.time() + 2 * HOUR, tick=True):
        assert "upload.csv" in page(server, upload).text
