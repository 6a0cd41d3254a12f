"""The page behind an upload's link: for a person with or without JavaScript, and for nobody without the link."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from conftest import KEY, MAPPINGS, Reply, Server
from uploading import CSV, address, files, finished, look, put, ready, start, submit
from wire import envelope, signed

HOUR = 3_600
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
BOUNDARY = "----boundary7MA4YWxkTrZu0gW"


class Elements(HTMLParser):
    """(tag, attributes) of everything on a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def page(server: Server, upload: Any) -> Elements:
    reply = server.call("GET", address(server, upload), key=None, headers=PAGE)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return Elements(reply.body.decode())


def form(file: bytes, name: str = "list.csv", field: str = "file") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    return head.encode() + b"Content-Type: text/csv\r\n\r\n" + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(server: Server, upload: Any, body: bytes, *, accept: dict[str, str] = PAGE) -> Reply:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **accept}
    return server.call("POST", address(server, upload), body, key=None, headers=headers)


def test_a_page_asks_nobody_else_and_runs_nothing_inline(server: Server) -> None:
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
            for _, attributes in elements.found
            for name in ("src", "href", "action")
            if name in attributes
        ]
        assert addresses
        assert all(re.match(r"\.\./\.\./static/|#", str(found)) for found in addresses)
        assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
        assert not [one for one in elements.found if one[0] == "style" or "style" in one[1]]
        assert all(attributes.get("src") for attributes in elements.of("script"))


def test_what_a_page_is_made_of_is_there(server: Server) -> None:
    elements = page(server, start(server))
    for attributes in (*elements.of("link"), *elements.of("script")):
        name = str(attributes.get("href") or attributes.get("src")).removeprefix("../..")
        reply = server.call("GET", name, key=None)
        assert (reply.status, reply.headers["x-content-type-options"]) == (200, "nosniff")
        assert b"http://" not in reply.body.replace(b"http://www.w3.org/", b"")
    for name in ("../rendering.py", "..%2frendering.py", "missing.js", "style", ""):
        assert server.call("GET", f"/static/{name}", key=None).status == 404


def test_a_form_can_be_used_by_keyboard_and_screen_reader(server: Server) -> None:
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


def test_a_page_says_what_was_found_and_to_go_back(server: Server) -> None:
    upload = ready(server, b"Email,Name\n" + b"ada@example.com,Ada\n" * 1_234, name="list.csv")
    elements = page(server, upload)
    assert "Go back to the application" in elements.text
    for told in ("list.csv", "24.1 KiB", "1,234", "Email", "Name", "ada@example.com"):
        assert told in elements.text
    assert len(elements.of("tr")) == 6
    assert [attributes["scope"] for attributes in elements.of("th")] == ["col", "col"]


def test_a_page_of_a_used_upload_says_so_and_takes_nothing(server: Server) -> None:
    upload = ready(server, name="list.csv")
    assert submit(server, upload).status == 202
    elements = page(server, upload)
    assert "list.csv" in elements.text and "has used the file" in elements.text
    assert elements.of("form") == []


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "&amp;"]
)
def test_whatever_stands_in_a_file_stays_text(server: Server, text: str) -> None:
    quoted = '"' + text.replace('"', '""') + '"'
    upload = ready(server, f"Email,{quoted}\n{quoted},x\n".encode(), name=f"{text}.csv")
    elements = page(server, upload)
    assert elements.text.count(text) >= 2
    assert "img" not in {tag for tag, _ in elements.found}
    assert len(elements.of("script")) == 1
    refused = server.call("PUT", address(server, upload), b"", key=None, headers=PAGE)
    assert (refused.status, refused.headers["content-type"]) == (400, "text/html; charset=utf-8")


def test_the_form_works_without_javascript(server: Server) -> None:
    upload = start(server)
    reply = post(server, upload, form(CSV, "Zoës “Liste”.csv"))
    assert (reply.status, reply.body) == (303, b"")
    assert reply.headers["location"] == "?" + urlsplit(upload["upload_url"]).query
    shown = look(server, upload)
    assert (shown["status"], shown["file_name"], shown["row_count"]) == ("Ready", "Zoës “Liste”.csv", 2)
    assert shown["size_bytes"] == len(CSV)
    assert files(server)[0].read_bytes() == CSV


