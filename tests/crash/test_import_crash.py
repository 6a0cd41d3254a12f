"""An import and its 202 survive SIGKILL at any moment: every row is applied once."""

import json
import random
import sys
from collections.abc import Callable

import pytest

from crash.conftest import Reference
from crash.service import (
    EXPORTS,
    IMPORTS,
    KEY,
    LARGE_BODY_ROWS,
    MAPPINGS,
    ROUNDS,
    ROWS,
    Service,
    import_request,
)
from mailrith_lite.imports import own_process


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_import_that_is_killed_three_times_ends_like_one_without_a_crash(
    service: Callable[[str], Service], reference: Reference, seed: int
) -> None:
    chance = random.Random(seed)
    killed = service("killed").start()
    job = killed.call("POST", IMPORTS, import_request())
    early_kill = chance.randrange(3)  # this one may come before the next chunk is committed
    for attempt in range(3):
        rows = job["progress"]["rows_processed"] + 1 + chance.randrange(max(1, ROWS // 3))
        job = killed.poll(job, rows, chance.randrange(30) if attempt == early_kill else sys.maxsize)
        killed.restart()
        job = killed.call("GET", job["self"])
    job = killed.finish(job)
    assert (job["status"], job["error_message"]) == ("Completed", None)
    killed.stop()
    assert killed.content() == reference.content
    assert killed.files() == []


def test_an_import_that_is_stopped_three_times_ends_like_one_without_a_stop(
    service: Callable[[str], Service], reference: Reference
) -> None:
    stopped = service("stopped").start()
    job = stopped.call("POST", IMPORTS, import_request())
    for rows in (1, ROWS // 3, 2 * ROWS // 3):
        job = stopped.poll(job, rows)
        stopped.stop()
        stopped.start()
        job = stopped.call("GET", job["self"])
    assert stopped.finish(job)["status"] == "Completed"
    stopped.stop()
    assert stopped.content() == reference.content
    assert stopped.files() == []


def test_a_large_import_whose_rows_another_process_reads_survives_a_kill(service: Callable[[str], Service]) -> None:
    rows = 1_000 + own_process.LARGE_IMPORT // 400
    text = "Email,Note\n" + "".join(f"user{number}@example.com,{'x' * 400}\n" for number in range(rows))
    killed = service("killed").start()
    job = killed.call("POST", IMPORTS, {"csv_text": text, "mappings": MAPPINGS[:1]})
    job = killed.poll(job, 1)
    killed.restart()
    job = killed.finish(killed.call("GET", job["self"]))
    assert (job["status"], job["progress"]["created_count"]) == ("Completed", rows)
    killed.stop()
    assert len(killed.content().subscribers) == rows
    assert killed.files() == []


def test_jobs_complete_after_a_kill_directly_after_their_202(service: Callable[[str], Service]) -> None:
    killed = service("killed").start()
    requests = (
        (IMPORTS, import_request(2_000), {"Idempotency-Key": "import"}),
        (EXPORTS, {"status": "Active"}, {"Idempotency-Key": "export"}),
    )
    jobs = [killed.call("POST", path, body, **headers) for path, body, headers in requests]
    killed.restart()
    assert [killed.call("POST", path, body, **headers) for path, body, headers in requests] == jobs
    for job in jobs:
        final = killed.finish(killed.call("GET", job["self"]))
        assert (final["id"], final["status"]) == (job["id"], "Completed")
    killed.stop()
    assert len(killed.content().jobs) == 2
    assert killed.files() == [f"exports/{jobs[1]['id']}.csv"]


def test_imports_run_in_their_order_after_a_kill(service: Callable[[str], Service]) -> None:
    killed = service("killed").start()
    jobs = []
    for number in range(8):
        text = f"Email,Name,Status\na@example.com,Name {number},\n"
        jobs.append(killed.call("POST", IMPORTS, {"csv_text": text, "mappings": MAPPINGS[:3]}))
    killed.restart()
    assert {killed.finish(killed.call("GET", job["self"]))["status"] for job in jobs} == {"Completed"}
    killed.stop()
    ((_, _, email, name, *_),) = killed.content().subscribers
    assert (email, name) == ("a@example.com", "Name 7")
    assert killed.files() == []


def test_a_kill_during_the_body_leaves_no_job_and_no_file(service: Callable[[str], Service]) -> None:
    killed = service("killed").start()
    body = json.dumps(import_request(LARGE_BODY_ROWS)).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    killed.kill_during_request("POST", IMPORTS, body, **headers)
    killed.start()
    assert killed.files() == []
    killed.stop()
    assert killed.content().jobs == []


def test_a_dry_run_that_is_killed_twice_counts_what_the_import_does(service: Callable[[str], Service]) -> None:
    killed = service("killed").start()
    job = killed.call("POST", IMPORTS, {**import_request(), "dry_run": True})
    for rows in (1, ROWS // 2):
        killed.poll(job, rows)
        killed.restart()
        job = killed.call("GET", job["self"])
    dry_run = killed.finish(job)
    real = killed.finish(killed.call("POST", IMPORTS, import_request()))
    assert (dry_run["status"], dry_run["progress"]) == ("Completed", real["progress"])
    killed.stop()
    errors = killed.content().row_errors
    assert [error[1:] for error in errors if error[0] == 1] == [error[1:] for error in errors if error[0] == 2]
    assert killed.files() == []


def test_a_dry_run_fails_after_three_kills_whatever_its_progress(service: Callable[[str], Service]) -> None:
    killed = service("killed").start()
    long = import_request(36_000)  # a kill has to come before its end
    job = killed.call("POST", IMPORTS, {**long, "dry_run": True})
    for _ in range(3):
        job = killed.kill_running(killed.poll(job, 1))
    assert (job["status"], job["dry_run"]) == ("Failed", True)
    assert "3 times" in job["error_message"]
    assert killed.files() == []
