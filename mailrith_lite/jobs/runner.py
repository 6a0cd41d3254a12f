"""Runs the queued jobs as asyncio tasks of this process, a few at a time.

The state of a job is its row. The process can die at any instruction: the next start continues from what is
committed.
"""

import asyncio
import contextlib
from asyncio import sleep
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic

from mailrith_lite import clock, disk, ids, logs, metrics
from mailrith_lite.database import Connection, Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import JobKind
from mailrith_lite.jobs.obstacles import is_temporary
from mailrith_lite.jobs.queue import Candidate, Job, JobStatus, NotProcessing
from mailrith_lite.jobs.run import Gate, Interrupted, JobFailed, Pipeline, Run

GRACE = 5.0  # seconds for running chunks to finish when the service stops
_LAST_WRITE = 1.0  # seconds for a write when the service stops; a lock of another program can last longer
_ENDED = ("completed", "failed", "canceled")
_RETRY = 1.0  # seconds before the next attempt, after the database has failed


OnFinal = Callable[[Connection, Job], Awaitable[None]]


class Runner:
    def __init__(
        self,
        database: Database,
        pipelines: Mapping[JobKind, Pipeline],
        *,
        concurrency: int,
        gate: Gate | None = None,
        on_final: Sequence[OnFinal] = (),
    ) -> None:
        """Each of `on_final` is called in the transaction in which a job becomes final.

        `failing`: the queue cannot be used at the moment.
        """
        self._database = database
        self._pipelines = pipelines
        self._concurrency = concurrency
        self._gate = gate
        self._on_final = on_final
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self.failing = False
        self._recovered = False
        self._runs: dict[int, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: dict[int, int] = {}  # workspace id -> number of the claim that last took one of its jobs
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns the jobs of a process that died to the queue, then starts to work.

        If the disk is full or the database is locked, both happen once this is over.
        """
        try:
            await self._recover()
        except Exception as error:
            if not is_temporary(error):
                raise
            logs.service.warning("the jobs wait until the database can be written", exc_info=error)
        self._loop = asyncio.create_task(self._supervise(), name="job runner")

    async def _recover(self) -> None:
        async with self._database.write(durable=True, changes="nobody") as connection:
            failed = await queue.update_interrupted(connection, clock.now())
            for job in failed:
                await self._note_final(connection, job)
        self._recovered = True
        for job in failed:
            metrics.JOBS_ENDED.labels(job.kind.name, "failed").inc()
            logs.service.error("job given up", extra={"fields": _fields(job)})
            await self._tidy(job)

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return bool(self._runs)

    def is_running(self, job_id: int) -> bool:
        """Also of a job that was canceled, until its pipeline has stopped and its files are tidy."""
        return job_id in self._runs

    def wake(self) -> None:
        """Call it after a job was queued, or when the gate may admit another one."""
        self._idle.clear()
        self._wake.set()

    async def cancel(self, workspace_id: int, kind: JobKind, public_id: str) -> Job:
        """Ends the job in a transaction of its own; a running pipeline stops at its next step.

        Raises:
            NotFound: the workspace has no such job of this kind.
            Conflict: the job is final already.
        """
        async with self._database.write(durable=True, changes="nobody") as connection:
            before = await queue.find_job(connection, workspace_id, kind, public_id)
            job = await queue.update_canceled(connection, before, clock.now())
            await self._note_final(connection, job)
        if run := self._runs.get(job.id):
            run.cancel()
        elif before.status == "Queued":
            metrics.JOBS_ENDED.labels(kind.name, "canceled").inc()
            await self._tidy(job)
            if self._gate is not None:
                self._gate.stopped(job)
        return job

    async def drain(self) -> None:
        """Waits until no job is queued or running."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Lets running chunks finish, then returns their jobs to the queue; cancels tasks that exceed the grace."""
        self._stopping = True
        self._wake.set()
        for run in self._runs.values():
            run.stop()
        if self._loop is not None:
            await _end({self._loop}, _LAST_WRITE)
        await _end(self._tasks, GRACE)

    async def _supervise(self) -> None:
        while not self._stopping:
            try:
                if not self._recovered:
                    await self._recover()
                await self._work_through_queue()
            except Exception:
                if not self.failing:  # one message until it works again
                    logs.service.exception("the job queue cannot be used; trying again until it can")
                self.failing = True
                await sleep(_RETRY)

    async def _work_through_queue(self) -> None:
        while not self._stopping:
            self._wake.clear()
            while len(self._runs) < self._concurrency and not self._stopping:
                job = await self._claim()
                if job is None:
                    break
                self._start_run(job)
            self.failing = False
            if not self._runs and not self._wake.is_set():
                self._idle.set()
            await self._wake.wait()

    async def _claim(self) -> Job | None:
        """The next job to run; None if no queued job may run now.

        The workspace with the fewest running jobs comes first, then the one whose last turn is longest ago; within
        a workspace, the oldest job. A workspace runs one job at a time of the kinds that are `one_at_a_time`.
        """
        job = None
        try:
            async with self._database.write(changes="nobody") as connection:
                candidate = self._choose(await queue.select_candidates(connection))
                if candidate is not None:
                    job = await queue.update_claimed(connection, candidate.job_id, clock.now())
        except asyncio.CancelledError:
            if job is not None:  # the claim may be committed
                await self._unclaim(job)
            raise
        return job

    def _choose(self, queued: Sequence[Candidate]) -> Candidate | None:
        running = [run.job for run in self._runs.values()]
        load = Counter(job.workspace_id for job in running)
        occupied = {job.workspace_id for job in running if job.kind.one_at_a_time}
        candidates = [
            candidate
            for candidate in queued
            if not (candidate.kind.one_at_a_time and candidate.workspace_id in occupied) and self._admits(candidate)
        ]
        if not candidates:
            return None

        def rank(candidate: Candidate) -> tuple[int, int, int]:
            workspace_id = candidate.workspace_id
            return load[workspace_id], self._turns.get(workspace_id, 0), candidate.job_id

        chosen = min(candidates, key=rank)
        self._turns[chosen.workspace_id] = max(self._turns.values(), default=0) + 1
        return chosen

    async def _unclaim(self, job: Job) -> None:
        """Returns a claimed job without a run to the queue; else the next start would count this stop as a
        death."""
        with contextlib.suppress(NotProcessing, TimeoutError):  # TimeoutError: another program holds a lock
            async with asyncio.timeout(_LAST_WRITE), self._database.write(changes="nobody") as connection:
                await queue.update_queued(connection, job.id, clock.now())

    def _admits(self, candidate: Candidate) -> bool:
        return self._gate is None or self._gate.admits(candidate.workspace_id, candidate.job_id)

    def _start_run(self, job: Job) -> None:
        run = self._runs[job.id] = Run(job, self._gate)
        if self._stopping:  # `stop` was called during the claim
            run.stop()
        task = asyncio.create_task(self._run_job(run), name=job.public_id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_job(self, run: Run) -> None:
        job, started = run.job, monotonic()
        rows = job.progress.rows_processed
        fields = _fields(job) | ({"rows": rows} if rows else {})
        logs.service.info("job resumed" if rows else "job started", extra={"fields": fields})
        try:
            outcome = await self._run_pipeline(run)
        except Exception:
            logs.service.exception("the end of a job could not be written", extra={"fields": _fields(job)})
            outcome = await self._put_back_later(job)
        finally:
            del self._runs[job.id]
            self.wake()
            if self._gate is not None:
                self._gate.stopped(job)
        if outcome in _ENDED:
            metrics.JOBS_ENDED.labels(job.kind.name, outcome).inc()
        duration = round((monotonic() - started) * 1_000)
        logs.service.info(f"job {outcome}", extra={"fields": _fields(job) | {"ms": duration}})

    async def _put_back(self, job: Job) -> str:
        """Returns the job to the queue, to continue from its checkpoint."""
        try:
            async with self._database.write(durable=True, changes="nobody") as connection:
                await queue.update_queued(connection, job.id, clock.now())
        except NotProcessing:
            await self._tidy(job)
            return "canceled"
        return "put back"

    async def _put_back_later(self, job: Job) -> str:
        """Tries again until the disk has room and the database accepts it, or the service stops.

        If the service stops first, the row still says Processing, and the next start returns the job to the queue.
        """
        while not self._stopping:
            await sleep(_RETRY)
            if not disk.has_room(self._database.path.parent):
                continue
            try:
                return await self._put_back(job)
            except Exception as error:
                if not is_temporary(error):
                    logs.service.exception(
                        "the job could not be put back; trying again", extra={"fields": _fields(job)}
                    )
        return "left unchanged"

    async def _run_pipeline(self, run: Run) -> str:
        """Runs the pipeline and writes the state of the job. Returns this state in words, for the log."""
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
            async with asyncio.timeout(_LAST_WRITE):
                await self._put_back(job)
            raise
        except Exception as error:
            if is_temporary(error):
                logs.service.warning("job waits", extra={"fields": _fields(job)}, exc_info=error)
                return await self._put_back_later(job)
            logs.service.exception("job failed", extra={"fields": _fields(job)})
            return await self._finish(job, "Failed", _client_message(job))

    async def _finish(self, job: Job, status: JobStatus, error_message: str | None) -> str:
        # Durable before the files are deleted: after a power cut, an unfinished job must still have its source.
        try:
            async with self._database.write(durable=True, changes="nobody") as connection:
                now = clock.now()
                await queue.update_final(connection, job.id, status, error_message, now)
                if status == "Completed":
                    await self._pipelines[job.kind].complete(connection, job, now)
                final = await queue.select_job(connection, job.workspace_id, job.kind, job.id)
                assert final is not None
                await self._note_final(connection, final)
        except NotProcessing:
            status = "Failed"
        await self._tidy(job)
        return status.lower()

    async def _note_final(self, connection: Connection, job: Job) -> None:
        for note in self._on_final:
            await note(connection, job)

    async def _tidy(self, job: Job) -> None:
        """A failure is logged and changes nothing for the job: the sweep of the next start deletes the files."""
        try:
            await self._pipelines[job.kind].tidy(job)
        except Exception:
            logs.service.exception("the files of a job could not be deleted", extra={"fields": _fields(job)})


async def _end(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    """Waits for the tasks, and cancels those that take longer."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _client_message(job: Job) -> str:
    return (
        f"The {job.kind.name} stopped on an internal error."
        f" The service's log has the details under {job.request_id}."
    )


def _fields(job: Job) -> dict[str, object]:
    return {
        "job": job.public_id,
        "kind": job.kind.name,
        "workspace": ids.encode(ids.WORKSPACE, job.workspace_id),
        "request_id": job.request_id,
    }