@pytest.mark.parametrize(
    "more", ["&file_name=%C3%A9.csv", "&file_name=a%26b%23c.csv", "&x=%0D%0AX-Evil:%201", "&a+b"]
)
def test_the_form_leads_back_to_the_same_address(server: Server, more: str) -> None:
    upload = start(server)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **PAGE}
    reply = server.call("POST", address(server, upload) + more, form(CSV), key=None, headers=headers)
    assert reply.status == 303
    assert reply.headers["location"] == "?" + urlsplit(upload["upload_url"]).query + more
    assert "x-evil" not in reply.headers


def test_a_form_is_not_put(server: Server) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    reply = put(server, start(server), form(CSV), headers=headers)
    assert envelope(reply) == (415, "invalid_request", "unsupported_media_type")
    assert "curl -T" in reply.error["message"]
    assert files(server) == []


def test_a_program_that_posts_a_form_gets_json(server: Server) -> None:
    upload = start(server)
    reply = post(server, upload, form(CSV), accept={})
    assert (reply.status, reply.json["data"]) == (200, look(server, upload))


def test_a_large_form_is_stored_as_it_is(server: Server) -> None:
    text = b"Email,Name\r\n" + b"".join(b"user%d@example.com,--\r\n--%d\r\n" % (n, n) for n in range(60_000))
    assert post(server, start(server), form(text)).status == 303
    assert files(server)[0].read_bytes() == text


@pytest.mark.parametrize(
    ("body", "told"),
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
def test_a_form_without_a_file_says_so_on_a_page(server: Server, body: bytes, told: str) -> None:
    upload = start(server)
    reply = post(server, upload, body)
    assert (reply.status, reply.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert told in Elements(reply.body.decode()).text
    assert look(server, upload)["status"] == "Pending"
    assert files(server) == []


def test_who_cannot_try_again_is_not_told_to(server: Server) -> None:
    upload = start(server)
    assert "Go back one page" in Elements(post(server, upload, b"no form at all").body.decode()).text
    refused = server.call("GET", address(server, upload) + "x", key=None, headers=PAGE)
    assert refused.status == 403
    told = Elements(refused.body.decode()).text
    assert "Go back one page" not in told
    assert "it can give you a new link" in told


def test_a_form_is_held_to_the_limit(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=1_000)
    upload = start(server)
    assert post(server, upload, form(b"Email\n" + b"x" * 994)).status == 303
    for size in (995, 200_000):
        reply = post(server, upload, form(b"Email\n" + b"x" * size))
        assert reply.status == 413
        assert "1,000 bytes" in Elements(reply.body.decode()).text


def test_what_is_posted_must_be_a_form(server: Server) -> None:
    reply = server.call("POST", address(server, start(server)), CSV, key=None, headers={"Content-Type": "text/csv"})
    assert envelope(reply) == (415, "invalid_request", "unsupported_media_type")


@pytest.mark.parametrize("accept", [{}, PAGE])
def test_a_link_that_was_changed_opens_nothing(server: Server, accept: dict[str, str]) -> None:
    upload = start(server)
    parts = urlsplit(upload["upload_url"])
    key_id, expires, signature = (parse_qs(parts.query)[name][0] for name in ("key_id", "expires", "signature"))
    for path, query in (
        (parts.path, ""),
        (parts.path, f"key_id={key_id}&expires={int(expires) + 1}&signature={signature}"),
        (parts.path, f"key_id={key_id}&expires={expires}&signature={signature[:-1]}"),
        (parts.path, f"expires={expires}&signature={signature}"),
        (parts.path[:-1], parts.query),
        (parts.path.replace("upload_", "upload_0"), parts.query),
    ):
        for method, body in (("GET", None), ("PUT", CSV), ("POST", form(CSV))):
            headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **accept}
            reply = server.call(method, f"{path}?{query}", body, key=KEY, headers=headers)
            assert reply.status == 403
            if not accept:
                assert envelope(reply) == (403, "permission_error", "invalid_signature")
    assert look(server, upload)["status"] == "Pending"


def test_a_link_of_one_kind_is_none_of_the_other(server: Server) -> None:
    upload = start(server)
    path = urlsplit(upload["upload_url"]).path
    expires = int(parse_qs(urlsplit(upload["upload_url"]).query)["expires"][0])
    forged = signed(server, server.services.links, path, expires)
    assert server.call("PUT", forged, CSV, key=None).status == 403
    server.import_csv("Email,Name\n")
    job, _ = server.export_csv()
    download = urlsplit(job["download_url"])
    expires = int(parse_qs(download.query)["expires"][0])
    forged = signed(server, server.services.upload_links, download.path, expires)
    assert server.call("GET", forged, key=None).status == 403


def test_a_link_ends(server: Server) -> None:
    upload = start(server)
    with time_machine.travel(time.time() + HOUR + 1, tick=True):
        for method, body in (("GET", None), ("PUT", CSV), ("POST", form(CSV))):
            reply = server.call(method, address(server, upload), body, key=None)
            assert envelope(reply) == (410, "not_found", "upload_expired")
        shown = server.call("GET", address(server, upload), key=None, headers=PAGE)
        assert shown.status == 410
        assert "has expired" in Elements(shown.body.decode()).text
    assert files(server) == []


def test_a_file_that_came_is_shown_until_it_expires(serve: Callable[..., Server]) -> None:
    server = serve(upload_ttl=600)
    upload = start(server)
    with time_machine.travel(time.time() + 500, tick=True):
        assert put(server, upload).status == 200
    with time_machine.travel(time.time() + 1_000, tick=True):
        elements = page(server, upload)
        assert "The file is uploaded" in elements.text and not elements.of("form")
        for method, body in (("PUT", CSV), ("POST", form(CSV))):
            reply = server.call(method, address(server, upload), body, key=None)
            assert envelope(reply) == (410, "not_found", "upload_expired")
    with time_machine.travel(time.time() + 1_200, tick=True):
        assert server.call("GET", address(server, upload), key=None).status == 410


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (CSV, "list.csv, with 2 rows, was imported."),
        (CSV + b"nobody,x\n", "list.csv, with 3 rows, was imported; 1 of them could not be"),
    ],
)
def test_a_page_says_what_became_of_the_file(server: Server, file: bytes, told: str) -> None:
    upload = ready(server, file, name="list.csv")
    finished(server, submit(server, upload))
    assert told in " ".join(page(server, upload).text.split())


