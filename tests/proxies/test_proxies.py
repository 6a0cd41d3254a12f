"""The files of `contrib` for nginx and Caddy, with the real programs in front of the real service."""

import http.client
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from conftest import KEY, MAPPINGS, Reply
from console.job_states import queue_export, wake
from console.test_live import events
from console.visitor import heading
from uploading import IMPORTS, UPLOADS

from mailrith_lite.settings import MEBIBYTE

from .programs import PROGRAMS
from .site import CLIENT, Site, site

UPLOAD_MEBIBYTES = int(os.environ.get("MAILRITH_LITE_PROXY_MEBIBYTES", "60"))
LINE = b"reader-%09d@example.com," + b"A long note. " * 300 + b"\n"  # few rows take little time to count
FLAT = 32 * MEBIBYTE  # much less than the upload
FORGED = {
    "X-Forwarded-For": "192.0.2.66",
    "X-Forwarded-Host": "forged.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "99",
    "X-Forwarded-Prefix": "/forged",
    "Forwarded": "for=192.0.2.66;host=forged.example;proto=http",
}


@pytest.fixture(
    scope="module", params=[(name, path) for name in PROGRAMS for path in ("", "/mailrith")], ids="".join
)
def public(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    program, path = request.param
    with site(tmp_path_factory.mktemp("proxy"), program, path) as opened:
        yield opened


def test_console_signs_in_over_tls_and_follows_a_job(public: Site) -> None:
    public.cookies.clear()
    signed_in = public.sign_in()
    assert (signed_in.status, signed_in.headers["location"]) == (303, f"{public.url}/console")
    assert all(name.startswith("__Host-") for name in public.cookies)
    page = public.get("/console")
    assert heading(page) == "Overview"
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.body.decode())
    assert public.get(urljoin(f"{public.url}/console", style).removeprefix(public.url)).status == 200

    job = queue_export(public.server)
    stream = events(public, f"{public.path}/console/exports/{job}/live")
    assert "Queued" in next(stream)[1]  # the proxy sends it on while the stream is open
    wake(public.server)
    *parts, end = stream
    assert "Completed" in parts[-1][1]
    assert end == ("end", "final")


def test_links_have_the_public_address_and_a_download_can_continue(public: Site) -> None:
    public.server.import_csv("Email,Name\nada@example.com,Ada\n")
    created = public.call("POST", "/v1/jobs/subscriber-exports", {})
    assert created.status == 202
    assert created.headers["location"].startswith(f"{public.url}/v1/jobs/subscriber-exports/")
    public.server.drain()
    link = public.call("GET", created.headers["location"]).json["data"]["download_url"]
    assert link.startswith(f"{public.url}/downloads/")
    whole = public.call("GET", link)
    rest = public.call("GET", link, headers={"Range": "bytes=10-"})
    assert (rest.status, rest.body) == (206, whole.body[10:])
    assert rest.headers["content-range"] == f"bytes 10-{len(whole.body) - 1}/{len(whole.body)}"


def test_log_and_links_ignore_what_a_client_says_about_itself(
    public: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mailrith_lite.access"):
        upload = public.call("POST", UPLOADS, headers=FORGED)
        line = logged(caplog, upload)
    assert upload.json["data"]["upload_url"].startswith(f"{public.url}/uploads/")
    assert line["address"] == CLIENT


def logged(caplog: pytest.LogCaptureFixture, reply: Reply) -> dict[str, Any]:
    """The fields of the line for this request. The end of an earlier test's stream can log a line, too."""
    lines: list[dict[str, Any]] = [record.__dict__["fields"] for record in caplog.records]
    (line,) = [line for line in lines if line["request_id"] == reply.headers["x-mailrith-request-id"]]
    return line


def test_headers_of_a_peer_that_is_not_a_proxy_are_ignored(public: Site, caplog: pytest.LogCaptureFixture) -> None:
    host, port = public.server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), source_address=("127.0.0.3", 0), timeout=60)
    with caplog.at_level(logging.INFO, "mailrith_lite.access"):
        connection.request("POST", UPLOADS, headers={"Authorization": f"Bearer {KEY}", **FORGED})
        response = connection.getresponse()
        reply = Reply(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        line = logged(caplog, reply)
    connection.close()
    assert b"forged" not in reply.body
    assert line["address"] == "127.0.0.3"


def test_path_reaches_the_service_as_the_client_wrote_it(public: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mailrith_lite.access"):
        reply = public.call("GET", "/v1/tags/a%2Fb")
        line = logged(caplog, reply)
    assert (reply.status, line["route"]) == (404, "/v1/tags/{tag_id}")


@pytest.mark.parametrize("program", PROGRAMS)
def test_proxy_reaches_the_service_on_a_unix_socket(
    program: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        site(tmp_path, program, "", socket=tmp_path / "socket", trusted_proxies=()) as public,
        caplog.at_level(logging.INFO, "mailrith_lite.access"),
    ):
        upload = public.call("POST", UPLOADS, headers=FORGED)
        line = logged(caplog, upload)
    assert upload.json["data"]["upload_url"].startswith(f"{public.url}/uploads/")
    assert line["address"] == CLIENT


@pytest.mark.parametrize("program", PROGRAMS)
def test_large_body_is_refused_by_the_service_itself(program: str, tmp_path: Path) -> None:
    with site(tmp_path, program, "", max_body_bytes=MEBIBYTE) as public:
        refused = public.call("POST", IMPORTS, {"csv_text": "x" * 3 * MEBIBYTE, "mappings": MAPPINGS})
        assert refused.status == 413
        assert refused.error["code"] == "request_body_too_large"


@pytest.mark.parametrize("program", PROGRAMS)
def test_large_upload_passes_without_a_copy_in_memory_or_on_the_disk(program: str, tmp_path: Path) -> None:
    with site(tmp_path, program, "") as public:
        upload = public.call("POST", UPLOADS).json["data"]
        piece = b"".join(LINE % number for number in range(MEBIBYTE // len(LINE)))
        uploads = public.server.settings.data_dir / "uploads"
        before = {pid: _reset_peak(pid) for pid in (os.getpid(), *public.proxy.pids)}

        def body() -> Iterator[bytes]:
            yield b"Email,Note\n"
            for number in range(UPLOAD_MEBIBYTES):
                yield piece
                if number == UPLOAD_MEBIBYTES // 2:
                    arrived = sum(path.stat().st_size for path in uploads.iterdir())
                    assert arrived > MEBIBYTE  # the service receives the file while the client still sends

        link = upload["upload_url"].removeprefix(public.url)
        sent = public.send("PUT", link, body(), {"Content-Length": str(11 + UPLOAD_MEBIBYTES * len(piece))})
        assert sent.status == 200, sent.body
        growth = {pid: _peak(pid) - start for pid, start in before.items()}
        assert max(growth.values()) < FLAT, growth
        assert public.proxy.bodies is None or list(public.proxy.bodies.iterdir()) == []


def _reset_peak(pid: int) -> int:
    """Bytes of memory in use; the peak starts again from there."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _peak(pid)


def _peak(pid: int) -> int:
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kibibytes) * 1024
