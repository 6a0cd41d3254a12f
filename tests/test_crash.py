"""kill -9 at any moment: what a 202 has promised is done, once, and nothing is left lying around."""

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

KEY = "mrk_example_secret_key"
ROUNDS = int(os.environ.get("MAILRITH_LITE_CRASH_ROUNDS", "3"))
ROWS = 60_000
IMPORTS = "/v1/jobs/subscriber-imports"
EXPORTS = "/v1/jobs/subscriber-exports"
UPLOADS = "/v1/jobs/subscriber-import-uploads"
MAPPINGS = [
    {"csv_column": "Email", "field": {"type": "email"}},
    {"csv_column": "Name", "field": {"type": "name"}},
    {"csv_column": "Status", "field": {"type": "subscriber-status"}},
]
CONTENT = (
    "SELECT id, workspace_id, email, name, status, country, custom_fields FROM subscribers ORDER BY id",
    "SELECT subscriber_id, tag_id FROM subscriber_tags ORDER BY 1, 2",
    "SELECT id, workspace_id, name FROM tags ORDER BY id",
    "SELECT job_id, line, column_name, code, message, cells FROM import_row_errors ORDER BY 1, 2",
    """SELECT id, kind, status, error_message, rows_total, rows_processed, created_count, updated_count,
        unchanged_count, rejected_count, warning_count FROM jobs ORDER BY id""",
    "SELECT name, seq FROM sqlite_sequence ORDER BY name",
)
Content = list[list[tuple[Any, ...]]]


