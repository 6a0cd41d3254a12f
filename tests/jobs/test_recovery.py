"""No job is lost when the service stops or its process dies."""

import asyncio
import threading
from pathlib import Path

import pytest

from jobs.recorder import (
    Recorder,
    add_jobs,
    run_all,
    running,
    select_row,
    select_statuses,
    update_row,
)
from mailrith_lite.access import workspaces
from mailrith_lite.database import Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs import runner as runner_module
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import EXPORT, IMPORT
from mailrith_lite.jobs.queue import DIED
from mailrith_lite.jobs.run import Interrupted, Run
from mailrith_lite.jobs.runner import Runner


async def test_a_start_continues_jobs_of_a_dead_process_at_their_checkpoint(
    database: Database, recorder: Recorder
) -> None:
    first, second = await add_jobs(database, IMPORT, IMPORT)
    await update_row(
        database, first, status="Processing", started_at=3, rows_total=4, rows_processed=4, created_count=4
    )
    recorder.release(second)
    checkpoints: list[Progress] = []

    async def resume(run: Run) -> None:
        checkpoints.append(run.job.progress)

    recorder.bodies[first] = resume
    await run_all(database, recorder)
    assert recorder.started == [first, second]
    assert checkpoints == [Progress(rows_total=4, rows_processed=4, created_count=4)]
    row = await select_row(database, first)
    assert (row["status"], row["started_at"], row["deaths"]) == ("Completed", 3, 1)


async def test_the_third_death_without_a_checkpoint_fails_the_job(database: Database, recorder: Recorder) -> None:
    first, second = await add_jobs(database, IMPORT, IMPORT)
    for deaths in (1, 2):
        await update_row(database, first, status="Processing", started_at=3)
        async with running(database, recorder):
            await recorder.wait_for_starts(deaths)
            assert (await select_row(database, first))["deaths"] == deaths
    await update_row(database, first, status="Processing")
    recorder.release(second)
    await run_all(database, recorder)
    row = await select_row(database, first)
    assert (row["status"], row["error_message"]) == ("Failed", DIED)
    assert row["completed_at"] is not None
    assert "3 times" in DIED
    assert recorder.started == [first, first, second]
    assert recorder.tidied == [first, second]


async def test_a_checkpoint_resets_the_number_of_deaths(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, IMPORT)
    await update_row(database, job, status="Processing", started_at=3, deaths=2)
    async with database.write() as connection:
        await queue.update_checkpoint(connection, job, Progress(rows_total=2, rows_processed=1, created_count=1), 4)
    async with running(database, recorder):
        await recorder.wait_for_starts(1)
        assert (await select_row(database, job))["deaths"] == 1


async def test_a_stop_is_not_a_death(database: Database, recorder: Recorder) -> None:
    first, second = await add_jobs(database, IMPORT, IMPORT)
    for starts in range(1, 5):
        async with running(database, recorder):
            await recorder.wait_for_starts(starts)
    assert [(await select_row(database, job))["deaths"] for job in (first, second)] == [0, 0]


async def test_a_stop_returns_running_jobs_to_the_queue_and_the_next_start_continues_them(
    database: Database, recorder: Recorder
) -> None:
    first, second, third = await add_jobs(database, IMPORT, EXPORT, EXPORT)
    checkpoints: list[int] = []

    async def chunks(run: Run) -> None:
        checkpoints.append(run.job.progress.rows_processed)
        if run.job.progress.rows_processed:
            return
        await recorder.checkpoint(run.job, 3)
        while True:
            run.check()
            await asyncio.sleep(0)

    recorder.bodies[first] = chunks
    recorder.release(second, third)
    async with running(database, recorder, 1):
        await recorder.wait_for_starts(1)
        await recorder.wait_for_checkpoint(first, 3)
    row = await select_row(database, first)
    assert (row["status"], row["deaths"], row["rows_processed"], row["completed_at"]) == ("Queued", 0, 3, None)
    assert recorder.tidied == []
    await run_all(database, recorder, 1)
    assert checkpoints == [0, 3]
    assert recorder.started == [first, first, second, third]
    assert await select_statuses(database, first) == ["Completed"]


