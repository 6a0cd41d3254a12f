"""Signed links: a link gives one file, until it expires."""

import csv
import io
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from conftest import KEY, Reply, Server
from wire import EMAIL, EXPORTS, envelope, signed

from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.settings import Settings

DAY = 86_400
CSV = "Email\nada@example.com\nbad address\n"


@pytest.fixture
def export(server: Server) -> Any:
    server.import_csv(CSV, [EMAIL])
    job, _ = server.export_csv()
    return job


@pytest.fixture
def report_url(server: Server) -> str:
    url = server.import_csv(CSV, [EMAIL])["error_report_url"]
    assert isinstance(url, str)
    return url


def refused(reply: Reply, status: int, error_type: str, code: str) -> bool:
    assert reply.headers["content-type"] == "application/json"
    assert "content-disposition" not in reply.headers
    return envelope(reply) == (status, error_type, code)


def test_a_link_is_absolute_and_signed_and_has_its_expiry(server: Server, export: Any) -> None:
    parts = urlsplit(export["download_url"])
    query = parse_qs(parts.query)
    assert f"{parts.scheme}://{parts.netloc}" == server.url
    assert set(query) == {"key_id", "expires", "signature"}
    assert len(query["signature"][0]) >= 43  # 256 bits
    ends = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(query["expires"][0])))
    assert export["expires_at"].startswith(ends)


def test_an_export_file_has_the_headers_of_a_private_file(server: Server, export: Any) -> None:
    reply = server.fetch(export["download_url"])
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"] == f'attachment; filename="{export["file_name"]}"'
    assert reply.headers["cache-control"] == "private, no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["x-mailrith-request-id"]
    assert export["file_name"].startswith(f"subscribers-{export['completed_at'][:10]}-")


def test_an_error_report_has_the_headers_of_a_private_file(server: Server, report_url: str) -> None:
    reply = server.fetch(report_url)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"].startswith('attachment; filename="import_job_')
    assert reply.headers["cache-control"] == "private, no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-content-type-options"] == "nosniff"
    (row,) = csv.DictReader(io.StringIO(reply.body.decode(), newline=""))
    assert (row["Email"], row["error_line"], row["error_code"]) == ("bad address", "3", "invalid_email")


def change(url: str, name: str) -> list[str]:
    """The link, with one of its parts changed."""
    parts = urlsplit(url)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    base = f"{parts.scheme}://{parts.netloc}"
    _, _, workspace, job = parts.path.split("/")
    key_id, expires, signature = query["key_id"], query["expires"], query["signature"]
    holder = f"{base}{parts.path}?key_id={key_id}"
    flipped = ("B" if signature[0] != "B" else "C") + signature[1:]
    links = {
        "path": [
            f"{base}/downloads/{job}/{workspace}?{parts.query}",
            f"{base}/downloads/{workspace}/{job}0?{parts.query}",
            f"{base}/downloads/{workspace}/{job[:-1]}?{parts.query}",
            f"{base}/downloads/{workspace}/{job.upper()}?{parts.query}",
            f"{base}/downloads/{workspace}/..%2f{job}?{parts.query}",
            f"{base}/downloads/{workspace}/{job}.{expires}?{parts.query}",
        ],
        "expires": [
            f"{holder}&expires={changed}&signature={signature}"
            for changed in (
                int(expires) + 1,
                0,
                -1,
                "",
                f"0{expires}",
                f"{expires}.0",
                f"%20{expires}",
                "9" * 400,
                "x",
                "%C3%A9",
            )
        ],
        "signature": [
            f"{holder}&expires={expires}&signature={changed}"
            for changed in (
                "",
                "x",
                flipped,
                signature[:-1],
                signature + "A",
                signature.lower(),
                "%00",
                "%C3%A9",
                "." + signature,
                signature + "=",
                signature[:-1] + ("A" if signature[-1] != "A" else "B"),
            )
        ],
        "key": [
            f"{base}{parts.path}?key_id={changed}&expires={expires}&signature={signature}"
            for changed in ("", "x", f"{key_id}0", key_id.upper(), "api_key_3rvqkebz99y1a", "%C3%A9")
        ],
        "query": [
            f"{base}{parts.path}",
            f"{holder}&signature={signature}",
            f"{holder}&expires={expires}",
            f"{base}{parts.path}?expires={expires}&signature={signature}",
        ],
    }
    return links[name]


@pytest.mark.parametrize("part", ["path", "key", "expires", "signature", "query"])
def test_a_changed_link_is_refused(server: Server, export: Any, report_url: str, part: str) -> None:
    for url in (export["download_url"], report_url):
        assert server.fetch(url).status == 200
        for changed in change(url, part):
            assert refused(server.fetch(changed), 403, "permission_error", "invalid_signature"), changed