class Service:
    """The service in a process of its own, which can be killed and started again on its data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: subprocess.Popen[str] | None = None
        self._address: Any = None

    def start(self) -> "Service":
        environment = {**os.environ, "MAILRITH_LITE_BOOTSTRAP_KEY": KEY}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mailrith_lite", "serve", "--port", "0", "--data-dir", str(self.directory)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line
        self._address = urlsplit(found[0])
        return self

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        assert self._end(signal.SIGTERM) == 0

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdout is not None
        with process.stdout:
            process.send_signal(number)
            try:
                return process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address.hostname, self._address.port, timeout=60)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        with contextlib.closing(self.connect()) as connection:
            sent = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status < 300, text
            return json.loads(text)["data"]

    def put(self, link: str, file: bytes) -> contextlib.closing[http.client.HTTPConnection]:
        """Sends a file to the link of an upload. The answer is the caller's, who closes the connection."""
        parts = urlsplit(link)
        connection = self.connect()
        connection.request("PUT", f"{parts.path}?{parts.query}", file)
        return contextlib.closing(connection)

    def finished(self, job: Any) -> Any:
        """Polls until the job is final."""
        while job["status"] in ("Queued", "Processing"):
            job = self.call("GET", job["self"])
        return job

    def content(self) -> Content:
        """All that the database says, but for its times. Stop the service first."""
        assert self._process is None
        with contextlib.closing(sqlite3.connect(self.directory / "mailrith.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            return [connection.execute(query).fetchall() for query in CONTENT]

    def files(self) -> list[str]:
        """Of jobs and uploads."""
        return sorted(
            f"{room}/{path.name}"
            for room in ("imports", "exports", "uploads")
            for path in (self.directory / room).iterdir()
        )

    def sizes(self, pattern: str) -> int:
        found = 0
        for path in (self.directory / "exports").glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                found += path.stat().st_size
        return found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    """`service(name)`: on a data directory of that name; killed at the end if it still runs."""
    services: list[Service] = []

    def make(name: str) -> Service:
        services.append(Service(tmp_path / name))
        return services[-1]

    yield make
    for each in services:
        each.kill()


def request(rows: int = ROWS) -> dict[str, Any]:
    """Every fate a row can have: created, updated, unchanged, refused, kept."""
    chance = random.Random(42)
    lines = []
    for number in range(rows):
        email = f"user{number}@example.com"
        match chance.randrange(40):
            case 0:
                lines.append(f"nobody {number},Refused,")
            case 1:
                lines.append(f"user{chance.randrange(number + 1)}@example.com,Again {number},")
            case 2:
                lines.append(f'{email},"Two\nlines {number}",Bounced\n{email},,Active')
            case 3:
                lines.append(f"{email},Twice,\n{email},Twice,")
            case _:
                lines.append(f"{email},Name {number},")
    text = "Email,Name,Status\n" + "\n".join(lines)
    return {"csv_text": text, "mappings": MAPPINGS, "new_tag_name": "Crash"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Content]]:
    """A stopped service that has done the import in one go, and its content."""
    service = Service(tmp_path_factory.mktemp("crash") / "data").start()
    try:
        job = service.finished(service.call("POST", IMPORTS, request()))
        service.stop()
        counts = job["progress"]
        assert job["status"] == "Completed"
        assert min(counts.values()) > 100
        yield service, service.content()
    finally:
        service.kill()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_import_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(
    service: Callable[[str], Service], undisturbed: tuple[Service, Content], seed: int
) -> None:
    chance = random.Random(seed)
    killed = service("killed").start()
    job = killed.call("POST", IMPORTS, request())
    blind_kill = chance.randrange(3)  # one of the kills comes at any moment; it may find no new chunk committed
    for attempt in range(3):
        reached = job["progress"]["rows_processed"]
        goal = reached + 1 + chance.randrange(max(1, ROWS // 3))
        polls = chance.randrange(30) if attempt == blind_kill else sys.maxsize
        while job["status"] in ("Queued", "Processing") and job["progress"]["rows_processed"] < goal and polls:
            job = killed.call("GET", job["self"])
            polls -= 1
        killed.kill()
        killed.start()
        job = killed.call("GET", job["self"])
    job = killed.finished(job)
    assert (job["status"], job["error_message"]) == ("Completed", None)
    killed.stop()
    assert killed.content() == undisturbed[1]
    assert killed.files() == []


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_export_that_is_killed_twice_ends_with_the_same_file(
    service: Callable[[str], Service], undisturbed: tuple[Service, Content], seed: int
) -> None:
    chance = random.Random(seed)
    bodies = []
    for name in ("whole", "killed"):
        each = service(name)
        shutil.copytree(undisturbed[0].directory, each.directory)
        each.start()
        job = each.call("POST", EXPORTS)
        for _ in range(2 if name == "killed" else 0):
            goal = chance.randrange(len(bodies[0]))
            while job["status"] in ("Queued", "Processing") and each.sizes("*.part") < goal:
                job = each.call("GET", job["self"])
            each.kill()
            finals = [path.read_bytes() for path in (each.directory / "exports").glob("*.csv")]
            assert finals in ([], [bodies[0]])  # a file with its final name is whole, also before its job says so
            each.start()
            job = each.call("GET", job["self"])
        job = each.finished(job)
        assert (job["status"], job["error_message"]) == ("Completed", None)
        assert job["exported_count"] == len(undisturbed[1][0])
        each.stop()
        assert each.files() == [f"exports/{job['id']}.csv"]
        bodies.append((each.directory / "exports" / f"{job['id']}.csv").read_bytes())
    assert bodies[0] == bodies[1]


def test_an_export_that_dies_three_times_is_given_up_and_leaves_no_file(
    service: Callable[[str], Service], undisturbed: tuple[Service, Content]
) -> None:
    deadly = service("deadly")
    shutil.copytree(undisturbed[0].directory, deadly.directory)
    deadly.start()
    job = deadly.call("POST", EXPORTS)
    for _ in range(3):
        while not list((deadly.directory / "exports").iterdir()):
            pass
        deadly.kill()
        deadly.start()
    job = deadly.call("GET", job["self"])
    assert (job["status"], job["download_url"]) == ("Failed", None)
    assert "3 times" in job["error_message"]
    assert deadly.finished(deadly.call("POST", EXPORTS, {"query": "user1@"}))["exported_count"] == 1
    deadly.stop()
    assert len(deadly.files()) == 1


@pytest.mark.parametrize("kind", ["import", "export"])
def test_a_202_holds_when_the_process_dies_right_after_it(service: Callable[[str], Service], kind: str) -> None:
    path, body = (IMPORTS, request(2_000)) if kind == "import" else (EXPORTS, {"status": "Active"})
    died = service("died").start()
    job = died.call("POST", path, body, **{"Idempotency-Key": "once"})
    died.kill()
    died.start()
    assert died.call("POST", path, body, **{"Idempotency-Key": "once"}) == job
    finished = died.finished(died.call("GET", job["self"]))
    assert (finished["id"], finished["status"]) == (job["id"], "Completed")
    died.stop()
    jobs = died.content()[4]
    assert len(jobs) == 1
    assert [name.split("/")[0] for name in died.files()] == ([] if kind == "import" else ["exports"])


def test_many_202s_hold_in_their_order(service: Callable[[str], Service]) -> None:
    died = service("died").start()
    jobs = []
    for number in range(8):
        text = f"Email,Name,Status\na@example.com,Name {number},\n"
        jobs.append(died.call("POST", IMPORTS, {"csv_text": text, "mappings": MAPPINGS}))
    died.kill()
    died.start()
    finished = [died.finished(died.call("GET", job["self"])) for job in jobs]
    assert {job["status"] for job in finished} == {"Completed"}
    died.stop()
    assert [(row[2], row[3]) for row in died.content()[0]] == [("a@example.com", "Name 7")]
    assert died.files() == []


def test_a_body_that_was_cut_off_leaves_no_job_and_no_file(service: Callable[[str], Service]) -> None:
    died = service("died").start()
    body = json.dumps(request()).encode()
    with contextlib.closing(died.connect()) as connection:
        connection.putrequest("POST", IMPORTS)
        for name, value in (
            ("Authorization", f"Bearer {KEY}"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body[: len(body) * 3 // 4])
        while not died.files():
            pass  # the part that was received is on its way to the disk
        died.kill()
    died.start()
    assert died.files() == []
    died.stop()
    assert died.content()[4] == []


def test_a_polite_stop_in_the_middle_continues_exactly(
    service: Callable[[str], Service], undisturbed: tuple[Service, Content]
) -> None:
    polite = service("polite").start()
    job = polite.call("POST", IMPORTS, request())
    for goal in (1, ROWS // 3, 2 * ROWS // 3):
        while job["status"] in ("Queued", "Processing") and job["progress"]["rows_processed"] < goal:
            job = polite.call("GET", job["self"])
        polite.stop()
        polite.start()
        job = polite.call("GET", job["self"])
    assert polite.finished(job)["status"] == "Completed"
    polite.stop()
    assert polite.content() == undisturbed[1]
    assert polite.files() == []


def test_an_upload_that_is_killed_in_the_middle_waits_for_its_file_again(service: Callable[[str], Service]) -> None:
    died = service("died").start()
    upload = died.call("POST", UPLOADS)
    link = urlsplit(upload["upload_url"])
    file = request()["csv_text"].encode()
    with contextlib.closing(died.connect()) as connection:
        connection.putrequest("PUT", f"{link.path}?{link.query}")
        connection.putheader("Content-Length", str(len(file)))
        connection.endheaders()
        connection.send(file[: len(file) * 3 // 4])
        while not died.files():
            pass  # the part that was received is on its way to the disk
        died.kill()
    died.start()
    assert died.files() == []
    assert died.call("GET", upload["self"])["status"] == "Pending"
    with died.put(upload["upload_url"], file) as connection:
        assert connection.getresponse().status == 200
    assert died.call("GET", upload["self"])["status"] == "Ready"


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_upload_that_is_killed_at_any_moment_is_whole_or_not_there(
    service: Callable[[str], Service], seed: int
) -> None:
    died = service("died").start()
    file = request()["csv_text"].encode()
    upload = died.call("POST", UPLOADS)
    with died.put(upload["upload_url"], file):
        for _ in range(random.Random(seed).randrange(60)):
            died.call("GET", upload["self"])
        died.kill()
    died.start()
    shown = died.call("GET", upload["self"])
    if shown["status"] == "Pending":
        assert died.files() == []
        with died.put(upload["upload_url"], file) as connection:
            assert connection.getresponse().status == 200
    shown = died.call("GET", upload["self"])
    (path,) = (died.directory / "uploads").iterdir()
    assert path.read_bytes() == file
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    job = died.finished(died.call("POST", IMPORTS, body))
    assert (job["status"], job["progress"]["rows_total"]) == ("Completed", shown["row_count"])
    died.stop()
    assert died.files() == []


def test_a_202_for_an_upload_holds_when_the_process_dies_right_after_it(service: Callable[[str], Service]) -> None:
    died = service("died").start()
    upload = died.call("POST", UPLOADS)
    with died.put(upload["upload_url"], request(2_000)["csv_text"].encode()) as connection:
        assert connection.getresponse().status == 200
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    job = died.call("POST", IMPORTS, body, **{"Idempotency-Key": "once"})
    died.kill()
    died.start()
    assert died.call("GET", upload["self"])["import_job_id"] == job["id"]
    assert died.call("POST", IMPORTS, body, **{"Idempotency-Key": "once"}) == job
    assert died.finished(died.call("GET", job["self"]))["status"] == "Completed"
    died.stop()
    assert (len(died.content()[4]), died.files()) == (1, [])


def test_a_dry_run_that_is_killed_twice_begins_anew_and_counts_what_the_import_does(
    service: Callable[[str], Service],
) -> None:
    killed = service("killed").start()
    job = killed.call("POST", IMPORTS, {**request(), "dry_run": True})
    for goal in (1, ROWS // 2):
        while job["status"] in ("Queued", "Processing") and job["progress"]["rows_processed"] < goal:
            job = killed.call("GET", job["self"])
        killed.kill()
        killed.start()
        job = killed.call("GET", job["self"])
    dry = killed.finished(job)
    real = killed.finished(killed.call("POST", IMPORTS, request()))
    assert (dry["status"], dry["progress"]) == ("Completed", real["progress"])
    killed.stop()
    errors = killed.content()[3]
    assert [row[1:] for row in errors if row[0] == 1] == [row[1:] for row in errors if row[0] == 2]
    assert killed.files() == []


def test_a_dry_run_that_dies_three_times_is_given_up_however_far_it_came(service: Callable[[str], Service]) -> None:
    deadly = service("deadly").start()
    job = deadly.call("POST", IMPORTS, {**request(), "dry_run": True})
    for _ in range(3):
        while job["status"] == "Queued" or not job["progress"]["rows_processed"]:
            job = deadly.call("GET", job["self"])
        deadly.kill()
        deadly.start()
        job = deadly.call("GET", job["self"])
    assert (job["status"], job["dry_run"]) == ("Failed", True)
    assert "3 times" in job["error_message"]
    assert deadly.files() == []