async def test_a_stop_lets_the_running_chunk_finish(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, IMPORT)
    stopping = asyncio.Event()

    async def slow_chunk(run: Run) -> None:
        await stopping.wait()
        await recorder.checkpoint(run.job, 3)
        run.check()

    recorder.bodies[job] = slow_chunk
    async with running(database, recorder) as runner:
        await recorder.wait_for_starts(1)
        stop = asyncio.create_task(runner.stop())
        await asyncio.sleep(0)
        stopping.set()
        await stop
    row = await select_row(database, job)
    assert (row["status"], row["rows_processed"]) == ("Queued", 3)


async def test_a_stop_cancels_a_chunk_that_exceeds_the_grace_and_requeues_its_job(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "GRACE", 0.01)
    (job,) = await add_jobs(database, IMPORT)
    ends: list[type[BaseException]] = []

    async def endless_chunk(run: Run) -> None:
        try:
            async with database.write() as connection:
                await connection.execute("DELETE FROM jobs WHERE id = 99")
                await asyncio.Event().wait()
        except asyncio.CancelledError as end:
            ends.append(type(end))
            raise

    recorder.bodies[job] = endless_chunk
    async with running(database, recorder):
        await recorder.wait_for_starts(1)
    assert ends == [asyncio.CancelledError]
    row = await select_row(database, job)
    assert (row["status"], row["deaths"]) == ("Queued", 0)


async def test_no_job_starts_after_a_stop(database: Database, recorder: Recorder) -> None:
    first, second = await add_jobs(database, EXPORT, EXPORT)
    async with running(database, recorder, 1):
        await recorder.wait_for_starts(1)
    assert recorder.started == [first]
    assert await select_statuses(database, first, second) == ["Queued", "Queued"]


async def test_a_job_that_is_claimed_during_the_stop_is_interrupted(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "GRACE", 2.0)
    (job,) = await add_jobs(database, EXPORT)
    ends: list[type[BaseException]] = []

    async def steps(run: Run) -> None:
        try:
            while True:
                run.check()
                await asyncio.sleep(0)
        except BaseException as end:
            ends.append(type(end))
            raise

    recorder.bodies[job] = steps
    runner = Runner(database, {IMPORT: recorder, EXPORT: recorder}, concurrency=1)
    await runner.start()
    async with database.write():  # the claim waits for the lock
        await asyncio.sleep(0)
        stop = asyncio.create_task(runner.stop())
        await asyncio.sleep(0)
    await stop
    assert set(ends) <= {Interrupted}
    row = await select_row(database, job)
    assert (row["status"], row["deaths"]) == ("Queued", 0)


@pytest.mark.slow
async def test_job_whose_claim_is_committed_during_the_stop_returns_to_the_queue(
    database: Database, recorder: Recorder
) -> None:
    (job,) = await add_jobs(database, EXPORT)
    loop, committing, goes_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    claimed = threading.Event()

    def pause_commit_of_claim(statement: str) -> None:  # called in the thread of the writer
        if "started_at = coalesce" in statement:
            claimed.set()
        elif statement == "COMMIT" and claimed.is_set():
            loop.call_soon_threadsafe(committing.set)
            goes_on.wait(30)

    async with database.write() as connection:
        await connection.set_trace_callback(pause_commit_of_claim)
    runner = Runner(database, {EXPORT: recorder}, concurrency=1)
    await runner.start()
    await committing.wait()
    stop = asyncio.create_task(runner.stop())
    while not (runner._loop and runner._loop.cancelling()):  # noqa: ASYNC110 (no event says this)
        await asyncio.sleep(0)
    goes_on.set()
    await stop
    assert recorder.started == []
    assert await select_statuses(database, job) == ["Queued"]


async def test_a_job_survives_a_restart_of_the_database(tmp_path: Path) -> None:
    path = tmp_path / "again.db"
    async with Database.open(path) as database:
        async with database.write() as connection:
            await workspaces.insert_workspace(connection, "A", 1)
        (job,) = await add_jobs(database, EXPORT)
    async with Database.open(path) as database:
        recorder = Recorder(database)
        recorder.release(job)
        await run_all(database, recorder)
        assert await select_statuses(database, job) == ["Completed"]
