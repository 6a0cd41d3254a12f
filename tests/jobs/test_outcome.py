"""How a job ends: its state, its error message, its files and its log lines."""

import asyncio
import errno
import logging
import sqlite3

import pytest

from jobs.recorder import Recorder, add_jobs, cancel, run_all, running, select_row, select_statuses
from mailrith_lite import errors
from mailrith_lite.database import Connection, Database, opening
from mailrith_lite.jobs import queue
from mailrith_lite.jobs import runner as runner_module
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import EXPORT, IMPORT
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.run import JobFailed, Run


class UnexpectedError(Exception):
    pass


async def test_a_job_runs_completes_and_is_tidied_once(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, EXPORT)
    recorder.release(job)
    await run_all(database, recorder)
    row = await select_row(database, job)
    assert (row["status"], row["error_message"]) == ("Completed", None)
    assert row["started_at"] <= row["completed_at"]
    assert (recorder.started, recorder.completed, recorder.tidied) == ([job], [job], [job])


async def test_the_text_of_job_failed_is_the_error_message(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, IMPORT)

    async def fail(run: Run) -> None:
        raise JobFailed("line 7: it cannot be read.")

    recorder.bodies[job] = fail
    await run_all(database, recorder)
    row = await select_row(database, job)
    assert (row["status"], row["error_message"]) == ("Failed", "line 7: it cannot be read.")
    assert (recorder.completed, recorder.tidied) == ([], [job])


@pytest.mark.parametrize(
    "exception", [UnexpectedError("ada@example.com"), RecursionError("x"), MemoryError(), TimeoutError()]
)
async def test_an_unexpected_exception_fails_the_job_without_showing_its_text(
    database: Database, recorder: Recorder, exception: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await add_jobs(database, IMPORT, IMPORT)

    async def fail(run: Run) -> None:
        raise exception

    recorder.bodies[first] = fail
    recorder.release(second)
    with caplog.at_level(logging.ERROR):
        await run_all(database, recorder)
    row = await select_row(database, first)
    assert row["status"] == "Failed"
    assert "req_7" in row["error_message"]
    for internal in ("ada@", "Traceback", "Unexpected", ".py", "Error"):
        assert internal not in row["error_message"]
    assert await select_statuses(database, second) == ["Completed"]
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    "obstacle",
    [
        errors.StorageFull(),
        errors.DatabaseBusy(),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
    ids=repr,
)
async def test_job_continues_after_a_temporary_obstacle(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, obstacle: Exception
) -> None:
    monkeypatch.setattr(runner_module, "_RETRY", 0)
    (job,) = await add_jobs(database, EXPORT)
    attempts: list[str] = []

    async def fail_first(run: Run) -> None:
        attempts.append(run.job.status)
        if len(attempts) == 1:
            raise obstacle
        await recorder.checkpoint(run.job, 0)

    recorder.bodies[job] = fail_first
    await run_all(database, recorder)
    row = await select_row(database, job)
    assert (row["status"], row["error_message"], len(attempts)) == ("Completed", None, 2)


async def test_job_waits_for_the_lock_of_another_program(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_RETRY", 0)
    monkeypatch.setattr(opening, "_BUSY_TIMEOUT", 0.05)
    (job,) = await add_jobs(database, EXPORT)
    other = sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)
    refused: list[Exception] = []

    async def write(run: Run) -> None:
        if not refused:
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")  # in a thread: the runner may be writing
        try:
            await recorder.checkpoint(run.job, 0)
        except errors.DatabaseBusy as error:
            refused.append(error)
            asyncio.get_running_loop().call_later(0.1, other.rollback)
            raise

    recorder.bodies[job] = write
    await run_all(database, recorder)
    other.close()
    assert len(refused) == 1
    assert await select_statuses(database, job) == ["Completed"]


async def test_job_that_waits_can_be_canceled(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_RETRY", 0.01)
    (job,) = await add_jobs(database, EXPORT)

    async def fail(run: Run) -> None:
        raise errors.StorageFull

    recorder.bodies[job] = fail
    async with running(database, recorder) as runner:
        await recorder.wait_for_starts(1)
        await cancel(database, runner, job)
        await runner.drain()
    row = await select_row(database, job)
    assert (row["status"], row["error_message"]) == ("Failed", queue.CANCELED)


async def test_stop_does_not_wait_for_the_lock_of_another_program(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "GRACE", 0.1)
    monkeypatch.setattr(runner_module, "_LAST_WRITE", 0.1)
    monkeypatch.setattr(opening, "_BUSY_TIMEOUT", 3_600)
    (job,) = await add_jobs(database, EXPORT)
    async with running(database, recorder) as runner:
        await recorder.wait_for_starts(1)
        other = sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")  # in a thread: the runner may be writing
        await asyncio.wait_for(runner.stop(), 20)
        other.close()
    assert await select_statuses(database, job) == ["Processing"]


async def test_a_job_with_unprocessed_rows_never_completes(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, IMPORT)

    async def return_too_early(run: Run) -> None:
        async with database.write() as connection:
            await queue.update_checkpoint(connection, job, Progress(rows_total=2, rows_processed=0), 5)

    recorder.bodies[job] = return_too_early
    await run_all(database, recorder)
    row = await select_row(database, job)
    assert (row["status"], "internal error" in row["error_message"]) == ("Failed", True)
    assert recorder.completed == []


async def test_complete_commits_together_with_the_final_state(database: Database, recorder: Recorder) -> None:
    class FailingComplete(Recorder):
        async def complete(self, connection: Connection, job: Job, now: int) -> None:
            await connection.execute("INSERT INTO exports (job_id, cold_only) VALUES (?, 0)", (job.id,))
            raise UnexpectedError

    (job,) = await add_jobs(database, EXPORT)
    failing = FailingComplete(database)
    failing.release(job)
    await run_all(database, failing)
    assert await select_statuses(database, job) == ["Failed"]
    async with database.read() as connection:
        assert list(await connection.execute_fetchall("SELECT * FROM exports")) == []


async def test_a_job_completes_and_a_log_line_is_written_when_tidy_fails(
    database: Database, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    class FailingTidy(Recorder):
        async def tidy(self, job: Job) -> None:
            if job.id == 1:
                raise OSError(errno.EIO, "Input/output error")

    failing = FailingTidy(database)
    first, second = await add_jobs(database, IMPORT, IMPORT)
    failing.release(first, second)
    await run_all(database, failing)
    assert await select_statuses(database, first, second) == ["Completed", "Completed"]
    errors_logged = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors_logged == ["the files of a job could not be deleted"]


async def test_log_lines_of_a_job_have_its_request_id(
    database: Database, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    (job,) = await add_jobs(database, EXPORT)
    recorder.release(job)
    with caplog.at_level(logging.INFO, logger="mailrith_lite"):
        await run_all(database, recorder)
    fields = [record.__dict__["fields"] for record in caplog.records if record.name == "mailrith_lite.service"]
    assert [entry["request_id"] for entry in fields] == ["req_7", "req_7"]
