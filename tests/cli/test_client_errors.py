"""Errors between a client command and the service, or a server that is something else."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, Server

from cli.command_line import (
    EMAIL_NAME,
    Write,
    assert_fails,
    client_environment,
    run,
)
from mailrith_lite.jobs.kinds import KINDS


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        (
            {"MAILRITH_API_KEY": ""},
            ("jobs", "list"),
            "there is no API key: set MAILRITH_API_KEY, or run `mailrith-lite",
        ),
        ({"MAILRITH_API_KEY": "mrk_\nx"}, ("jobs", "list"), "this is not an API key: mrk_"),
        (
            {"MAILRITH_API_KEY": "mrk_unknown_key_of_nobody"},
            ("jobs", "list"),
            "makes another (invalid_api_key, request ",
        ),
        ({"MAILRITH_API_BASE_URL": "localhost"}, ("jobs", "list"), "MAILRITH_API_BASE_URL takes an address"),
        (
            {"MAILRITH_API_BASE_URL": "http://127.0.0.1:1"},
            ("jobs", "list"),
            "cannot reach http://127.0.0.1:1: check that the service runs there",
        ),
        (
            {"MAILRITH_API_BASE_URL": "http://nowhere.invalid"},
            ("export",),
            "cannot reach http://nowhere.invalid: check that the service runs there",
        ),
        (
            {},
            ("jobs", "show", "job_1"),
            "job_1 is not a job's id: such an id begins with import_job_ or export_job_",
        ),
        ({}, ("jobs", "cancel", "import_job_../x"), "is not a job's id"),
        ({}, ("jobs", "show", "export_job_0000000000001"), "(subscriber_export_job_not_found, request req_"),
        ({}, ("jobs", "cancel", "import_job_0000000000001"), "(subscriber_import_job_not_found, request req_"),
        ({}, ("jobs", "list", "--limit", "0"), "--limit"),
        ({}, ("jobs", "dance"), "dance"),
        ({}, ("import",), "FILE"),
    ],
)
def test_client_error_is_one_line(
    server: Server, cwd: Path, changes: dict[str, str], arguments: tuple[str, ...], message: str
) -> None:
    assert_fails(run(*arguments, env={**client_environment(server), **changes}, cwd=cwd), message)


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    idempotency_key: str | None
    authorization: str | None


class ScriptedServer:
    """Gives the answers (status, headers, body) in order and repeats the last one; None closes the connection."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes] | None) -> None:
        self.requests: list[Request] = []
        script, left = self, list(answers)

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.requests.append(
                    Request(
                        method=self.command,
                        idempotency_key=self.headers["Idempotency-Key"],
                        authorization=self.headers["Authorization"],
                    )
                )
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                body = body.replace(b"{url}", script.url.encode())
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Logs nothing: a test reads `requests`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


Script = Callable[..., ScriptedServer]


@pytest.fixture
def scripted() -> Iterator[Script]:
    """`scripted(*answers)`: a server on a free port."""
    with contextlib.ExitStack() as stack:

        def start(*answers: Any) -> ScriptedServer:
            server = ScriptedServer(*answers)
            stack.callback(server.server.server_close)
            thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server.shutdown)
            return server

        yield start


JSON = {"Content-Type": "application/json"}
BUSY = (503, {**JSON, "Retry-After": "0"}, b'{"error": {"code": "shutting_down", "message": "Again, please."}}')
QUEUED = {"id": "import_job_x", "status": "Queued", "created_at": "", "updated_at": ""}
NO_JOBS = (200, JSON, b'{"data": [], "pagination": {"has_more": false, "next_cursor": null}}')
ANALYSIS = {
    "source": None,
    "header_line": 1,
    "delimiter": ",",
    "encoding": "UTF-8",
    "columns": [
        {
            "name": "Email",
            "samples": [],
            "filled": 2,
            "proposal": {"csv_column": "Email", "field": {"type": "email"}},
            "reason": "",
        }
    ],
    "questions": [],
    "problems": [],
}
UPLOAD = {"id": "upload_x", "self": "/v1/upload", "upload_url": "{url}/file", "status": "Ready", "row_count": 2}


