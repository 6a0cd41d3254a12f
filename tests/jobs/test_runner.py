"""The runner: who runs when, and that no job is lost, whatever happens to its process."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mailrith_lite import errors
from mailrith_lite.access import workspaces
from mailrith_lite.database import Connection, Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs import runner as runner_module
from mailrith_lite.jobs.kinds import BY_NAME, EXPORT, IMPORT, JobKind
from mailrith_lite.jobs.queue import CANCELED, DIED, Job, Progress
from mailrith_lite.jobs.runner import Interrupted, JobFailed, Run, Runner

Body = Callable[[Run], Awaitable[None]]


class Recorder:
    """A pipeline that notes what it is asked to do. A job waits until the test lets it end."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.began: list[int] = []
        self.tidied: list[int] = []
        self.completed: list[int] = []
        self.running: set[int] = set()
        self.most = 0
        self.bodies: dict[int, Body] = {}
        self._moved = asyncio.Condition()
        self._released: dict[int, asyncio.Event] = {}

    async def run(self, run: Run) -> None:
        number = run.job.id
        self.running.add(number)
        self.most = max(self.most, len(self.running))
        async with self._moved:
            self.began.append(number)
            self._moved.notify_all()
        try:
            await self.bodies.get(number, self.wait_for_release)(run)
        finally:
            self.running.discard(number)

    async def wait_for_release(self, run: Run) -> None:
        while not self._event(run.job.id).is_set():
            run.check()
            await asyncio.sleep(0)
        await self.checkpoint(run.job, 0)

    async def checkpoint(self, job: Job, rows: int) -> None:
        async with self.database.write() as connection:
            progress = Progress(rows_total=rows, rows_processed=rows, created_count=rows)
            await queue.update_checkpoint(connection, job.id, progress, 5)

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        self.completed.append(job.id)

    async def tidy(self, job: Job) -> None:
        self.tidied.append(job.id)

    def release(self, *numbers: int) -> None:
        for number in numbers:
            self._event(number).set()

    async def started(self, count: int) -> list[int]:
        """Waits until so many runs have begun; gives them in their order."""
        async with asyncio.timeout(20), self._moved:
            await self._moved.wait_for(lambda: len(self.began) >= count)
        return list(self.began)

    def _event(self, number: int) -> asyncio.Event:
        return self._released.setdefault(number, asyncio.Event())


@pytest.fixture
async def recorder(database: Database) -> Recorder:
    async with database.write() as connection:
        for name in "ABC":
            await workspaces.insert_workspace(connection, name, 1)
    return Recorder(database)


@contextlib.asynccontextmanager
async def working(database: Database, recorder: Recorder, concurrency: int = 2) -> AsyncIterator[Runner]:
    runner = Runner(database, {IMPORT: recorder, EXPORT: recorder}, concurrency=concurrency)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


async def add(database: Database, *kinds: JobKind, workspace: int = 1) -> list[int]:
    async with database.write() as connection:
        jobs = [
            await queue.insert_job(connection, workspace, kind, "req_7", max_queued=99, now=2) for kind in kinds
        ]
    return [job.id for job in jobs]


async def find(database: Database, number: int) -> dict[str, Any]:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT * FROM jobs WHERE id = ?", (number,))
    return dict(next(iter(rows)))


async def job_of(database: Database, number: int) -> Job:
    row = await find(database, number)
    async with database.read() as connection:
        job = await queue.select_job(connection, row["workspace_id"], BY_NAME[row["kind"]], number)
    assert job is not None
    return job


async def set_row(database: Database, number: int, **values: Any) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in values)
    async with database.write() as connection:
        await connection.execute(f"UPDATE jobs SET {changes} WHERE id = :id", {**values, "id": number})


async def cancel(database: Database, runner: Runner, number: int) -> None:
    job = await job_of(database, number)
    await runner.cancel(job.workspace_id, job.kind, job.public_id)


