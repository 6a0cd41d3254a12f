"""The responses about a job from its creation to its end, and its cancellation."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import pytest
from conftest import Reply, Server
from wire import EMAIL, EXPORTS, IMPORTS, envelope, sources

from mailrith_lite import clock
from mailrith_lite.jobs import queue

JOBS = pytest.mark.parametrize(
    ("path", "body"), [(IMPORTS, {"csv_text": "Email\nada@example.com\n", "mappings": [EMAIL]}), (EXPORTS, {})]
)
IMPORT_KEYS = {
    "id",
    "self",
    "status",
    "imported_count",
    "error_message",
    "started_at",
    "completed_at",
    "created_at",
    "updated_at",
    "progress",
    "dry_run",
    "parent_job_id",
    "mappings",
    "options",
    "error_report_url",
    "undo",
}
EXPORT_KEYS = {
    "id",
    "self",
    "status",
    "selection",
    "columns",
    "exported_count",
    "file_name",
    "download_url",
    "expires_at",
    "error_message",
    "started_at",
    "completed_at",
    "created_at",
    "updated_at",
}


def hold(server: Server) -> None:
    """From now on the runner claims no job."""
    server.wait(server.services.runner.stop())


def claim(server: Server) -> None:
    """Sets the only queued job to Processing, as if the runner had just claimed it."""

    async def work() -> None:
        async with server.services.database.write() as connection:
            (candidate,) = await queue.select_candidates(connection)
            await queue.update_claimed(connection, candidate.job_id, clock.now())

    server.wait(work())


def get_job(server: Server, job: Any) -> Reply:
    return server.call("GET", job["self"])


@pytest.mark.slow
@JOBS
def test_a_new_job_has_location_and_retry_after(server: Server, path: str, body: Any) -> None:
    hold(server)
    reply = server.call("POST", path, body)
    job = reply.json["data"]
    assert reply.status == 202
    assert urljoin(path, reply.headers["location"]) == job["self"] == f"{path}/{job['id']}"
    assert reply.headers["retry-after"] == "1"
    assert job["status"] == "Queued"
    assert set(job) == (IMPORT_KEYS if path == IMPORTS else EXPORT_KEYS)
    assert get_job(server, job).json["data"] == job


@pytest.mark.slow
@JOBS
def test_a_job_has_retry_after_until_it_is_final(server: Server, path: str, body: Any) -> None:
    hold(server)
    job = server.call("POST", path, body).json["data"]
    assert get_job(server, job).headers["retry-after"] == "1"
    claim(server)
    processing = get_job(server, job)
    assert processing.json["data"]["status"] == "Processing"
    assert processing.json["data"]["started_at"] is not None
    assert processing.headers["retry-after"] == "1"
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    assert "retry-after" not in get_job(server, job).headers


@JOBS
def test_a_finished_job_has_its_times_and_no_retry_after(server: Server, path: str, body: Any) -> None:
    job = server.call("POST", path, body).json["data"]
    server.drain()
    reply = get_job(server, job)
    done = reply.json["data"]
    assert "retry-after" not in reply.headers
    assert done["status"] == "Completed"
    assert done["created_at"] <= done["started_at"] <= done["completed_at"] == done["updated_at"]
    assert done["completed_at"].endswith("Z")
    assert len(done["completed_at"]) == len("2026-04-11T12:00:00.000Z")


@JOBS
@pytest.mark.parametrize("prepare", [lambda server: None, claim], ids=["queued", "processing"])
def test_a_queued_or_running_job_can_be_canceled(
    server: Server, path: str, body: Any, prepare: Callable[[Server], None]
) -> None:
    hold(server)
    job = server.call("POST", path, body).json["data"]
    prepare(server)
    reply = server.call("POST", f"{job['self']}/cancel")
    canceled = reply.json["data"]
    assert reply.status == 200
    assert "retry-after" not in reply.headers
    assert (canceled["status"], canceled["error_message"]) == ("Failed", "Canceled by the client.")
    assert canceled["completed_at"] is not None
    assert get_job(server, job).json["data"] == canceled


@JOBS
def test_a_canceled_job_never_runs(server: Server, path: str, body: Any) -> None:
    hold(server)
    job = server.call("POST", path, body).json["data"]
    server.call("POST", f"{job['self']}/cancel")
    assert not sources(server)
    assert server.rows("SELECT count(*) FROM subscribers") == [(0,)]
    assert server.rows("SELECT count(*) FROM jobs WHERE status = 'Queued'") == [(0,)]


@JOBS
def test_a_final_job_cannot_be_canceled(server: Server, path: str, body: Any) -> None:
    job = server.call("POST", path, body).json["data"]
    server.drain()
    before = get_job(server, job)
    reply = server.call("POST", f"{job['self']}/cancel")
    assert envelope(reply) == (409, "conflict", "job_already_final")
    assert "Completed" in reply.error["message"]
    assert get_job(server, job).body == before.body


@JOBS
def test_a_job_can_be_canceled_only_once(server: Server, path: str, body: Any) -> None:
    hold(server)
    job = server.call("POST", path, body).json["data"]
    replies = [server.call("POST", f"{job['self']}/cancel").status for _ in range(2)]
    assert replies == [200, 409]


@pytest.mark.slow
def test_a_running_import_stops_between_two_chunks(server: Server) -> None:
    rows = "".join(f"user{number}@example.com\n" for number in range(200_000))
    job = server.call("POST", IMPORTS, {"csv_text": "Email\n" + rows, "mappings": [EMAIL]}).json["data"]
    while get_job(server, job).json["data"]["progress"]["rows_processed"] == 0:
        pass  # the first chunk is being written
    reply = server.call("POST", f"{job['self']}/cancel")
    assert reply.status == 200
    server.drain()
    canceled = get_job(server, job).json["data"]
    applied = server.rows("SELECT count(*) FROM subscribers")[0][0]
    assert (canceled["status"], canceled["imported_count"]) == ("Failed", applied)
    assert 0 < applied < 200_000
    assert not sources(server)


def test_a_list_has_summaries_without_the_fields_of_the_job(server: Server) -> None:
    server.import_csv("Email\na@example.com\n", [EMAIL])
    server.export_csv()
    (imported,) = server.call("GET", IMPORTS).json["data"]
    (exported,) = server.call("GET", EXPORTS).json["data"]
    assert set(imported) == IMPORT_KEYS - {"error_message", "error_report_url", "mappings", "options", "undo"}
    assert set(exported) == EXPORT_KEYS - {"selection", "columns", "file_name", "download_url", "error_message"}


def test_a_failed_import_names_the_line(server: Server) -> None:
    job = server.import_csv('Email\nada@example.com\n"open\n', [EMAIL])
    assert (job["status"], job["imported_count"]) == ("Failed", 0)
    assert "line 3" in job["error_message"]


def test_a_new_job_waits_for_a_busy_writer(server: Server) -> None:
    started, leave = threading.Event(), asyncio.Event()

    async def occupy() -> None:
        async with server.services.database.write():
            started.set()
            await leave.wait()

    occupied = asyncio.run_coroutine_threadsafe(occupy(), server._loop)
    started.wait(30)
    answers: list[Reply] = []
    thread = threading.Thread(target=lambda: answers.append(server.call("POST", EXPORTS)))
    thread.start()
    assert server.call("GET", EXPORTS).json["data"] == []  # a busy writer does not stop reads
    server._loop.call_soon_threadsafe(leave.set)
    occupied.result(30)
    thread.join(30)
    assert answers[0].status == 202