def answered(status: int, resource: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, JSON, json.dumps({"data": resource}).encode()


UNTIL_THE_SUBMISSION = (  # custom fields, a new upload, the file, its analysis
    NO_JOBS,
    answered(201, UPLOAD),
    answered(200, UPLOAD),
    answered(200, {**UPLOAD, "analysis": ANALYSIS}),
)


def completed_export(*, file_name: str, download_url: str) -> tuple[int, dict[str, str], bytes]:
    job = {"id": "export_job_x", "exported_count": 0, "file_name": file_name, "download_url": download_url}
    return 202, JSON, json.dumps({"data": {**QUEUED, **job, "status": "Completed"}}).encode()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>Welcome"), "(HTTP 200, text/html)"),
        ((502, {"Content-Type": "text/html"}, b"<html>Bad gateway"), "(HTTP 502, text/html)"),
        ((200, JSON, b"\xff\xfe"), "does not answer like Mailrith's API"),
        ((200, JSON, b'{"jobs": []}'), "does not answer like Mailrith's API"),
        ((200, JSON, b'{"data": {"id": 1}}'), "does not answer like Mailrith's API: "),
        ((404, JSON, b'{"detail": "Not Found"}'), "(HTTP 404, application/json)"),
        (
            (301, {"Location": "https://mail.example.com/"}, b""),
            "redirects to https://mail.example.com/; set MAILRITH",
        ),
        (None, "the connection to http://127.0.0.1:"),
        (BUSY, "Again, please (shutting_down)"),
    ],
)
def test_error_says_that_another_server_answered(
    scripted: Script,
    cwd: Path,
    answer: tuple[int, dict[str, str], bytes] | None,
    message: str,
) -> None:
    assert_fails(run("jobs", "list", env=client_environment(scripted(answer).url), cwd=cwd), message)


def test_busy_service_and_broken_connection_are_retried(scripted: Script, cwd: Path) -> None:
    server = scripted(BUSY, None, NO_JOBS)
    result = run("jobs", "list", env=client_environment(server.url), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert len(server.requests) == len(KINDS) + 2  # the first kind three times, each other once


def test_submission_is_retried_with_the_same_idempotency_key(scripted: Script, cwd: Path, write: Write) -> None:
    job = {**QUEUED, "status": "Completed", "imported_count": 3}
    server = scripted(*UNTIL_THE_SUBMISSION, None, BUSY, answered(202, job))
    result = run("import", write(EMAIL_NAME), env=client_environment(server.url), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "import_job_x: 3 imported\n"
    attempts = server.requests[len(UNTIL_THE_SUBMISSION) :]
    assert [request.method for request in attempts] == ["POST"] * 3
    assert len({request.idempotency_key for request in attempts}) == 1
    assert attempts[0].idempotency_key


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ((), "see `mailrith-lite jobs list` before you send it again"),
        (
            ("--idempotency-key", "nightly"),
            "send it again with --idempotency-key nightly and nothing is imported twice",
        ),
    ],
)
def test_submission_without_an_answer_says_how_to_avoid_a_second_import(
    scripted: Script, cwd: Path, write: Write, options: tuple[str, ...], advice: str
) -> None:
    server = scripted(*UNTIL_THE_SUBMISSION, None)
    result = run("import", write(EMAIL_NAME), *options, env=client_environment(server.url), cwd=cwd)
    assert_fails(result, advice)


def test_cancel_is_not_retried_after_a_broken_connection(scripted: Script, cwd: Path) -> None:
    server = scripted(None)
    result = run("jobs", "cancel", "import_job_x", env=client_environment(server.url), cwd=cwd)
    assert_fails(result, "the connection to")
    assert len(server.requests) == 1


def test_error_names_the_command_that_shows_the_job_when_the_service_stops_answering(
    scripted: Script, cwd: Path, write: Write
) -> None:
    server = scripted(*UNTIL_THE_SUBMISSION, answered(202, QUEUED), None)
    result = run("import", write(EMAIL_NAME), env=client_environment(server.url), cwd=cwd)
    assert_fails(result, "follow the job with: mailrith-lite jobs wait import_job_x")


def test_export_file_name_with_a_path_is_written_into_the_current_directory(scripted: Script, cwd: Path) -> None:
    answer = completed_export(file_name="../../out.csv", download_url="{url}/file")
    server = scripted(answer, (200, {}, b"Email\r\n"))
    result = run("export", env=client_environment(server.url), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in cwd.iterdir()] == ["out.csv"]


def test_interrupted_download_leaves_the_old_file(scripted: Script, cwd: Path) -> None:
    (cwd / "out.csv").write_text("from yesterday")
    answer = completed_export(file_name="out.csv", download_url="{url}/file")
    server = scripted(answer, (200, {"Content-Length": "100"}, b"Email\r\n"))
    result = run("export", "-o", "out.csv", "--force", env=client_environment(server.url), cwd=cwd)
    assert_fails(result, "the connection to http://127.0.0.1:")
    assert [path.read_text() for path in cwd.iterdir()] == ["from yesterday"]


def test_download_from_another_host_does_not_get_the_key(scripted: Script, cwd: Path) -> None:
    elsewhere = scripted((200, {}, b"Email\r\n"))
    server = scripted(completed_export(file_name="out.csv", download_url=f"{elsewhere.url}/file"))
    assert run("export", env=client_environment(server.url), cwd=cwd).exit_code == 0
    assert [request.authorization for request in server.requests] == [f"Bearer {KEY}"]
    assert [request.authorization for request in elsewhere.requests] == [None]
