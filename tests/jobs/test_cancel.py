"""Canceling a job: queued, running, between its last chunk and its end, and final."""

import asyncio

import pytest

from jobs.recorder import Recorder, add_jobs, cancel, run_all, running, select_row, select_statuses
from mailrith_lite import errors
from mailrith_lite.database import Database
from mailrith_lite.jobs.kinds import EXPORT, IMPORT, JobKind
from mailrith_lite.jobs.queue import CANCELED
from mailrith_lite.jobs.run import Run


async def test_a_canceled_queued_job_never_runs(database: Database, recorder: Recorder) -> None:
    first, second, third = await add_jobs(database, EXPORT, EXPORT, EXPORT)
    async with running(database, recorder, 1) as runner:
        await recorder.wait_for_starts(1)
        await cancel(database, runner, second)
        assert recorder.tidied == [second]
        recorder.release(first, second, third)
        await runner.drain()
    assert recorder.started == [first, third]
    row = await select_row(database, second)
    assert (row["status"], row["error_message"], row["started_at"]) == ("Failed", CANCELED, None)


async def test_a_canceled_running_job_stops_at_its_next_check_and_keeps_its_counts(
    database: Database, recorder: Recorder
) -> None:
    (job,) = await add_jobs(database, IMPORT)
    canceled = asyncio.Event()

    async def two_chunks(run: Run) -> None:
        await recorder.checkpoint(run.job, 3)
        await canceled.wait()
        run.check()
        pytest.fail("the run did not stop")

    recorder.bodies[job] = two_chunks
    async with running(database, recorder) as runner:
        await recorder.wait_for_starts(1)
        await recorder.wait_for_checkpoint(job, 3)
        await cancel(database, runner, job)
        canceled.set()
        await runner.drain()
    row = await select_row(database, job)
    assert (row["status"], row["error_message"], row["created_count"]) == ("Failed", CANCELED, 3)
    assert recorder.tidied == [job]


async def test_a_chunk_after_the_cancel_is_rolled_back(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, IMPORT)
    canceled = asyncio.Event()

    async def chunk_without_check(run: Run) -> None:
        await canceled.wait()
        await recorder.checkpoint(run.job, 3)

    recorder.bodies[job] = chunk_without_check
    async with running(database, recorder) as runner:
        await recorder.wait_for_starts(1)
        await cancel(database, runner, job)
        canceled.set()
        await runner.drain()
    row = await select_row(database, job)
    assert (row["status"], row["error_message"], row["rows_processed"]) == ("Failed", CANCELED, 0)
    assert recorder.completed == []


async def test_a_cancel_after_the_last_chunk_still_counts(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, EXPORT)
    canceled = asyncio.Event()

    async def return_after_cancel(run: Run) -> None:
        await canceled.wait()

    recorder.bodies[job] = return_after_cancel
    async with running(database, recorder) as runner:
        await recorder.wait_for_starts(1)
        await cancel(database, runner, job)
        canceled.set()
        await runner.drain()
    assert (await select_row(database, job))["error_message"] == CANCELED
    assert (recorder.completed, recorder.tidied) == ([], [job])


async def test_canceling_a_final_job_is_a_conflict(database: Database, recorder: Recorder) -> None:
    (job,) = await add_jobs(database, EXPORT)
    recorder.release(job)
    await run_all(database, recorder)
    async with running(database, recorder) as runner:
        with pytest.raises(errors.Conflict) as conflict:
            await cancel(database, runner, job)
    assert conflict.value.error_code == "job_already_final"
    assert await select_statuses(database, job) == ["Completed"]


@pytest.mark.parametrize("workspace, kind", [(2, EXPORT), (1, IMPORT)], ids=["other workspace", "other kind"])
async def test_a_job_is_not_found_by_another_workspace_or_as_another_kind(
    database: Database, recorder: Recorder, workspace: int, kind: JobKind
) -> None:
    (job,) = await add_jobs(database, EXPORT)
    async with running(database, recorder) as runner:
        with pytest.raises(errors.NotFound) as not_found:
            await runner.cancel(workspace, kind, kind.encode(job))
        assert not_found.value.error_code == f"{kind.resource}_not_found"
        assert (await select_row(database, job))["completed_at"] is None
