"""Runs the queued jobs as asyncio tasks of this process, a few at a time.

A job's truth is its row: the runner may die at any instruction, and the next start goes on from what is committed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from mailrith_lite import clock, disk, errors, ids, logs
from mailrith_lite.database import Connection, Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import JobKind
from mailrith_lite.jobs.queue import Candidate, Job, JobStatus, NotProcessing

GRACE = 6.0  # seconds that a running chunk gets to finish when the service stops
_RETRY = 1.0  # seconds to wait after the queue itself could not be read


class JobFailed(Exception):
    """The job cannot be done, and its text tells the client why."""


class Interrupted(Exception):
    """The service is stopping: leave what is committed and come back later."""


class Gate(Protocol):
    """Decides when jobs move on, for tests and the sandbox; without one they do as soon as they can."""

    def admits(self, workspace_id: int, job_id: int) -> bool:
        """May the job leave the queue? `Runner.wake` asks again."""

    def chunk_rows(self, workspace_id: int) -> int | None:
        """How many rows a chunk takes at most; None leaves it to the pipeline."""

    async def step(self, job: Job) -> None:
        """Returns when the job may take its next step."""

    def left(self, job: Job) -> None:
        """The job runs no longer: it is final, or back in the queue."""


class Run:
    """One attempt at a job, as its pipeline sees it."""

    def __init__(self, job: Job, gate: Gate | None = None) -> None:
        self.job = job
        self._gate = gate
        self._canceled = False
        self._stopping = False
        self._ending = asyncio.Event()

    def cancel(self) -> None:
        self._canceled = True
        self._ending.set()

    def stop(self) -> None:
        self._stopping = True
        self._ending.set()

    @property
    def chunk_rows(self) -> int | None:
        """How many rows a chunk takes at most, if somebody says so."""
        return self._gate.chunk_rows(self.job.workspace_id) if self._gate is not None else None

    async def step(self) -> None:
        """Before each chunk and before the end: waits for the gate. Raises as `check` does."""
        if self._gate is not None:
            waiting = [asyncio.ensure_future(wait) for wait in (self._gate.step(self.job), self._ending.wait())]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waiting:
                    wait.cancel()
        self.check()

    def check(self) -> None:
        """Call it between steps that take long.

        Raises:
            NotProcessing: the job was canceled.
            Interrupted: the service is stopping.
        """
        if self._canceled:
            raise NotProcessing
        if self._stopping:
            raise Interrupted


class Pipeline(Protocol):
    """What a kind of job does; `app` registers one for each kind."""

    async def run(self, run: Run) -> None:
        """Does the work, from the job's checkpoint on. Raises JobFailed with a message for the client."""

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        """Writes what belongs to the kind, in the transaction that completes the job."""

    async def tidy(self, job: Job) -> None:
        """Deletes the files that a final job no longer needs. Called once it is final, possibly twice."""