def test_the_signature_of_one_file_is_invalid_for_another(server: Server, export: Any, report_url: str) -> None:
    other, _ = server.export_csv()
    ours = urlsplit(export["download_url"])
    for path in (urlsplit(other["download_url"]).path, urlsplit(report_url).path):
        assert refused(server.fetch(f"{path}?{ours.query}"), 403, "permission_error", "invalid_signature")


def test_the_signature_of_another_service_is_invalid(
    serve: Callable[..., Server], tmp_path: Any, export: Any
) -> None:
    elsewhere = serve(data_dir=tmp_path / "elsewhere")
    elsewhere.export_csv()
    parts = urlsplit(export["download_url"])
    reply = elsewhere.fetch(f"{parts.path}?{parts.query}")
    assert refused(reply, 403, "permission_error", "invalid_signature")


def test_an_expired_export_answers_410(server: Server, export: Any) -> None:
    with time_machine.travel(time.time() + DAY - 60, tick=True):
        assert server.fetch(export["download_url"]).status == 200
    with time_machine.travel(time.time() + DAY + 1, tick=True):
        assert refused(server.fetch(export["download_url"]), 410, "not_found", "download_expired")
        job = server.call("GET", export["self"]).json["data"]
    assert job["download_url"] is None
    assert (job["expires_at"], job["file_name"], job["exported_count"]) == (
        export["expires_at"],
        export["file_name"],
        1,
    )


def test_a_report_gets_a_new_link_after_the_old_one_expired(server: Server) -> None:
    job = server.import_csv(CSV, [EMAIL])
    with time_machine.travel(time.time() + DAY + 1, tick=True):
        assert refused(server.fetch(job["error_report_url"]), 410, "not_found", "download_expired")
        fresh = server.call("GET", job["self"]).json["data"]["error_report_url"]
        assert server.fetch(fresh).status == 200


def test_the_lifetime_of_a_link_is_a_setting(serve: Callable[..., Server]) -> None:
    server = serve(export_ttl=600)
    job, _ = server.export_csv()
    with time_machine.travel(time.time() + 590, tick=True):
        assert server.fetch(job["download_url"]).status == 200
    with time_machine.travel(time.time() + 601, tick=True):
        assert server.fetch(job["download_url"]).status == 410


def test_the_expiry_of_an_export_link_stays_the_same(server: Server, export: Any) -> None:
    with time_machine.travel(time.time() + 3_600, tick=True):
        later = server.call("GET", export["self"]).json["data"]
    assert (later["expires_at"], later["download_url"]) == (export["expires_at"], export["download_url"])


def test_housekeeping_deletes_only_expired_exports(server: Server, export: Any) -> None:
    pipeline = server.services.runner._pipelines[EXPORT]
    directory = server.services.exports_directory
    with time_machine.travel(time.time() + DAY - 60, tick=True):
        server.wait(pipeline.remove_expired())
        assert len(list(directory.iterdir())) == 1
        later, _ = server.export_csv()
    with time_machine.travel(time.time() + DAY + 1, tick=True):
        server.wait(pipeline.remove_expired())
        assert [path.name for path in directory.iterdir()] == [f"{later['id']}.csv"]
        assert refused(server.fetch(export["download_url"]), 410, "not_found", "download_expired")
        assert server.fetch(later["download_url"]).status == 200


def test_a_missing_file_is_not_found(server: Server, export: Any) -> None:
    (server.services.exports_directory / f"{export['id']}.csv").unlink()
    for method in ("GET", "HEAD"):
        reply = server.call(method, export["download_url"].removeprefix(server.url), key=None)
        assert reply.status == 404
    assert refused(server.fetch(export["download_url"]), 404, "not_found", "file_not_found")


def test_a_link_to_an_unknown_job_is_not_found(server: Server, export: Any) -> None:
    parts = urlsplit(export["download_url"])
    workspace = parts.path.split("/")[2]
    expires = int(parse_qs(parts.query)["expires"][0])
    for job in ("export_job_9wdvsq5zmmz0n", "import_job_dn9kd5hyxyx1z", "x"):
        path = f"/downloads/{workspace}/{job}"
        reply = server.fetch(signed(server, server.services.links, path, expires))
        code = f"subscriber_{'export' if job.startswith('export') else 'import'}_job_not_found"
        assert refused(reply, 404, "not_found", code)


@pytest.mark.parametrize(
    ("byte_range", "begin", "end"),
    [
        ("bytes=0-3", 0, 4),
        ("bytes=4-", 4, None),
        ("bytes=-5", -5, None),
        ("bytes=0-99999", 0, None),
        ("bytes=-99999", 0, None),
    ],
)
def test_a_range_request_gets_a_part_of_the_file(
    server: Server, export: Any, byte_range: str, begin: int, end: int | None
) -> None:
    whole = server.fetch(export["download_url"]).body
    reply = server.fetch(export["download_url"], {"Range": byte_range})
    expected = whole[begin:end]
    start = begin % len(whole)
    assert (reply.status, reply.body) == (206, expected)
    assert reply.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(whole)}"
    assert reply.headers["content-length"] == str(len(expected))
    assert reply.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("byte_range", ["bytes=99999-", "bytes=5-2", "bytes=abc", "lines=0-1", "bytes=0-1,3-4"])
