"""What can go wrong between a client command and a server: one line each, and never a traceback."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, Server

from cli.processes import (
    EMAIL_NAME,
    MANY,
    Write,
    assert_one_line,
    client,
    import_jobs,
    run,
)


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        (None, (), "cannot read list.csv: No such file or directory"),
        (b"", (), "list.csv is not a CSV file: there is no header row; the first line must name the columns"),
        (b"PK\x03\x04\x00\x00", (), "This is a workbook or an archive, not a CSV file"),
        (b"email\0\n", (), "NUL"),
        (b"This is a letter.\n", (), 'looks like the email; say which with --map "COLUMN=email"'),
        (b"email\n", ("--map", "email"), "--map takes COLUMN=FIELD, not email"),
        (b"email\n", ("--map", "mail=email"), "the file has no column mail; it has email"),
        (b"email\n", ("--map", "email=emial"), "there is no field emial; there are email, name, country, status"),
        (b"email,n\n", ("--map", "n=name"), "Map one column to the field type email (invalid_body, mappings, "),
        (b"a,b\n", ("--map", "a=email", "--map", "b=email"), "A field can be mapped once only"),
        (b"email\n", ("--sequence", "sequence_x"), "There is no sequence with this id"),
        (b"email\n", ("--tag", " "), "new_tag_name takes 1 to 100 characters"),
        (b"email\n", ("--idempotency-key", ""), "--idempotency-key takes 1 to 255 printable ASCII characters"),
        (b"email\n", ("--idempotency-key", "schlüssel"), "--idempotency-key takes 1 to 255 printable ASCII"),
    ],
)
def test_import_that_cannot_be(
    server: Server,
    cwd: Path,
    write: Write,
    content: bytes | None,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    if content is not None:
        write(content)
    assert_one_line(run("import", "list.csv", *arguments, env=client(server), cwd=cwd), expected)
    assert import_jobs(server) == []


def test_directory_is_no_file_to_import(server: Server, cwd: Path) -> None:
    assert_one_line(run("import", ".", env=client(server), cwd=cwd), "cannot read .: Is a directory")


def test_file_over_every_limit(serve: Callable[..., Server], cwd: Path, write: Write) -> None:
    server = serve(max_body_bytes=1_000_000, max_upload_bytes=1_000_000)
    outcome = run("import", write(MANY), env=client(server), cwd=cwd)
    assert_one_line(outcome, "(payload_too_large")
    assert import_jobs(server) == []


@pytest.mark.parametrize(
    ("changes", "arguments", "expected"),
    [
        ({"MAILRITH_API_KEY": ""}, ("jobs", "list"), "set MAILRITH_API_KEY"),
        ({"MAILRITH_API_KEY": "mrk_\nx"}, ("jobs", "list"), "MAILRITH_API_KEY is not an API key"),
        ({"MAILRITH_API_KEY": "mrk_unknown_key_of_nobody"}, ("jobs", "list"), "(invalid_api_key, request "),
        ({"MAILRITH_API_BASE_URL": "localhost"}, ("jobs", "list"), "MAILRITH_API_BASE_URL takes an address"),
        (
            {"MAILRITH_API_BASE_URL": "http://127.0.0.1:1"},
            ("jobs", "list"),
            "cannot reach http://127.0.0.1:1; is the service running?",
        ),
        (
            {"MAILRITH_API_BASE_URL": "http://nowhere.invalid"},
            ("export",),
            "cannot reach http://nowhere.invalid; is the service running?",
        ),
        (
            {},
            ("jobs", "show", "job_1"),
            "job_1 is not a job's id: such an id begins with import_job_ or export_job_",
        ),
        ({}, ("jobs", "cancel", "import_job_../x"), "is not a job's id"),
        ({}, ("jobs", "show", "export_job_0000000000001"), "(job_not_found, request req_"),
        ({}, ("jobs", "cancel", "import_job_0000000000001"), "(job_not_found, request req_"),
        ({}, ("jobs", "list", "--limit", "0"), "--limit"),
        ({}, ("jobs", "dance"), "dance"),
        ({}, ("import",), "FILE"),
    ],
)
def test_error_is_one_line(
    server: Server, cwd: Path, changes: dict[str, str], arguments: tuple[str, ...], expected: str
) -> None:
    assert_one_line(run(*arguments, env={**client(server), **changes}, cwd=cwd), expected)


class Stub:
    """A server that is not ours: gives the answers one after another, the last for ever, and keeps the requests."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes] | None) -> None:
        self.seen: list[tuple[str, str, str | None]] = []
        self.authorized: list[str | None] = []
        stub, left = self, list(answers)

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.seen.append((self.command, self.path, self.headers["Idempotency-Key"]))
                stub.authorized.append(self.headers["Authorization"])
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:  # hangs up
                    self.close_connection = True
                    return
                status, headers, body = answer
                body = body.replace(b"{url}", stub.url.encode())
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Nothing: the test reads `seen`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    started: list[tuple[Stub, threading.Thread]] = []

    def start(*answers: Any) -> Stub:
        one = Stub(*answers)
        thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((one, thread))
        return one

    yield start
    for one, thread in started:
        one.server.shutdown()
        thread.join()
        one.server.server_close()


