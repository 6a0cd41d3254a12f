"""Which job runs when: concurrency, the order within a workspace, and turns between workspaces."""

import asyncio

import pytest

from jobs.recorder import Recorder, add_jobs, run_all, running, select_statuses
from mailrith_lite.database import Database
from mailrith_lite.jobs.kinds import EXPORT, IMPORT


@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_jobs_run_up_to_the_concurrency(database: Database, recorder: Recorder, concurrency: int) -> None:
    jobs = await add_jobs(database, *[EXPORT] * 8)
    async with running(database, recorder, concurrency) as runner:
        assert await recorder.wait_for_starts(concurrency) == jobs[:concurrency]
        for done, job in enumerate(jobs, 1):
            recorder.release(job)
            await recorder.wait_for_starts(min(8, concurrency + done))
        await runner.drain()
    assert recorder.most_running == concurrency
    assert recorder.started == jobs


async def test_the_oldest_job_of_a_workspace_runs_first(database: Database, recorder: Recorder) -> None:
    jobs = await add_jobs(database, EXPORT, IMPORT, EXPORT, IMPORT)
    recorder.release(*jobs)
    await run_all(database, recorder, 1)
    assert recorder.started == jobs


async def test_imports_of_one_workspace_run_one_at_a_time(database: Database, recorder: Recorder) -> None:
    first, second, third = await add_jobs(database, IMPORT, IMPORT, IMPORT)
    async with running(database, recorder, 3) as runner:
        assert await recorder.wait_for_starts(1) == [first]
        (export,) = await add_jobs(database, EXPORT)
        runner.wake()
        assert await recorder.wait_for_starts(2) == [first, export]
        recorder.release(first)
        assert await recorder.wait_for_starts(3) == [first, export, second]
        assert recorder.running == {export, second}
        recorder.release(second, third, export)
        await runner.drain()
    assert recorder.started == [first, export, second, third]


async def test_imports_of_two_workspaces_run_at_the_same_time(database: Database, recorder: Recorder) -> None:
    (first,) = await add_jobs(database, IMPORT, workspace=1)
    (second,) = await add_jobs(database, IMPORT, workspace=2)
    async with running(database, recorder) as runner:
        assert await recorder.wait_for_starts(2) == [first, second]
        recorder.release(first, second)
        await runner.drain()


async def test_a_workspace_with_many_jobs_does_not_delay_other_workspaces(
    database: Database, recorder: Recorder
) -> None:
    many = await add_jobs(database, *[EXPORT] * 6, workspace=1)
    (second,) = await add_jobs(database, EXPORT, workspace=2)
    (third,) = await add_jobs(database, EXPORT, workspace=3)
    recorder.release(*many, second, third)
    await run_all(database, recorder, 1)
    assert set(recorder.started[:3]) == {many[0], second, third}


async def test_two_busy_workspaces_take_turns(database: Database, recorder: Recorder) -> None:
    first = await add_jobs(database, *[EXPORT] * 4, workspace=1)
    second = await add_jobs(database, *[EXPORT] * 4, workspace=2)
    recorder.release(*first, *second)
    await run_all(database, recorder, 1)
    assert recorder.started == [job for pair in zip(first, second, strict=True) for job in pair]


async def test_the_workspace_with_fewer_running_jobs_starts_the_next_one(
    database: Database, recorder: Recorder
) -> None:
    first = await add_jobs(database, *[EXPORT] * 3, workspace=1)
    async with running(database, recorder, 3) as runner:
        await recorder.wait_for_starts(3)
        queued = await add_jobs(database, EXPORT, workspace=1)
        (other,) = await add_jobs(database, EXPORT, workspace=2)
        recorder.release(first[0])
        assert (await recorder.wait_for_starts(4))[3] == other
        recorder.release(*first, *queued, other)
        await runner.drain()


async def test_wake_starts_a_job_that_was_queued_while_the_runner_was_idle(
    database: Database, recorder: Recorder
) -> None:
    async with running(database, recorder) as runner:
        await runner.drain()
        (job,) = await add_jobs(database, EXPORT)
        runner.wake()
        recorder.release(job)
        await runner.drain()
        assert await select_statuses(database, job) == ["Completed"]


async def test_drain_waits_for_every_queued_and_running_job(database: Database, recorder: Recorder) -> None:
    jobs = await add_jobs(database, EXPORT, IMPORT, EXPORT, IMPORT)
    async with running(database, recorder, 1) as runner:
        drain = asyncio.create_task(runner.drain())
        for count, job in enumerate(jobs, 1):
            await recorder.wait_for_starts(count)
            assert not drain.done()
            recorder.release(job)
        async with asyncio.timeout(20):
            await drain
        assert await select_statuses(database, *jobs) == ["Completed"] * 4


async def test_drain_without_jobs_returns_at_once(database: Database, recorder: Recorder) -> None:
    async with running(database, recorder) as runner, asyncio.timeout(20):
        await runner.drain()
