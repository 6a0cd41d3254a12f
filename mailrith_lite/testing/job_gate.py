"""Lets a test decide when jobs move: held, step by step, or final at a given poll."""

import asyncio
import contextlib

import msgspec

from mailrith_lite import errors
from mailrith_lite.database import Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import JobKind
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.runner import Runner

_PATIENCE = 30.0  # seconds that one step may take


class _Script(msgspec.Struct):
    """The test's rules for the jobs of one workspace. Without `held` and `complete_at`, jobs move by themselves.

    `complete_at`: the poll at which a job is final. `polls`: how many polls each job has had. `may_start`,
    `may_finish`: jobs that may leave the queue, and jobs that may run to their end.
    """

    held: bool = False
    complete_at: int | None = None
    chunk_rows: int | None = None
    polls: dict[int, int] = {}
    may_start: set[int] = set()
    may_finish: set[int] = set()

    def stops(self, job_id: int) -> bool:
        """Whether the job waits at each step."""
        return (self.held or self.complete_at is not None) and job_id not in self.may_finish


class _PausedJob(msgspec.Struct, frozen=True, kw_only=True):
    job: Job
    resumed: asyncio.Event


class JobGate:
    """The gate of a runner (`jobs.run.Gate`), and the methods that control it. For the server's loop only."""

    def __init__(self) -> None:
        self._scripts: dict[int, _Script] = {}
        self._paused: dict[int, _PausedJob] = {}
        self._next_move = asyncio.Event()

    def attach(self, database: Database, runner: Runner) -> None:
        self._database = database
        self._runner = runner

    # Called by the runner

    def admits(self, workspace_id: int, job_id: int) -> bool:
        script = self._script(workspace_id)
        return not script.stops(job_id) or job_id in script.may_start

    def chunk_rows(self, workspace_id: int) -> int | None:
        return self._script(workspace_id).chunk_rows

    async def step(self, job: Job) -> None:
        if not self._script(job.workspace_id).stops(job.id):
            return
        paused = _PausedJob(job=job, resumed=asyncio.Event())
        self._paused[job.id] = paused
        self._notify()
        try:
            await paused.resumed.wait()
        finally:
            self._paused.pop(job.id, None)

    def stopped(self, job: Job) -> None:
        self._notify()

    # Called by the test

    def hold(self, workspace_id: int, chunk_rows: int | None = None) -> None:
        """Jobs stay where they are; a job that runs pauses before its next step.

        Raises:
            ValueError: `chunk_rows` is below 1.
        """
        if chunk_rows is not None and chunk_rows < 1:
            raise ValueError("a chunk takes 1 row or more")
        self._scripts[workspace_id] = _Script(held=True, chunk_rows=chunk_rows)

    def complete_after(self, workspace_id: int, polls: int) -> None:
        """Jobs are Queued at the first look, Processing at the next ones, and final at look number `polls`.

        Raises:
            ValueError: `polls` is below 1.
        """
        if polls < 1:
            raise ValueError("a job completes at poll 1 or later")
        self._scripts[workspace_id] = _Script(complete_at=polls)

    def release(self, workspace_id: int) -> None:
        """Jobs move on by themselves, also the paused ones."""
        self._scripts.pop(workspace_id, None)
        for paused in self._paused.values():
            if paused.job.workspace_id == workspace_id:
                paused.resumed.set()
        self._runner.wake()

    async def advance(self, workspace_id: int) -> Job:
        """The oldest unfinished job takes one step: it starts, does a chunk, or ends. Returns it after the step.

        Raises:
            ValueError: jobs are not held, or there is no unfinished job.
        """
        script = self._script(workspace_id)
        if not script.held:
            raise ValueError("jobs are not held: call hold() before step()")
        open_jobs = await self._open_jobs(workspace_id)
        if not open_jobs:
            raise ValueError("there is no unfinished job that could take a step")
        job = open_jobs[0]
        if job.status == "Processing":
            await self._wait(job, or_paused=True)
        if not self._resume(job):
            script.may_start.add(job.id)
            self._runner.wake()
        return await self._wait(job, or_paused=True)

    async def count_poll(self, workspace_id: int, kind: JobKind, job_id: int) -> None:
        """Before a client sees the job, moves it to the state that `complete_after` sets for this poll."""
        script = self._script(workspace_id)
        if script.complete_at is None:
            return
        jobs = [job for job in await self._open_jobs(workspace_id) if job.kind == kind and job.id <= job_id]
        if not jobs or jobs[-1].id != job_id:
            return
        polls = script.polls[job_id] = script.polls.get(job_id, 0) + 1
        if polls >= script.complete_at:
            await self._finish(script, jobs)
        elif polls > 1 and (not kind.one_at_a_time or len(jobs) == 1):
            script.may_start.update(job.id for job in jobs)
            self._runner.wake()
            await self._wait(jobs[-1], or_paused=True)

    async def drain(self, workspace_id: int) -> None:
        """Waits until every job of the workspace is final.

        Raises:
            ValueError: a job is held.
            TimeoutError: no job has moved for half a minute.
        """
        script = self._script(workspace_id)
        for job in await self._open_jobs(workspace_id):
            if script.stops(job.id):
                raise ValueError(f"{job.public_id} is held: call release() before drain()")
        for job in await self._open_jobs(workspace_id):
            await self._wait(job, or_paused=False)

    async def clear(self, workspace_id: int) -> None:
        """Cancels the unfinished jobs and forgets the test's rules."""
        for job in await self._open_jobs(workspace_id):
            with contextlib.suppress(errors.Conflict):  # the job has just ended by itself
                await self._runner.cancel(workspace_id, job.kind, job.public_id)
        self.release(workspace_id)

    async def _finish(self, script: _Script, jobs: list[Job]) -> None:
        """Waits for the last job. The others are before it in the queue, so they finish first."""
        for job in jobs:
            script.may_finish.add(job.id)
            self._resume(job)
        self._runner.wake()
        await self._wait(jobs[-1], or_paused=False)

    def _resume(self, job: Job) -> bool:
        """Lets the job take its next step. Returns False for a job that is not paused."""
        paused = self._paused.pop(job.id, None)
        if paused is not None:
            paused.resumed.set()
        return paused is not None

    async def _wait(self, job: Job, *, or_paused: bool) -> Job:
        """Waits until the job is final; with `or_paused`, until it is final or pauses."""
        while True:
            # Both are read before the job: so no move is missed, and a paused job is returned as it is now.
            next_move = self._next_move
            is_paused = or_paused and job.id in self._paused
            current = await self._select(job)
            if current.final or is_paused:
                return current
            try:
                async with asyncio.timeout(_PATIENCE):
                    await next_move.wait()
            except TimeoutError:
                raise TimeoutError(
                    f"{job.public_id} is {current.status} and has not moved for {_PATIENCE:.0f} s"
                ) from None

    def _script(self, workspace_id: int) -> _Script:
        return self._scripts.get(workspace_id) or _Script()

    def _notify(self) -> None:
        self._next_move.set()
        self._next_move = asyncio.Event()

    async def _select(self, job: Job) -> Job:
        async with self._database.read() as connection:
            current = await queue.select_job(connection, job.workspace_id, job.kind, job.id)
        assert current is not None
        return current

    async def _open_jobs(self, workspace_id: int) -> list[Job]:
        async with self._database.read() as connection:
            return await queue.select_open_jobs(connection, workspace_id)