JSON = {"Content-Type": "application/json"}
BUSY = (503, {**JSON, "Retry-After": "0"}, b'{"error": {"code": "shutting_down", "message": "Again, please."}}')
QUEUED = {"id": "import_job_x", "status": "Queued", "created_at": "", "updated_at": ""}
NO_JOBS = (200, JSON, b'{"data": [], "pagination": {"has_more": false, "next_cursor": null}}')


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>Welcome"), "(HTTP 200, text/html)"),
        ((502, {"Content-Type": "text/html"}, b"<html>Bad gateway"), "(HTTP 502, text/html)"),
        ((200, JSON, b"\xff\xfe"), "does not answer like Mailrith's API"),
        ((200, JSON, b'{"jobs": []}'), "does not answer like Mailrith's API"),
        ((200, JSON, b'{"data": {"id": 1}}'), "answers in another form than Mailrith's API"),
        ((404, JSON, b'{"detail": "Not Found"}'), "(HTTP 404, application/json)"),
        (
            (301, {"Location": "https://mail.example.com/"}, b""),
            "sends on to https://mail.example.com/; set MAILRITH",
        ),
        (None, "the connection to http://127.0.0.1:"),
        (BUSY, "Again, please (shutting_down)"),
    ],
)
def test_server_that_is_not_ours(
    stub: Callable[..., Stub], cwd: Path, answer: tuple[int, dict[str, str], bytes] | None, expected: str
) -> None:
    assert_one_line(run("jobs", "list", env=client(stub(answer).url), cwd=cwd), expected)


def test_busy_or_broken_connection_is_tried_again(stub: Callable[..., Stub], cwd: Path) -> None:
    server = stub(BUSY, None, NO_JOBS)
    outcome = run("jobs", "list", env=client(server.url), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert len(server.seen) == 4  # two more for the exports' list


def test_submission_is_tried_again_with_the_same_key(stub: Callable[..., Stub], cwd: Path, write: Write) -> None:
    job = {**QUEUED, "status": "Completed", "imported_count": 3}
    server = stub(None, BUSY, (202, JSON, json.dumps({"data": job}).encode()))
    outcome = run("import", write(EMAIL_NAME), "--map", "Email=email", env=client(server.url), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == "import_job_x: 3 imported\n"
    keys = {key for method, _, key in server.seen if method == "POST"}
    assert len(server.seen) == 3
    assert len(keys) == 1
    assert all(keys)


def test_submission_that_may_have_arrived_says_how_to_repeat_it(
    stub: Callable[..., Stub], cwd: Path, write: Write
) -> None:
    server = stub(None)
    outcome = run("import", write(EMAIL_NAME), "--map", "Email=email", env=client(server.url), cwd=cwd)
    assert_one_line(outcome, f"send it again with --idempotency-key {server.seen[0][2]} and nothing is imported")


def test_cancel_is_not_repeated_after_a_broken_connection(stub: Callable[..., Stub], cwd: Path) -> None:
    server = stub(None)
    outcome = run("jobs", "cancel", "import_job_x", env=client(server.url), cwd=cwd)
    assert_one_line(outcome, "the connection to")
    assert len(server.seen) == 1


def test_service_that_goes_away_says_how_to_look_after_the_job(
    stub: Callable[..., Stub], cwd: Path, write: Write
) -> None:
    server = stub((202, JSON, json.dumps({"data": QUEUED}).encode()), None)
    outcome = run("import", write(EMAIL_NAME), "--map", "Email=email", env=client(server.url), cwd=cwd)
    assert_one_line(outcome, "look after the job with: mailrith-lite jobs show import_job_x")


def test_file_name_from_the_service_stays_in_the_directory(stub: Callable[..., Stub], cwd: Path) -> None:
    job = {"id": "export_job_x", "exported_count": 0, "file_name": "../../out.csv", "download_url": "{url}/file"}
    answer = json.dumps({"data": {**QUEUED, **job, "status": "Completed"}}).encode()
    outcome = run("export", env=client(stub((202, JSON, answer), (200, {}, b"Email\r\n")).url), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert [path.name for path in cwd.iterdir()] == ["out.csv"]


def test_download_that_breaks_off_leaves_no_file(stub: Callable[..., Stub], cwd: Path) -> None:
    job = {"id": "export_job_x", "exported_count": 0, "file_name": "out.csv", "download_url": "{url}/file"}
    answer = json.dumps({"data": {**QUEUED, **job, "status": "Completed"}}).encode()
    (cwd / "out.csv").write_text("from yesterday")
    server = stub((202, JSON, answer), (200, {"Content-Length": "100"}, b"Email\r\n"))
    outcome = run("export", "-o", "out.csv", env=client(server.url), cwd=cwd)
    assert_one_line(outcome, "the connection to http://127.0.0.1:")
    assert [path.read_text() for path in cwd.iterdir()] == ["from yesterday"]


def test_key_goes_to_the_service_alone(stub: Callable[..., Stub], cwd: Path) -> None:
    elsewhere = stub((200, {}, b"Email\r\n"))
    job = {"id": "export_job_x", "exported_count": 0, "file_name": "a.csv", "download_url": f"{elsewhere.url}/file"}
    answer = json.dumps({"data": {**QUEUED, **job, "status": "Completed"}}).encode()
    server = stub((202, JSON, answer))
    assert run("export", env=client(server.url), cwd=cwd).returncode == 0
    assert (server.authorized, elsewhere.authorized) == ([f"Bearer {KEY}"], [None])