def test_a_page_says_that_the_import_was_stopped(server: Server) -> None:
    server.wait(server.services.runner.stop())
    upload = ready(server, name="list.csv")
    job = submit(server, upload).json["data"]
    assert "is being imported" in page(server, upload).text
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    assert "list.csv was stopped after 0 of 2 rows" in " ".join(page(server, upload).text.split())


def test_a_file_that_was_taken_is_shown_ever_after(server: Server) -> None:
    upload = ready(server)
    assert submit(server, upload).status == 202
    with time_machine.travel(time.time() + 2 * HOUR, tick=True):
        assert "upload.csv" in page(server, upload).text


def test_an_upload_that_was_forgotten_is_not_found(server: Server) -> None:
    path = urlsplit(start(server)["upload_url"]).path.replace("upload_9wdvsq5zmmz0n", "upload_3rvqkebz99y1a")
    expires = int(time.time()) + 60
    reply = server.call("PUT", signed(server, server.services.upload_links, path, expires), CSV, key=None)
    assert envelope(reply) == (404, "not_found", "upload_not_found")


def test_a_link_keeps_to_its_methods(server: Server) -> None:
    upload = start(server)
    reply = server.call("DELETE", address(server, upload), key=None)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, POST, PUT")
    assert server.call("HEAD", address(server, upload), key=None).status == 200


@pytest.mark.parametrize("public_url", ["https://mail.example.com", "https://example.com/mailrith"])
def test_a_link_has_the_address_that_clients_see(serve: Callable[..., Server], public_url: str) -> None:
    server = serve(public_url=public_url)
    upload = start(server)
    assert upload["upload_url"].startswith(f"{public_url}/uploads/")
    assert server.call("PUT", upload["upload_url"].removeprefix(public_url), CSV, key=None).status == 200


def test_an_upload_keeps_the_envelope_for_programs(server: Server) -> None:
    upload = start(server)
    assert envelope(put(server, upload, b"")) == (400, "invalid_request", "invalid_file")
    put(server, upload)
    submit(server, upload)
    assert envelope(put(server, upload)) == (409, "conflict", "upload_already_used")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("flags", [["-T"], ["-H", "Expect: 100-continue", "-T"], ["-F"]])
def test_curl_hands_a_file_over(server: Server, tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "list.csv").write_bytes(CSV * 1 + b"c@example.com,C\n" * 100_000)
    upload = start(server)
    file = str(tmp_path / "list.csv")
    command = ["curl", "-sS", "--fail-with-body", *flags, f"file=@{file}" if flags == ["-F"] else file]
    subprocess.run([*command, upload["upload_url"]], check=True, timeout=60, env={"NO_PROXY": "*"})
    shown = look(server, upload)
    assert (shown["status"], shown["row_count"]) == ("Ready", 100_002)
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    assert server.call("POST", "/v1/jobs/subscriber-imports", body).status == 202