class Runner:
    def __init__(
        self,
        database: Database,
        pipelines: Mapping[JobKind, Pipeline],
        *,
        concurrency: int,
        gate: Gate | None = None,
    ) -> None:
        self._database = database
        self._pipelines = pipelines
        self._concurrency = concurrency
        self._gate = gate
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._runs: dict[int, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: dict[int, int] = {}  # workspace -> when it last had its turn, counted in claims
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes up what an earlier process left behind, then begins to work."""
        async with self._database.write(durable=True, changes="nobody") as connection:
            given_up = await queue.update_interrupted(connection, clock.now())
        for job in given_up:
            logs.service.error("job given up", extra={"fields": _fields(job)})
            await self._tidy(job)
        self._loop = asyncio.create_task(self._supervise(), name="job runner")

    @property
    def busy(self) -> bool:
        """Is a job running?"""
        return bool(self._runs)

    def wake(self) -> None:
        """A job was queued."""
        self._idle.clear()
        self._wake.set()

    async def cancel(self, workspace_id: int, kind: JobKind, public_id: str) -> Job:
        """Writes the job's end in a transaction of its own; a running job stops at its next step.

        Raises:
            NotFound: the workspace has no such job of this kind.
            Conflict: the job is final already.
        """
        async with self._database.write(durable=True, changes="nobody") as connection:
            before = await queue.find_job(connection, workspace_id, kind, public_id)
            job = await queue.update_canceled(connection, before, clock.now())
        if run := self._runs.get(job.id):
            run.cancel()
        elif before.status == "Queued":
            await self._tidy(job)
            if self._gate is not None:
                self._gate.left(job)
        return job

    async def drain(self) -> None:
        """Waits until no job is queued or running."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Lets running chunks finish and puts their jobs back; what takes longer than the grace is cut off."""
        self._stopping = True
        self._wake.set()
        for run in self._runs.values():
            run.stop()
        if self._loop is not None:
            await self._loop
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _supervise(self) -> None:
        while not self._stopping:
            try:
                await self._work_through_queue()
            except Exception:
                logs.service.exception("the job queue could not be read; trying again")
                await asyncio.sleep(_RETRY)

    async def _work_through_queue(self) -> None:
        while not self._stopping:
            self._wake.clear()
            while len(self._runs) < self._concurrency and not self._stopping:
                job = await self._claim()
                if job is None:
                    break
                self._begin(job)
            if not self._runs and not self._wake.is_set():
                self._idle.set()
            await self._wake.wait()

    async def _claim(self) -> Job | None:
        """The next job: of the workspace with the fewest running, then the longest without a turn, then the oldest.

        A workspace runs one job at a time of the kinds that are `one_at_a_time`.
        """
        async with self._database.write(changes="nobody") as connection:
            running = [run.job for run in self._runs.values()]
            load = Counter(job.workspace_id for job in running)
            occupied = {job.workspace_id for job in running if job.kind.one_at_a_time}
            candidates = [
                candidate
                for candidate in await queue.select_candidates(connection)
                if not (candidate.kind.one_at_a_time and candidate.workspace_id in occupied)
                and self._admits(candidate)
            ]
            if not candidates:
                return None

            def rank(candidate: Candidate) -> tuple[int, int, int]:
                workspace_id = candidate.workspace_id
                return load[workspace_id], self._turns.get(workspace_id, 0), candidate.job_id

            chosen = min(candidates, key=rank)
            self._turns[chosen.workspace_id] = max(self._turns.values(), default=0) + 1
            return await queue.update_claimed(connection, chosen.job_id, clock.now())

    def _admits(self, candidate: Candidate) -> bool:
        return self._gate is None or self._gate.admits(candidate.workspace_id, candidate.job_id)

    def _begin(self, job: Job) -> None:
        run = self._runs[job.id] = Run(job, self._gate)
        if self._stopping:  # it was claimed in this very moment
            run.stop()
        task = asyncio.create_task(self._attend(run), name=job.public_id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, run: Run) -> None:
        job, began = run.job, time.monotonic()
        done = job.progress.rows_processed
        begun = _fields(job) | ({"rows": done} if done else {})
        logs.service.info("job resumed" if done else "job started", extra={"fields": begun})
        try:
            outcome = await self._attempt(run)
        except Exception:
            logs.service.exception("the end of a job could not be written", extra={"fields": _fields(job)})
            outcome = await self._put_back_later(job)
        finally:
            del self._runs[job.id]
            self.wake()
            if self._gate is not None:
                self._gate.left(job)
        duration = round((time.monotonic() - began) * 1_000)
        logs.service.info(f"job {outcome}", extra={"fields": _fields(job) | {"ms": duration}})

    async def _put_back(self, job: Job) -> str:
        """Puts the job back into the queue, to go on from its checkpoint."""
        try:
            async with self._database.write(durable=True, changes="nobody") as connection:
                await queue.update_queued(connection, job.id, clock.now())
        except NotProcessing:
            await self._tidy(job)
            return "canceled"
        return "put back"

    async def _put_back_later(self, job: Job) -> str:
        """Tries to put the job back until the database takes it or the service stops.

        If the service stops first, the row still says Processing, and the next start puts the job back.
        """
        while not self._stopping:
            await asyncio.sleep(_RETRY)
            try:
                return await self._put_back(job)
            except Exception:
                logs.service.exception(
                    "the job could not be put back; trying again", extra={"fields": _fields(job)}
                )
        return "left as it stands"

    async def _attempt(self, run: Run) -> str:
        """Runs the pipeline and writes how it ended."""
        job = run.job
        try:
            await run.step()
            await self._pipelines[job.kind].run(run)
            return await self._finish(job, "Completed", None)
        except NotProcessing:
            await self._tidy(job)
            return "canceled"
        except JobFailed as failure:
            return await self._finish(job, "Failed", str(failure))
        except Interrupted:
            return await self._put_back(job)
        except asyncio.CancelledError:
            await self._put_back(job)
            raise
        except Exception as error:
            logs.service.exception("job failed", extra={"fields": _fields(job)})
            return await self._finish(job, "Failed", _plain_message(job, error))

    async def _finish(self, job: Job, status: JobStatus, error_message: str | None) -> str:
        # Durable before the files go: a power cut must not find the job unfinished and its source gone.
        try:
            async with self._database.write(durable=True, changes="nobody") as connection:
                now = clock.now()
                await queue.update_final(connection, job.id, status, error_message, now)
                if status == "Completed":
                    await self._pipelines[job.kind].complete(connection, job, now)
        except NotProcessing:
            status = "Failed"
        await self._tidy(job)
        return status.lower()

    async def _tidy(self, job: Job) -> None:
        """A file that cannot be deleted waits for the sweep of the next start; the job ends all the same."""
        try:
            await self._pipelines[job.kind].tidy(job)
        except Exception:
            logs.service.exception("the files of a job could not be deleted", extra={"fields": _fields(job)})


def _plain_message(job: Job, error: Exception) -> str:
    kind = job.kind.name
    if isinstance(error, errors.StorageFull) or disk.is_full(error):
        return f"The {kind} stopped because the service's disk is full; rows already applied stay."
    return f"The {kind} stopped on an internal error. The service's log has the details under {job.request_id}."


def _fields(job: Job) -> dict[str, object]:
    return {
        "job": job.public_id,
        "kind": job.kind.name,
        "workspace": ids.encode(ids.WORKSPACE, job.workspace_id),
        "request_id": job.request_id,
    }
