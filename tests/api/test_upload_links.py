"""Upload links: their signature, expiry, methods and address, and programs that use them."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from conftest import KEY, MAPPINGS, Server
from upload_pages import BOUNDARY, PAGE, Elements, form, page
from uploading import CSV, address, files, look, put, start, submit
from wire import envelope, signed

HOUR = 3_600


@pytest.mark.parametrize("accept", [{}, PAGE])
def test_a_changed_upload_link_is_refused(server: Server, accept: dict[str, str]) -> None:
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


def test_upload_and_download_links_are_not_interchangeable(server: Server) -> None:
    upload = start(server)
    path = urlsplit(upload["upload_url"]).path
    expires = int(parse_qs(urlsplit(upload["upload_url"]).query)["expires"][0])
    forged = signed(server, server.services.links, path, expires)
    assert server.call("PUT", forged, CSV, key=None).status == 403
    server.import_csv("Email,Name\na@example.com,A\n")
    job, _ = server.export_csv()
    download = urlsplit(job["download_url"])
    expires = int(parse_qs(download.query)["expires"][0])
    forged = signed(server, server.services.upload_links, download.path, expires)
    assert server.call("GET", forged, key=None).status == 403


def test_an_expired_upload_link_answers_410(server: Server) -> None:
    upload = start(server)
    with time_machine.travel(time.time() + HOUR + 1, tick=True):
        for method, body in (("GET", None), ("PUT", CSV), ("POST", form(CSV))):
            reply = server.call(method, address(server, upload), body, key=None)
            assert envelope(reply) == (410, "not_found", "upload_expired")
        stored = server.call("GET", address(server, upload), key=None, headers=PAGE)
        assert stored.status == 410
        assert "has expired" in Elements(stored.body.decode()).text
    assert files(server) == []


def test_an_expired_link_shows_a_file_that_arrived_until_the_upload_expires(serve: Callable[..., Server]) -> None:
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


def test_a_deleted_upload_is_not_found(server: Server) -> None:
    path = urlsplit(start(server)["upload_url"]).path.replace("upload_9wdvsq5zmmz0n", "upload_3rvqkebz99y1a")
    expires = int(time.time()) + 60
    reply = server.call("PUT", signed(server, server.services.upload_links, path, expires), CSV, key=None)
    assert envelope(reply) == (404, "not_found", "subscriber_import_upload_not_found")


def test_an_upload_link_takes_only_its_methods(server: Server) -> None:
    upload = start(server)
    reply = server.call("DELETE", address(server, upload), key=None)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, POST, PUT")
    assert server.call("HEAD", address(server, upload), key=None).status == 200


@pytest.mark.parametrize("public_url", ["https://mail.example.com", "https://example.com/mailrith"])
def test_an_upload_link_begins_with_the_public_url(serve: Callable[..., Server], public_url: str) -> None:
    server = serve(public_url=public_url)
    upload = start(server)
    assert upload["upload_url"].startswith(f"{public_url}/uploads/")
    assert server.call("PUT", upload["upload_url"].removeprefix(public_url), CSV, key=None).status == 200


def test_programs_get_the_envelope_from_an_upload_link(server: Server) -> None:
    upload = start(server)
    assert envelope(put(server, upload, b"")) == (400, "invalid_request", "invalid_file")
    put(server, upload)
    submit(server, upload)
    assert envelope(put(server, upload)) == (409, "conflict", "upload_already_used")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("flags", [["-T"], ["-H", "Expect: 100-continue", "-T"], ["-F"]])
def test_curl_can_send_a_file(server: Server, tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "list.csv").write_bytes(CSV + (b"c@example.com," + b"C" * 100 + b"\n") * 20_000)
    upload = start(server)
    file = str(tmp_path / "list.csv")
    command = ["curl", "-sS", "--fail-with-body", *flags, f"file=@{file}" if flags == ["-F"] else file]
    subprocess.run([*command, upload["upload_url"]], check=True, timeout=60, env={"NO_PROXY": "*"})
    stored = look(server, upload)
    assert (stored["status"], stored["row_count"]) == ("Ready", 20_002)
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    assert server.call("POST", "/v1/jobs/subscriber-imports", body).status == 202