def test_a_range_beyond_the_file_answers_416_with_the_size(server: Server, export: Any, byte_range: str) -> None:
    whole = server.fetch(export["download_url"]).body
    reply = server.fetch(export["download_url"], {"Range": byte_range})
    assert refused(reply, 416, "invalid_request", "range_not_satisfiable")
    assert reply.headers["content-range"] == f"bytes */{len(whole)}"


@pytest.mark.parametrize("header", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
def test_an_impossible_date_is_refused(server: Server, export: Any, header: str) -> None:
    headers = {header: "Fri, 27 Nov 99999999999 10:00:00 GMT", "Range": "bytes=0-1"}
    assert refused(server.fetch(export["download_url"], headers), 400, "invalid_request", "invalid_http")


@pytest.mark.parametrize("header", [{"If-Match": '"x"'}, {"If-Unmodified-Since": "Mon, 01 Jan 1990 00:00:00 GMT"}])
def test_a_failed_precondition_has_the_envelope(server: Server, export: Any, header: dict[str, str]) -> None:
    reply = server.fetch(export["download_url"], header)
    assert refused(reply, 412, "invalid_request", "precondition_failed")


def test_a_download_can_be_resumed_with_its_etag(server: Server, export: Any) -> None:
    first = server.fetch(export["download_url"], {"Range": "bytes=0-9"})
    rest = server.fetch(export["download_url"], {"Range": "bytes=10-", "If-Match": first.headers["etag"]})
    assert first.body + rest.body == server.fetch(export["download_url"]).body
    unchanged = server.fetch(export["download_url"], {"If-None-Match": first.headers["etag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")


def test_head_has_the_headers_and_no_body(server: Server, export: Any, report_url: str) -> None:
    whole = server.fetch(export["download_url"])
    head = server.call("HEAD", export["download_url"].removeprefix(server.url), key=None)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))
    assert head.headers["content-disposition"] == whole.headers["content-disposition"]
    report = server.call("HEAD", report_url.removeprefix(server.url), key=None)
    assert (report.status, report.body) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_download_link_takes_only_get_and_head(server: Server, export: Any, method: str) -> None:
    assert server.call(method, export["download_url"].removeprefix(server.url), key=None).status == 405
    assert server.fetch(export["download_url"]).status == 200


def test_a_link_ignores_the_authorization_header(server: Server, export: Any) -> None:
    path = export["download_url"].removeprefix(server.url)
    assert server.call("GET", path, key=None).status == 200
    assert server.call("GET", path, key="mrk_wrong").status == 200


@pytest.mark.parametrize(
    "public_url", ["https://mail.example.com", "https://example.com/mailrith", "http://[::1]:8080"]
)
def test_a_link_begins_with_the_public_url(serve: Callable[..., Server], public_url: str) -> None:
    server = serve(public_url=public_url)
    report = server.import_csv(CSV, [EMAIL])["error_report_url"]
    job = server.sdk().jobs.create_export()["data"]
    server.drain()
    link = server.call("GET", job["self"], headers={"Host": "elsewhere.example"}).json["data"]["download_url"]
    for url in (report, link):
        assert url.startswith(f"{public_url}/downloads/")
        assert server.fetch(url.removeprefix(public_url)).status == 200


def same_directory(tmp_path: Any) -> Settings:
    return Settings(port=0, data_dir=tmp_path / "data", bootstrap_key=KEY)


@pytest.mark.slow
def test_a_link_works_after_a_restart(tmp_path: Any) -> None:
    with Server(same_directory(tmp_path)).serving() as server:
        job, text = server.export_csv()
    with Server(same_directory(tmp_path)).serving() as server:
        parts = urlsplit(job["download_url"])
        assert server.fetch(f"{parts.path}?{parts.query}").body.decode() == text


def test_an_unfinished_export_has_no_link(server: Server) -> None:
    server.wait(server.services.runner.stop())
    job = server.call("POST", EXPORTS).json["data"]
    unfinished = server.call("GET", job["self"]).json["data"]
    assert (unfinished["download_url"], unfinished["file_name"], unfinished["expires_at"]) == (None, None, None)
    workspace = "workspace_9wdvsq5zmmz0n"
    path = f"/downloads/{workspace}/{job['id']}"
    expires = int(time.time()) + 60
    reply = server.fetch(signed(server, server.services.links, path, expires))
    assert refused(reply, 404, "not_found", "file_not_found")


def test_an_import_without_row_errors_has_no_report_link(server: Server) -> None:
    assert server.import_csv("Email\nada@example.com\n", [EMAIL])["error_report_url"] is None
