"""A pipeline that records its calls, a runner around it, and what the database says about its jobs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from mailrith_lite.database import Connection, Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import BY_NAME, EXPORT, IMPORT, JobKind
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.run import Run
from mailrith_lite.jobs.runner import Runner

Body = Callable[[Run], Awaitable[None]]


class Recorder:
    """Each job runs until the test calls `release`, or as its entry in `bodies` says."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.started: list[int] = []
        self.tidied: list[int] = []
        self.completed: list[int] = []
        self.running: set[int] = set()
        self.most_running = 0
        self.bodies: dict[int, Body] = {}
        self._checkpoints: dict[int, int] = {}  # job id -> rows
        self._change = asyncio.Condition()
        self._released: dict[int, asyncio.Event] = {}

    async def run(self, run: Run) -> None:
        job_id = run.job.id
        self.running.add(job_id)
        self.most_running = max(self.most_running, len(self.running))
        async with self._change:
            self.started.append(job_id)
            self._change.notify_all()
        try:
            await self.bodies.get(job_id, self._wait_for_release)(run)
        finally:
            self.running.discard(job_id)

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        self.completed.append(job.id)

    async def tidy(self, job: Job) -> None:
        self.tidied.append(job.id)

    async def checkpoint(self, job: Job, rows: int) -> None:
        """Writes that the job has created so many rows, which are all that it has."""
        async with self.database.write() as connection:
            progress = Progress(rows_total=rows, rows_processed=rows, created_count=rows)
            await queue.update_checkpoint(connection, job.id, progress, 5)
        async with self._change:
            self._checkpoints[job.id] = rows
            self._change.notify_all()

    def release(self, *job_ids: int) -> None:
        """Lets these jobs complete, now or once they run."""
        for job_id in job_ids:
            self._event(job_id).set()

    async def wait_for_starts(self, count: int) -> list[int]:
        """Waits for so many starts; the ids of all jobs that have started, in order."""
        async with asyncio.timeout(20), self._change:
            await self._change.wait_for(lambda: len(self.started) >= count)
        return list(self.started)

    async def wait_for_checkpoint(self, job_id: int, rows: int) -> None:
        async with asyncio.timeout(20), self._change:
            await self._change.wait_for(lambda: self._checkpoints.get(job_id) == rows)

    async def _wait_for_release(self, run: Run) -> None:
        while not self._event(run.job.id).is_set():
            run.check()
            await asyncio.sleep(0)
        await self.checkpoint(run.job, 0)

    def _event(self, job_id: int) -> asyncio.Event:
        return self._released.setdefault(job_id, asyncio.Event())


@contextlib.asynccontextmanager
async def running(database: Database, recorder: Recorder, concurrency: int = 2) -> AsyncIterator[Runner]:
    """A started runner whose kinds all use the recorder; it stops at the end of the block."""
    runner = Runner(database, {IMPORT: recorder, EXPORT: recorder}, concurrency=concurrency)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


async def run_all(database: Database, recorder: Recorder, concurrency: int = 2) -> None:
    """Runs until no job is queued or running."""
    async with running(database, recorder, concurrency) as runner:
        await runner.drain()


async def add_jobs(database: Database, *kinds: JobKind, workspace: int = 1) -> list[int]:
    """One queued job of each kind, submitted by the request `req_7`."""
    async with database.write() as connection:
        jobs = [
            await queue.insert_job(connection, workspace, kind, "req_7", max_queued=99, now=2) for kind in kinds
        ]
    return [job.id for job in jobs]


async def select_row(database: Database, job_id: int) -> dict[str, Any]:
    async with database.read() as connection:
        rows = await connection.execute_fetchall("SELECT * FROM jobs WHERE id = ?", (job_id,))
    return dict(next(iter(rows)))


async def select_statuses(database: Database, *job_ids: int) -> list[str]:
    return [(await select_row(database, job_id))["status"] for job_id in job_ids]


async def update_row(database: Database, job_id: int, **values: Any) -> None:
    assignments = ", ".join(f"{column} = :{column}" for column in values)
    async with database.write() as connection:
        await connection.execute(f"UPDATE jobs SET {assignments} WHERE id = :id", {**values, "id": job_id})


async def cancel(database: Database, runner: Runner, job_id: int) -> Job:
    row = await select_row(database, job_id)
    kind = BY_NAME[row["kind"]]
    return await runner.cancel(row["workspace_id"], kind, kind.encode(job_id))
