"""A service that can be killed and started again on its data directory, and an import for it."""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fork_server
import msgspec
from fork_server import Command

KEY = "mrk_example_secret_key"
ROUNDS = int(os.environ.get("MAILRITH_LITE_CRASH_ROUNDS", "1"))
ROWS = 13_000  # three chunks
LARGE_BODY_ROWS = 24_000  # the service writes the body to a file while it reads it
IMPORTS = "/v1/jobs/subscriber-imports"
EXPORTS = "/v1/jobs/subscriber-exports"
UPLOADS = "/v1/jobs/subscriber-import-uploads"
_PAUSE = 0.01  # seconds; without one, the polls take the processor from the job
MAPPINGS = [
    {"csv_column": "Email", "field": {"type": "email"}},
    {"csv_column": "Name", "field": {"type": "name"}},
    {"csv_column": "Status", "field": {"type": "subscriber-status"}},
    {"csv_column": "Tags", "field": {"type": "tags"}},
    {"csv_column": "Joined", "field": {"type": "subscribed-at"}},
    {"csv_column": "Out", "field": {"type": "subscriber-status"}, "values": {"yes": "Unsubscribed", "no": None}},
    {"csv_column": "Plan", "field": {"type": "new-custom-field", "label": "Plan", "custom_field_type": "Number"}},
]
Rows = list[tuple[Any, ...]]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of the database, without their times."""

    subscribers: Rows
    subscriber_tags: Rows
    tags: Rows
    custom_fields: Rows
    row_errors: Rows
    jobs: Rows
    sequences: Rows


QUERIES = {
    "subscribers": """SELECT id, workspace_id, email, name, status, country, custom_fields,
            CASE WHEN subscribed_at % 86400000 = 0 THEN subscribed_at END -- a day of the file
        FROM subscribers ORDER BY id""",
    "subscriber_tags": "SELECT subscriber_id, tag_id FROM subscriber_tags ORDER BY 1, 2",
    "tags": "SELECT id, workspace_id, name FROM tags ORDER BY id",
    "custom_fields": "SELECT id, workspace_id, label, type FROM custom_fields ORDER BY id",
    "row_errors": """SELECT job_id, line, position, column_name, code, message, cells FROM import_row_errors
        ORDER BY 1, 2, 3""",
    "jobs": """SELECT id, kind, status, error_message, rows_total, rows_processed, created_count, updated_count,
        unchanged_count, rejected_count, warning_count FROM jobs ORDER BY id""",
    "sequences": """SELECT name, seq FROM sqlite_sequence
        WHERE name NOT IN ('changes', 'audit_entries') -- each chunk and each start adds a row
        ORDER BY name""",
}


class Service:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._log = directory.with_name(f"{directory.name}.log")
        self._process: Command | None = None
        self._address: Any = None

    def start(self) -> "Service":
        environment = {**os.environ, "MAILRITH_LITE_BOOTSTRAP_KEY": KEY}
        arguments = ["serve", "--port", "0", "--data-dir", str(self.directory)]
        with self._log.open("ab") as log:
            self._process = fork_server.shared().start(arguments, stderr=log, environment=environment)
        line = self._process.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address, line
        self._address = urlsplit(address[0])
        return self

    def kill(self) -> None:
        """Sends SIGKILL. Does nothing if the service does not run."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Sends SIGTERM and expects exit code 0."""
        exit_code = self._end(signal.SIGTERM)
        last_lines = self._log.read_text().splitlines()[-40:]
        assert exit_code == 0, f"exit code {exit_code}; the log ends with: {last_lines}"

    def restart(self) -> None:
        """Kills the service and starts it again."""
        self.kill()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.closing(process):
            process.send_signal(number)
            return process.wait(30)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address.hostname, self._address.port, timeout=60)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The `data` of a successful response; None if it has no body."""
        with contextlib.closing(self.connect()) as connection:
            request_headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers}
            connection.request(method, path, None if body is None else json.dumps(body), request_headers)
            response = connection.getresponse()
            text = response.read()
            assert response.status < 300, text
            return json.loads(text)["data"] if text else None

    def put(self, link: str, file: bytes) -> contextlib.closing[http.client.HTTPConnection]:
        """Sends a file to the link of an upload. The caller reads the response and closes the connection."""
        parts = urlsplit(link)
        connection = self.connect()
        connection.request("PUT", f"{parts.path}?{parts.query}", file)
        return contextlib.closing(connection)

    def kill_during_request(self, method: str, path: str, body: bytes, **headers: str) -> None:
        """Kills the service after it has written a part of the body to a file. The request is not complete."""
        with contextlib.closing(self.connect()) as connection:
            connection.putrequest(method, path)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.send(body[: len(body) * 3 // 4])
            while not self.files():
                self.pause()
            self.kill()

    def finish(self, job: Any) -> Any:
        """Polls until the job is final."""
        return self.poll_until(job, lambda now: False)

    def poll(self, job: Any, rows: int, most: int = sys.maxsize) -> Any:
        """Polls until the job has processed so many rows or is final, at most `most` times."""
        return self.poll_until(job, lambda now: now["progress"]["rows_processed"] >= rows, most)

    def kill_running(self, job: Any) -> Any:
        """Kills the service while the job is Processing, and starts it again. Returns the job after the start."""
        job = self.poll_until(job, lambda now: now["status"] == "Processing")
        assert job["status"] == "Processing", "the job was final before the kill"
        self.restart()
        return self.call("GET", job["self"])

    def poll_until(self, job: Any, reached: Callable[[Any], bool], most: int = sys.maxsize) -> Any:
        """Polls until `reached(job)` or the job is final, at most `most` times."""
        while job["status"] in ("Queued", "Processing") and not reached(job) and most:
            self.pause()
            job = self.call("GET", job["self"])
            most -= 1
        return job

    def pause(self) -> None:
        """Waits a moment for the end of the process.

        Raises:
            AssertionError: it has ended.
        """
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the service has ended with {self._process.wait(_PAUSE)}")

    def content(self) -> Content:
        """Of the moment, if the service runs."""
        with contextlib.closing(sqlite3.connect(self.directory / "mailrith.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            return Content(**{name: connection.execute(query).fetchall() for name, query in QUERIES.items()})

    def files(self) -> list[str]:
        """The files of jobs and uploads, such as `exports/….csv`."""
        return sorted(
            f"{directory}/{path.name}"
            for directory in ("imports", "exports", "uploads")
            for path in (self.directory / directory).iterdir()
        )

    def partial_export_size(self) -> int:
        """The size of the export files that are not complete, in bytes."""
        size = 0
        for path in (self.directory / "exports").glob("*.part"):
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
        return size


def import_request(rows: int = ROWS) -> dict[str, Any]:
    """An import with every outcome: created, updated, unchanged, refused, and a status that is kept.

    Its dates have the day first and its numbers a comma, which the first pass detects.
    """
    chance = random.Random(42)
    lines = []
    for number in range(rows):
        email = f"user{number}@example.com"
        match chance.randrange(40):
            case 0:
                lines.append(f"nobody {number},Refused,,none,,,")
            case 1:
                lines.append(f"user{chance.randrange(number + 1)}@example.com,Again {number},,again,,no,")
            case 2:
                lines.append(f'{email},"Two\nlines {number}",Bounced,,,,\n{email},,Active,,,,')
            case 3:
                lines.append(f"{email},Twice,,,,,\n{email},Twice,,,,yes,")
            case _:
                tags = f'"Tag {number % 9}; {number // 5_000}"'
                lines.append(f'{email},Name {number},,{tags},{1 + number % 28}/11/2024,no,"{number % 7},5"')
    text = "Email,Name,Status,Tags,Joined,Out,Plan\n" + "\n".join(lines)
    return {"csv_text": text, "mappings": MAPPINGS, "new_tag_name": "Crash"}