async def settle(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        reached = await condition()
        while not reached:
            await asyncio.sleep(0)
            reached = await condition()


async def status_is(database: Database, number: int, status: str) -> None:
    async def reached() -> bool:
        return bool((await find(database, number))["status"] == status)

    await settle(reached)


async def test_a_job_is_run_completed_and_tidied(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, EXPORT)
    async with working(database, recorder) as runner:
        recorder.release(job)
        await runner.drain()
        row = await find(database, job)
    assert (row["status"], row["error_message"]) == ("Completed", None)
    assert row["started_at"] <= row["completed_at"]
    assert (recorder.began, recorder.completed, recorder.tidied) == ([job], [job], [job])


async def test_a_job_that_is_queued_later_is_found_when_the_runner_is_woken(
    database: Database, recorder: Recorder
) -> None:
    async with working(database, recorder) as runner:
        await runner.drain()
        (job,) = await add(database, EXPORT)
        runner.wake()
        recorder.release(job)
        await runner.drain()
        assert (await find(database, job))["status"] == "Completed"


@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_no_more_jobs_run_than_allowed(database: Database, recorder: Recorder, concurrency: int) -> None:
    jobs = await add(database, *[EXPORT] * 8)
    async with working(database, recorder, concurrency) as runner:
        assert await recorder.started(concurrency) == jobs[:concurrency]
        for done, job in enumerate(jobs):
            recorder.release(job)
            await recorder.started(min(8, concurrency + done + 1))
        await runner.drain()
    assert recorder.most == concurrency
    assert recorder.began == jobs


async def test_the_oldest_job_comes_first(database: Database, recorder: Recorder) -> None:
    jobs = await add(database, EXPORT, IMPORT, EXPORT, IMPORT)
    recorder.release(*jobs)
    async with working(database, recorder, 1) as runner:
        await runner.drain()
    assert recorder.began == jobs


async def test_imports_of_one_workspace_run_one_after_another(database: Database, recorder: Recorder) -> None:
    first, second, third = await add(database, IMPORT, IMPORT, IMPORT)
    async with working(database, recorder, 3) as runner:
        assert await recorder.started(1) == [first]
        (export,) = await add(database, EXPORT)
        runner.wake()
        assert await recorder.started(2) == [first, export]
        recorder.release(first)
        assert await recorder.started(3) == [first, export, second]
        assert recorder.running == {export, second}
        recorder.release(second, third, export)
        await runner.drain()
    assert recorder.began == [first, export, second, third]


async def test_imports_of_different_workspaces_run_beside_each_other(
    database: Database, recorder: Recorder
) -> None:
    (first,) = await add(database, IMPORT, workspace=1)
    (second,) = await add(database, IMPORT, workspace=2)
    async with working(database, recorder) as runner:
        assert await recorder.started(2) == [first, second]
        recorder.release(first, second)
        await runner.drain()


async def test_a_workspace_with_many_jobs_does_not_keep_the_others_waiting(
    database: Database, recorder: Recorder
) -> None:
    many = await add(database, *[EXPORT] * 6, workspace=1)
    (second,) = await add(database, EXPORT, workspace=2)
    (third,) = await add(database, EXPORT, workspace=3)
    recorder.release(*many, second, third)
    async with working(database, recorder, 1) as runner:
        await runner.drain()
    assert set(recorder.began[:3]) == {many[0], second, third}


async def test_two_busy_workspaces_take_turns(database: Database, recorder: Recorder) -> None:
    first = await add(database, *[EXPORT] * 4, workspace=1)
    second = await add(database, *[EXPORT] * 4, workspace=2)
    recorder.release(*first, *second)
    async with working(database, recorder, 1) as runner:
        await runner.drain()
    assert recorder.began == [job for pair in zip(first, second, strict=True) for job in pair]


async def test_a_free_place_goes_to_the_workspace_with_fewer_running(
    database: Database, recorder: Recorder
) -> None:
    first = await add(database, *[EXPORT] * 3, workspace=1)
    async with working(database, recorder, 3) as runner:
        await recorder.started(3)
        waiting = await add(database, EXPORT, workspace=1)
        (other,) = await add(database, EXPORT, workspace=2)
        recorder.release(first[0])
        assert (await recorder.started(4))[3] == other
        recorder.release(*first, *waiting, other)
        await runner.drain()


async def test_a_refusal_of_the_pipeline_is_the_jobs_message(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, IMPORT)

    async def refuse(run: Run) -> None:
        raise JobFailed("line 7: it cannot be read.")

    recorder.bodies[job] = refuse
    async with working(database, recorder) as runner:
        await runner.drain()
    row = await find(database, job)
    assert (row["status"], row["error_message"]) == ("Failed", "line 7: it cannot be read.")
    assert (recorder.completed, recorder.tidied) == ([], [job])


class Secret(Exception):
    pass


@pytest.mark.parametrize("failure", [Secret("ada@example.com"), RecursionError("x"), MemoryError(), TimeoutError()])
async def test_an_unexpected_exception_fails_the_job_in_plain_words(
    database: Database, recorder: Recorder, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await add(database, IMPORT, IMPORT)

    async def explode(run: Run) -> None:
        raise failure

    recorder.bodies[first] = explode
    recorder.release(second)
    with caplog.at_level(logging.ERROR):
        async with working(database, recorder) as runner:
            await runner.drain()
    row = await find(database, first)
    assert row["status"] == "Failed"
    assert "req_7" in row["error_message"]
    for inside in ("ada@", "Traceback", "Secret", ".py", "Error"):
        assert inside not in row["error_message"]
    assert (await find(database, second))["status"] == "Completed"
    assert any(record.exc_info for record in caplog.records)


async def test_a_full_disk_is_named(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, EXPORT)

    async def fill(run: Run) -> None:
        raise errors.StorageFull

    recorder.bodies[job] = fill
    async with working(database, recorder) as runner:
        await runner.drain()
    row = await find(database, job)
    assert (row["status"], "disk is full" in row["error_message"]) == ("Failed", True)


async def test_a_job_with_rows_to_do_cannot_be_completed(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, IMPORT)

    async def lie(run: Run) -> None:
        async with database.write() as connection:
            await queue.update_checkpoint(connection, job, Progress(rows_total=2, rows_processed=0), 5)

    recorder.bodies[job] = lie
    async with working(database, recorder) as runner:
        await runner.drain()
    row = await find(database, job)
    assert (row["status"], "internal error" in row["error_message"]) == ("Failed", True)
    assert recorder.completed == []


async def test_what_a_kind_adds_at_completion_is_committed_with_it_or_not_at_all(
    database: Database, recorder: Recorder
) -> None:
    class Unlucky(Recorder):
        async def complete(self, connection: Connection, job: Job, now: int) -> None:
            await connection.execute("INSERT INTO exports (job_id, cold_only) VALUES (?, 0)", (job.id,))
            raise Secret

    (job,) = await add(database, EXPORT)
    unlucky = Unlucky(database)
    unlucky.release(job)
    async with working(database, unlucky) as runner:
        await runner.drain()
        assert (await find(database, job))["status"] == "Failed"
        async with database.read() as connection:
            assert list(await connection.execute_fetchall("SELECT * FROM exports")) == []


async def test_jobs_found_processing_go_back_to_the_queue_and_continue(
    database: Database, recorder: Recorder
) -> None:
    first, second = await add(database, IMPORT, IMPORT)
    await set_row(
        database, first, status="Processing", started_at=3, rows_total=4, rows_processed=4, created_count=4
    )
    recorder.release(first, second)
    seen: list[Progress] = []

    async def resume(run: Run) -> None:
        seen.append(run.job.progress)

    recorder.bodies[first] = resume
    async with working(database, recorder) as runner:
        await runner.drain()
    assert recorder.began == [first, second]
    assert seen == [Progress(rows_total=4, rows_processed=4, created_count=4)]
    row = await find(database, first)
    assert (row["status"], row["started_at"], row["deaths"]) == ("Completed", 3, 1)


async def test_the_third_death_without_progress_fails_the_job(database: Database, recorder: Recorder) -> None:
    first, second = await add(database, IMPORT, IMPORT)
    for deaths in (1, 2):
        await set_row(database, first, status="Processing", started_at=3)
        async with working(database, recorder):
            await recorder.started(deaths)  # the job runs again, and its process dies at the end of this block
            assert (await find(database, first))["deaths"] == deaths
    await set_row(database, first, status="Processing")
    recorder.release(second)
    async with working(database, recorder) as runner:
        await runner.drain()
    row = await find(database, first)
    assert (row["status"], row["error_message"]) == ("Failed", DIED)
    assert row["completed_at"] is not None
    assert "3 times" in DIED
    assert recorder.began == [first, first, second]
    assert recorder.tidied == [first, second]


async def test_a_checkpoint_forgives_earlier_deaths(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, IMPORT)
    await set_row(database, job, status="Processing", started_at=3, deaths=2)
    async with database.write() as connection:
        await queue.update_checkpoint(connection, job, Progress(rows_total=2, rows_processed=1, created_count=1), 4)
    async with working(database, recorder):
        await recorder.started(1)
        assert (await find(database, job))["deaths"] == 1


async def test_waiting_in_the_queue_is_no_death(database: Database, recorder: Recorder) -> None:
    first, second = await add(database, IMPORT, IMPORT)
    for _ in range(4):
        async with working(database, recorder):
            await recorder.started(1)
    assert [(await find(database, job))["deaths"] for job in (first, second)] == [0, 0]


async def test_a_queued_job_that_is_canceled_never_runs(database: Database, recorder: Recorder) -> None:
    first, second, third = await add(database, EXPORT, EXPORT, EXPORT)
    async with working(database, recorder, 1) as runner:
        await recorder.started(1)
        await cancel(database, runner, second)
        assert recorder.tidied == [second]
        recorder.release(first, second, third)
        await runner.drain()
    assert recorder.began == [first, third]
    row = await find(database, second)
    assert (row["status"], row["error_message"], row["started_at"]) == ("Failed", CANCELED, None)


async def test_a_running_job_that_is_canceled_ends_at_its_next_step_and_keeps_its_counts(
    database: Database, recorder: Recorder
) -> None:
    (job,) = await add(database, IMPORT)
    go_on = asyncio.Event()

    async def two_chunks(run: Run) -> None:
        await recorder.checkpoint(run.job, 3)
        await go_on.wait()
        run.check()
        pytest.fail("the run went on")

    recorder.bodies[job] = two_chunks
    async with working(database, recorder) as runner:
        await recorder.started(1)
        await settle(lambda: _processed(database, job, 3))
        await cancel(database, runner, job)
        go_on.set()
        await runner.drain()
    row = await find(database, job)
    assert (row["status"], row["error_message"], row["created_count"]) == ("Failed", CANCELED, 3)
    assert recorder.tidied == [job]


async def _processed(database: Database, job: int, rows: int) -> bool:
    return bool((await find(database, job))["rows_processed"] == rows)


async def test_a_chunk_that_comes_after_the_cancel_is_not_counted(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, IMPORT)
    go_on = asyncio.Event()

    async def late_chunk(run: Run) -> None:
        await go_on.wait()
        await recorder.checkpoint(run.job, 3)  # without a check before it

    recorder.bodies[job] = late_chunk
    async with working(database, recorder) as runner:
        await recorder.started(1)
        await cancel(database, runner, job)
        go_on.set()
        await runner.drain()
    row = await find(database, job)
    assert (row["status"], row["error_message"], row["rows_processed"]) == ("Failed", CANCELED, 0)
    assert recorder.completed == []


async def test_a_cancel_that_comes_after_the_last_chunk_wins(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, EXPORT)
    go_on = asyncio.Event()

    async def last_step(run: Run) -> None:
        await go_on.wait()

    recorder.bodies[job] = last_step
    async with working(database, recorder) as runner:
        await recorder.started(1)
        await cancel(database, runner, job)
        go_on.set()
        await runner.drain()
    assert (await find(database, job))["error_message"] == CANCELED
    assert (recorder.completed, recorder.tidied) == ([], [job])


async def test_a_final_job_cannot_be_canceled(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, EXPORT)
    recorder.release(job)
    async with working(database, recorder) as runner:
        await runner.drain()
        with pytest.raises(errors.Conflict) as refused:
            await cancel(database, runner, job)
    assert refused.value.error_code == "job_already_final"
    assert (await find(database, job))["status"] == "Completed"


async def test_a_stop_puts_running_jobs_back_and_the_next_start_continues_them(
    database: Database, recorder: Recorder
) -> None:
    first, second, third = await add(database, IMPORT, EXPORT, EXPORT)
    seen: list[Progress] = []

    async def chunks(run: Run) -> None:
        seen.append(run.job.progress)
        if run.job.progress.rows_processed:
            return
        await recorder.checkpoint(run.job, 3)
        while True:
            run.check()
            await asyncio.sleep(0)

    recorder.bodies[first] = chunks
    recorder.release(second, third)
    async with working(database, recorder, 1):
        await recorder.started(1)
        await settle(lambda: _processed(database, first, 3))
    row = await find(database, first)
    assert (row["status"], row["deaths"], row["rows_processed"], row["completed_at"]) == ("Queued", 0, 3, None)
    assert recorder.tidied == []
    async with working(database, recorder, 1) as runner:
        await runner.drain()
    assert [progress.rows_processed for progress in seen] == [0, 3]
    assert recorder.began == [first, first, second, third]
    assert (await find(database, first))["status"] == "Completed"


async def test_a_stop_lets_the_running_step_finish(database: Database, recorder: Recorder) -> None:
    (job,) = await add(database, IMPORT)
    stopping = asyncio.Event()

    async def long_step(run: Run) -> None:
        await stopping.wait()
        await recorder.checkpoint(run.job, 3)
        run.check()

    recorder.bodies[job] = long_step
    async with working(database, recorder) as runner:
        await recorder.started(1)
        stop = asyncio.create_task(runner.stop())
        await asyncio.sleep(0)
        stopping.set()
        await stop
    row = await find(database, job)
    assert (row["status"], row["rows_processed"]) == ("Queued", 3)


async def test_a_step_that_takes_too_long_is_cut_off_and_its_job_put_back(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "GRACE", 0.01)
    (job,) = await add(database, IMPORT)
    ended: list[str] = []

    async def endless(run: Run) -> None:
        try:
            async with database.write() as connection:
                await connection.execute("DELETE FROM jobs WHERE id = 99")
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cut off")
            raise

    recorder.bodies[job] = endless
    async with working(database, recorder):
        await recorder.started(1)
    assert ended == ["cut off"]
    row = await find(database, job)
    assert (row["status"], row["deaths"]) == ("Queued", 0)


async def test_nothing_new_is_begun_once_the_runner_stops(database: Database, recorder: Recorder) -> None:
    first, second = await add(database, EXPORT, EXPORT)
    async with working(database, recorder, 1):
        await recorder.started(1)
    assert recorder.began == [first]
    assert [(await find(database, job))["status"] for job in (first, second)] == ["Queued", "Queued"]


async def test_a_job_that_is_claimed_while_the_runner_stops_is_told_to_stop(
    database: Database, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "GRACE", 2.0)
    (job,) = await add(database, EXPORT)
    ended: list[type[BaseException]] = []

    async def steps(run: Run) -> None:
        try:
            while True:
                run.check()
                await asyncio.sleep(0)
        except BaseException as end:
            ended.append(type(end))
            raise

    recorder.bodies[job] = steps
    runner = Runner(database, {IMPORT: recorder, EXPORT: recorder}, concurrency=1)
    await runner.start()
    async with database.write():  # the claim has to wait
        await asyncio.sleep(0)
        stop = asyncio.create_task(runner.stop())
        await asyncio.sleep(0)
    await stop
    assert set(ended) <= {Interrupted}
    row = await find(database, job)
    assert (row["status"], row["deaths"]) == ("Queued", 0)


async def test_a_drain_waits_for_all_that_is_queued_and_running(database: Database, recorder: Recorder) -> None:
    jobs = await add(database, EXPORT, IMPORT, EXPORT, IMPORT)
    async with working(database, recorder, 1) as runner:
        drain = asyncio.create_task(runner.drain())
        for count, job in enumerate(jobs, 1):
            await recorder.started(count)
            assert not drain.done()
            recorder.release(job)
        async with asyncio.timeout(20):
            await drain
        assert [(await find(database, job))["status"] for job in jobs] == ["Completed"] * 4


async def test_a_drain_with_nothing_to_do_ends_at_once(database: Database, recorder: Recorder) -> None:
    async with working(database, recorder) as runner, asyncio.timeout(20):
        await runner.drain()


async def test_a_tidying_that_fails_harms_no_other_job(database: Database, recorder: Recorder) -> None:
    class Clumsy(Recorder):
        async def tidy(self, job: Job) -> None:
            if job.id == 1:
                raise OSError(5, "Input/output error")

    clumsy = Clumsy(database)
    first, second = await add(database, IMPORT, IMPORT)
    clumsy.release(first, second)
    async with working(database, clumsy) as runner:
        await runner.drain()
    assert [(await find(database, job))["status"] for job in (first, second)] == ["Completed", "Completed"]


async def test_the_log_names_the_job_and_its_request(
    database: Database, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    (job,) = await add(database, EXPORT)
    recorder.release(job)
    with caplog.at_level(logging.INFO, logger="mailrith_lite"):
        async with working(database, recorder) as runner:
            await runner.drain()
    fields = [record.__dict__["fields"] for record in caplog.records if record.name == "mailrith_lite.service"]
    assert [entry["request_id"] for entry in fields] == ["req_7", "req_7"]


async def test_a_job_outlives_its_database_connection(tmp_path: Path) -> None:
    path = tmp_path / "again.db"
    async with Database.open(path) as database:
        async with database.write() as connection:
            await workspaces.insert_workspace(connection, "A", 1)
        (job,) = await add(database, EXPORT)
    async with Database.open(path) as database:
        recorder = Recorder(database)
        recorder.release(job)
        async with working(database, recorder) as runner:
            await runner.drain()
        assert (await find(database, job))["status"] == "Completed"


async def test_a_disk_that_is_full_is_said_in_plain_words(database: Database, recorder: Recorder) -> None:
    async def fill(run: Run) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (job,) = await add(database, EXPORT)
    recorder.bodies[job] = fill
    async with working(database, recorder) as runner:
        await runner.drain()
    async with database.read() as connection:
        (row,) = await connection.execute_fetchall("SELECT status, error_message FROM jobs WHERE id = ?", (job,))
    assert row["status"] == "Failed"
    assert "disk is full" in row["error_message"]
