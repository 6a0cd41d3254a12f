"""The log has a line for each request, and never a key, an address, a cell or a signature."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from click.testing import CliRunner
from conftest import KEY, MAPPINGS, Server

from mailrith_lite import logs
from mailrith_lite.cli.main import cli
from mailrith_lite.settings import Settings

SECRETS = {
    "key": KEY,
    "wrong key": "mrk_wrong_key_0123456789",
    "cell": "Lovelace-the-cell",
    "email": "ada.secret@example.com",
    "bad cell": "not-an-address-but-secret",
    "query": "searched-for-secret",
    "body": "broken-body-secret",
    "tag": "tag-name-secret",
    "header": "idempotency-secret",
}


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """`statuses`: request id -> status. `secrets`: what -> a text that must not be in the log."""

    statuses: dict[str, int]
    secrets: dict[str, str]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The requests to a service that has stopped, and its log."""

    requests: Requests
    log: str


class Process:
    """The service as a user starts it, with its log in a file."""

    def __init__(self, directory: Path, log_format: str) -> None:
        self._log = directory / "log"
        environment = {
            "MAILRITH_LITE_BOOTSTRAP_KEY": KEY,
            "MAILRITH_LITE_LOG_LEVEL": "debug",
            "PATH": "/usr/bin:/bin",
        }
        command = [sys.executable, "-m", "mailrith_lite", "serve", "--port", "0", "--log-format", log_format]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--data-dir", str(directory / "data")],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=Path(logs.__file__).parents[1],
            )
        assert self._process.stdout is not None
        address = re.search(rb"serving (http://\S+)", self._process.stdout.readline())
        assert address is not None
        # this Server only sends requests to the process
        self.server = Server(Settings(), url=address[1].decode())
        self.server._loop.close()

    def stop(self) -> str:
        """Returns the log."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0
        return self._log.read_text()

    def kill(self) -> None:
        self.server.connections.close()
        self._process.kill()
        self._process.communicate(timeout=30)


@contextmanager
def process(directory: Path, log_format: str) -> Iterator[Process]:
    service = Process(directory, log_format)
    try:
        yield service
    finally:
        service.kill()


def send_requests(server: Server) -> Requests:
    """Sends requests full of secrets: some succeed, the others fail in every way.

    The secrets in the result include the signatures that the service has made.
    """
    statuses: dict[str, int] = {}

    def ask(method: str, path: str, body: Any = None, **more: Any) -> Any:
        reply = server.call(method, path, body, **more)
        statuses[reply.headers["x-mailrith-request-id"]] = reply.status
        return reply

    imports, exports = "/v1/jobs/subscriber-imports", "/v1/jobs/subscriber-exports"
    csv_text = f"Email,Name\n{SECRETS['email']},{SECRETS['cell']}\n{SECRETS['bad cell']},{SECRETS['cell']}\n"
    job = ask("POST", imports, {"csv_text": csv_text, "mappings": MAPPINGS, "new_tag_name": SECRETS["tag"]})
    broken = {"csv_text": f'Email,Name\n"{SECRETS["cell"]}', "mappings": MAPPINGS}
    ask("POST", imports, broken)
    ask(
        "POST",
        imports,
        {**broken, "mappings": [{"csv_column": SECRETS["cell"], "field": {"type": SECRETS["cell"]}}]},
    )
    ask("POST", imports, f"{{{SECRETS['body']}".encode())
    final = follow(ask, job.json["data"]["self"])
    report = urlsplit(final["error_report_url"])
    export = ask("POST", exports, {"query": SECRETS["email"]}).json["data"]["self"]
    link = urlsplit(follow(ask, export)["download_url"])
    for parts in (report, link):
        ask("GET", f"{parts.path}?{parts.query}", key=None)
        ask("GET", f"{parts.path}?{parts.query}x", key=None)
    signatures = {
        "signature of the export": link.query.partition("signature=")[2],
        "signature of the report": report.query.partition("signature=")[2],
    }
    ask("GET", f"/v1/subscribers?search={SECRETS['query']}&email={SECRETS['email']}")
    ask("GET", f"/v1/subscribers/{SECRETS['email']}")
    ask("GET", f"/{SECRETS['email']}?{SECRETS['query']}")
    ask("GET", "/v1/tags", key=SECRETS["wrong key"])
    ask("GET", f"/v1/tags?api_key={KEY}", key=None)
    ask("POST", "/v1/tags", {"name": SECRETS["tag"]}, headers={"Idempotency-Key": SECRETS["header"]})
    ask("POST", "/v1/tags", {"name": SECRETS["tag"], SECRETS["cell"]: 1})
    ask("GET", f"/v1/tags?{SECRETS['query']}=1")
    ask("POST", "/v1/subscribers", {"email": SECRETS["email"], "custom_fields": {SECRETS["cell"]: 1}})
    ask("POST", "/v1/tags", {"name": 1})
    for path in (
        f"/v1/tagz/tag_9wdvsq5zmmz0n/{SECRETS['cell']}",
        f"/downloads/{signatures['signature of the export']}",
    ):
        ask("GET", path)
    ask("GET", "/v1/workspace")
    ask("GET", "/healthz", key=None, headers={"x-mailrith-client": SECRETS["email"]})
    send_malformed(server)
    return Requests(statuses=statuses, secrets=SECRETS | signatures)


def follow(ask: Callable[..., Any], path: str) -> Any:
    while (job := ask("GET", path).json["data"])["status"] in ("Queued", "Processing"):
        pass
    return job


def send_malformed(server: Server) -> None:
    """Sends bytes that are not HTTP, and a request whose client closes the connection."""
    parts = urlsplit(server.url)
    for request in (
        f"GARBAGE {SECRETS['email']}\r\n\r\n",
        f"GET /{SECRETS['email']} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: x\r\n\r\n",
        f"POST /v1/tags HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 99\r\n\r\n"
        + SECRETS["body"],
    ):
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with process(tmp_path_factory.mktemp("json"), "json") as service:
        yield Session(requests=send_requests(service.server), log=service.stop())


@pytest.fixture(scope="module")
def lines(session: Session) -> list[dict[str, Any]]:
    return [json.loads(line) for line in session.log.splitlines()]


def test_every_request_has_one_line_with_its_id_and_status(session: Session, lines: list[dict[str, Any]]) -> None:
    logged = [line for line in lines if line["message"] == "request" and "route" in line]
    statuses = {line["request_id"]: line["status"] for line in logged}
    expected = session.requests.statuses
    assert {request_id: statuses.get(request_id) for request_id in expected} == expected
    assert len(statuses) == len(logged)


def test_the_line_of_a_request_has_these_fields(lines: list[dict[str, Any]]) -> None:
    (line,) = [one for one in lines if (one.get("route"), one.get("status")) == ("/v1/subscribers", 200)]
    assert set(line) == {
        "time",
        "level",
        "message",
        "request_id",
        "method",
        "route",
        "status",
        "ms",
        "address",
        "workspace",
        "key",
        "client",
    }
    assert (line["method"], line["status"], line["level"]) == ("GET", 200, "info")
    assert line["ms"] >= 0
    assert line["workspace"].startswith("workspace_")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_a_line_has_the_route_and_never_the_path(lines: list[dict[str, Any]]) -> None:
    routes = {line["route"] for line in lines if "route" in line}
    assert {"/v1/subscribers/{subscriber_id}", "/downloads/{workspace_id}/{job_id}", "/healthz", None} <= routes
    assert all(line["workspace"] is None for line in lines if line.get("status") in (401, 403) and "route" in line)


def refusals(lines: list[dict[str, Any]], route: str | None) -> list[dict[str, Any]]:
    """Without those whose client has closed the connection."""
    return [line for line in lines if 400 <= line.get("status", 0) != 499 and line.get("route", "") == route]


def test_line_of_a_refused_request_has_its_code_and_field(lines: list[dict[str, Any]]) -> None:
    tags = {(line["code"], line["field"], line["reason"]) for line in refusals(lines, "/v1/tags")}
    assert tags == {
        ("invalid_api_key", None, None),
        ("invalid_tag_name", "name", None),
        ("tag_name_conflict", "name", None),
        ("invalid_request", None, "unknown_field"),  # the client has chosen the name
        ("invalid_request", None, "unknown_parameter"),
    }
    imports = {(line["code"], line["field"]) for line in refusals(lines, "/v1/jobs/subscriber-imports")}
    assert imports == {("invalid_body", None), ("invalid_mappings", "mappings[0].field.type")}
    assert [line["field"] for line in refusals(lines, "/v1/subscribers")] == ["custom_fields"]
    assert not [line for line in lines if line.get("status") == 200 and "code" in line]


def test_line_of_a_path_without_a_route_has_only_its_plain_words(lines: list[dict[str, Any]]) -> None:
    assert [line["path"] for line in refusals(lines, None)] == ["/…", "/v1/tagz/…/…", "/downloads/…"]
    assert {line["code"] for line in refusals(lines, None)} == {"not_found"}


def test_line_of_a_link_has_the_key_that_it_was_made_for(lines: list[dict[str, Any]]) -> None:
    downloads = [line for line in lines if line.get("route") == "/downloads/{workspace_id}/{job_id}"]
    keys = {line["status"]: line["key"] for line in downloads}
    assert keys[200] is not None
    assert keys[403] is None  # a wrong signature


def test_equal_refusals_are_counted_after_the_tenth(tmp_path: Path) -> None:
    with process(tmp_path, "json") as service:
        for number in range(30):
            for key in ("mrk_one_wrong_example_key", KEY):
                service.server.call(
                    "GET", "/v1/tags?wrong=1" if key == KEY else f"/v1/tags?limit={number}", key=key
                )
        service.server.call("GET", "/v1/segments?wrong=1")
        lines = [json.loads(line) for line in service.stop().splitlines()]
    for status in (401, 400):
        equal = [line for line in lines if line.get("status") == status and line.get("route") == "/v1/tags"]
        assert len([line for line in equal if "repeats" not in line]) == 10
        (repeated,) = [line for line in equal if "repeats" in line]
        assert (repeated["repeats"], repeated["request_id"]) == (20, equal[0]["request_id"])
    assert len(refusals(lines, "/v1/segments")) == 1


def test_line_of_a_key_that_has_ended_has_its_id(tmp_path: Path) -> None:
    with process(tmp_path, "json") as service:
        key_id = json.loads(audit(tmp_path).splitlines()[-1])["object"]
        command(tmp_path, "keys", "revoke", key_id, "--yes")
        service.server.call("GET", "/v1/tags")
        lines = [json.loads(line) for line in service.stop().splitlines()]
    (line,) = refusals(lines, "/v1/tags")
    assert (line["code"], line["key"], line["address"]) == ("revoked_api_key", key_id, "127.0.0.1")
    (refused,) = [one for one in map(json.loads, audit(tmp_path).splitlines()) if one["action"] == "key.refused"]
    assert (refused["key"], refused["details"]) == (key_id, {"code": "revoked_api_key", "count": 1})


def command(directory: Path, *arguments: str) -> str:
    """Runs a command on the data directory of the process."""
    result = CliRunner().invoke(cli, [*arguments, "--data-dir", str(directory / "data")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def audit(directory: Path) -> str:
    return command(directory, "audit", "--json", "--action", "key")


def test_malformed_requests_have_a_log_line(lines: list[dict[str, Any]]) -> None:
    assert len([line for line in lines if line.get("status") == 400 and "route" not in line]) == 2


def test_a_client_that_closes_the_connection_is_not_an_error_of_the_service(lines: list[dict[str, Any]]) -> None:
    assert [line for line in lines if line.get("status") == 499]
    assert not [line for line in lines if line["level"] not in ("info", "debug")]
    assert not [line for line in lines if line.get("status") == 500]


def test_the_lines_of_a_job_have_the_id_of_its_request(lines: list[dict[str, Any]]) -> None:
    accepted = {line["request_id"] for line in lines if line.get("status") == 202}
    jobs = [line for line in lines if "job" in line]
    assert {line["message"] for line in jobs} == {"job started", "job completed", "job failed"}
    assert {line["request_id"] for line in jobs} == accepted


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_log_has_no_secret(log_format: str, session: Session, tmp_path: Path) -> None:
    if log_format == "text":
        with process(tmp_path, log_format) as service:
            session = Session(requests=send_requests(service.server), log=service.stop())
    assert len(session.log.splitlines()) > 20
    assert [name for name, secret in session.requests.secrets.items() if secret in session.log] == []
    assert "@" not in session.log
    assert "mrk_" not in session.log
