"""Jobs and requests that run at the same time have the same results as each one alone."""

import csv
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from conftest import KEY, MAPPINGS, Server

IMPORTS = "/v1/jobs/subscriber-imports"
EXPORTS = "/v1/jobs/subscriber-exports"
ROWS = 9_000  # more than a chunk


def csv_text(count: int) -> str:
    """Every tenth row has no valid email."""
    lines = (
        f"user{number:06}@x.com,Name {number}" if number % 10 else f"nobody {number}," for number in range(count)
    )
    return "Email,Name\n" + "\n".join(lines)


def submit(server: Server, key: str, **body: Any) -> Any:
    reply = server.call("POST", IMPORTS, {"mappings": MAPPINGS, **body}, key=key)
    assert reply.status == 202
    return reply.json["data"]


def is_final(server: Server, job: Any, key: str) -> bool:
    return server.call("GET", job["self"], key=key).json["data"]["status"] in ("Completed", "Failed")


def test_two_imports_and_an_export_at_the_same_time(serve: Any) -> None:
    server = serve(job_concurrency=3)
    other = server.new_key(workspace="Other")
    imports = [(submit(server, key, csv_text=csv_text(ROWS), new_tag_name="New"), key) for key in (KEY, other)]
    while not server.call("GET", imports[0][0]["self"]).json["data"]["progress"]["created_count"]:
        pass
    export = server.call("POST", EXPORTS).json["data"]
    server.drain()
    for job, key in imports:
        job = server.call("GET", job["self"], key=key).json["data"]
        counts = job["progress"]
        assert (job["status"], job["imported_count"]) == ("Completed", ROWS * 9 // 10)
        assert (counts["created_count"], counts["rejected_count"]) == (ROWS * 9 // 10, ROWS // 10)
        report = server.fetch(job["error_report_url"]).body.decode()
        assert [int(row[2]) for row in list(csv.reader(io.StringIO(report, newline="")))[1:]] == [
            number + 2 for number in range(0, ROWS, 10)
        ]
    export = server.call("GET", export["self"]).json["data"]
    text = server.fetch(export["download_url"]).body.decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert export["exported_count"] == len(rows) > 0
    # The snapshot is a state between two chunks: the first rows of the file, each with its tag.
    expected = [number for number in range(ROWS) if number % 10][: len(rows)]
    assert [row[0] for row in rows] == [f"user{number:06}@x.com" for number in expected]
    assert {row[6] for row in rows} == {"New"}
    assert server.rows("SELECT workspace_id, count(*) FROM subscribers GROUP BY 1") == [
        (1, ROWS * 9 // 10),
        (2, ROWS * 9 // 10),
    ]
    assert server.rows("SELECT tag_id, count(*) FROM subscriber_tags GROUP BY 1") == [
        (1, ROWS * 9 // 10),
        (2, ROWS * 9 // 10),
    ]


def test_reads_and_writes_are_quick_during_an_import(server: Server) -> None:
    job = submit(server, KEY, csv_text=csv_text(3 * ROWS))
    slowest, count = 0.0, 0
    while not is_final(server, job, KEY):
        for method, body in (("GET", None), ("POST", {"name": f"Tag {count}"})):
            start = time.monotonic()
            assert server.call(method, "/v1/tags", body).status == (200 if method == "GET" else 201)
            slowest = max(slowest, time.monotonic() - start)
        count += 1
    assert count > 10
    assert slowest < 2
    job = server.call("GET", job["self"]).json["data"]
    assert (job["status"], job["imported_count"]) == ("Completed", 3 * ROWS * 9 // 10)
    assert server.rows("SELECT count(*) FROM tags") == [(count,)]


def test_small_chunks_apply_every_row_once_and_in_order(server: Server) -> None:
    rows = "".join(f"user{number % 5_000}@x.com,Name {number}\n" for number in range(ROWS))
    job = submit(server, KEY, csv_text="Email,Name\n" + rows)
    stop = threading.Event()

    def write_repeatedly() -> int:
        """Chunks stay small while other writes wait for the lock."""
        count = 0
        while not stop.is_set():
            assert server.call("POST", "/v1/tags", {"name": f"Tag {count}"}).status == 201
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write_repeatedly)
        try:
            server.drain()
        finally:
            stop.set()
        assert writer.result(60) > 0
    counts = server.call("GET", job["self"]).json["data"]["progress"]
    assert (counts["created_count"], counts["updated_count"]) == (5_000, ROWS - 5_000)
    assert dict(server.rows("SELECT email, name FROM subscribers")) == {
        f"user{number % 5_000}@x.com": f"Name {number}" for number in range(ROWS)
    }


def test_progress_never_decreases_and_always_adds_up(server: Server) -> None:
    job = submit(server, KEY, csv_text=csv_text(2 * ROWS))
    states = [job]
    while states[-1]["status"] in ("Queued", "Processing"):
        states.append(server.call("GET", job["self"]).json["data"])
    processed = [state["progress"]["rows_processed"] for state in states]
    assert processed == sorted(processed)
    for state in states:
        counts = state["progress"]
        outcomes = [counts[f"{outcome}_count"] for outcome in ("created", "updated", "unchanged", "rejected")]
        assert sum(outcomes) == counts["rows_processed"]
        if state["imported_count"] is not None:
            assert state["imported_count"] == counts["rows_processed"] - counts["rejected_count"]
    statuses = [state["status"] for state in states]
    assert statuses == sorted(statuses, key=["Queued", "Processing", "Completed"].index)


def test_many_submissions_at_the_same_time_all_become_jobs(server: Server) -> None:
    def submit_one(number: int) -> int:
        text = f"Email,Name\nuser{number}@x.com,Name\nshared@x.com,Name {number}\n"
        return server.call("POST", IMPORTS, {"csv_text": text, "mappings": MAPPINGS}).status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(submit_one, range(60))) == {202}
    server.drain()
    assert server.rows("SELECT status, count(*) FROM jobs GROUP BY 1") == [("Completed", 60)]
    assert server.rows("SELECT count(*) FROM subscribers") == [(61,)]
    ((name,),) = server.rows("SELECT name FROM subscribers WHERE email = 'shared@x.com'")
    ((source,),) = server.rows("SELECT source FROM imports ORDER BY job_id DESC LIMIT 1")
    assert name.startswith("Name ")
    assert not (server.services.imports_directory / source).exists()
