"""Lets a test decide when jobs move: held, step by step, or done at a given poll."""

import asyncio
import contextlib

import msgspec

from mailrith_lite import errors
from mailrith_lite.database import Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import JobKind
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.runner import Runner

_PATIENCE = 30.0  # seconds for which a step may be under way


class _Script(msgspec.Struct):
    """What was said of one workspace. `admitted`, `freed`: jobs that may leave the queue, or run to their end."""

    held: bool = False
    polls: int | None = None
    chunk_rows: int | None = None
    seen: dict[int, int] = {}
    admitted: set[int] = set()
    freed: set[int] = set()


class JobGate:
    """The gate of a runner (`jobs.runner.Gate`), and what opens and closes it. For the loop of the server alone."""

    def __init__(self) -> None:
        self._scripts: dict[int, _Script] = {}
        self._paused: dict[int, tuple[Job, asyncio.Event]] = {}
        self._moved = asyncio.Event()

    def attach(self, database: Database, runner: Runner) -> None:
        self._database = database
        self._runner = runner

    # What the runner asks

    def admits(self, workspace_id: int, job_id: int) -> bool:
        script = self._script(workspace_id)
        return not self._holds(script, job_id) or job_id in script.admitted

    def chunk_rows(self, workspace_id: int) -> int | None:
        return self._script(workspace_id).chunk_rows

    async def step(self, job: Job) -> None:
        if not self._holds(self._script(job.workspace_id), job.id):
            return
        go_on = asyncio.Event()
        self._paused[job.id] = job, go_on
        self._note()
        try:
            await go_on.wait()
        finally:
            self._paused.pop(job.id, None)

    def stopped(self, job: Job) -> None:
        self._note()

    # What a test says

    def hold(self, workspace_id: int, chunk_rows: int | None = None) -> None:
        """Jobs stay where they are; a job that runs pauses before its next step.

        Raises:
            ValueError: `chunk_rows` is below 1.
        """
        if chunk_rows is not None and chunk_rows < 1:
            raise ValueError("a chunk takes 1 row or more")
        self._scripts[workspace_id] = _Script(held=True, chunk_rows=chunk_rows)

    def complete_after(self, workspace_id: int, polls: int) -> None:
        """Jobs are Queued at the first look, Processing at the next ones, and final at look number `polls`."""
        if polls < 1:
            raise ValueError("a job completes at poll 1 or later")
        self._scripts[workspace_id] = _Script(polls=polls)

    def release(self, workspace_id: int) -> None:
        """Jobs move as they can, those that were paused included."""
        self._scripts.pop(workspace_id, None)
        for job, go_on in self._paused.values():
            if job.workspace_id == workspace_id:
                go_on.set()
        self._runner.wake()

    async def advance(self, workspace_id: int) -> Job:
        """The oldest unfinished job takes one step: out of the queue, a chunk, or its end. Returns it then.

        Raises:
            ValueError: jobs are not held, or none is unfinished.
        """
        script = self._script(workspace_id)
        if not script.held:
            raise ValueError("jobs are not held: call hold() before step()")
        open_jobs = await self._open_jobs(workspace_id)
        if not open_jobs:
            raise ValueError("there is no unfinished job that could take a step")
        job = open_jobs[0]
        if job.status == "Processing":
            await self._until(job, or_paused=True)
        if not self._go_on(job):
            script.admitted.add(job.id)
            self._runner.wake()
        return await self._until(job, or_paused=True)

    async def polled(self, workspace_id: int, kind: JobKind, job_id: int) -> None:
        """A client is about to see the job: brings it to where `complete_after` says that it is by now."""
        script = self._script(workspace_id)
        if script.polls is None:
            return
        open_jobs = [job for job in await self._open_jobs(workspace_id) if job.kind == kind and job.id <= job_id]
        if not open_jobs or open_jobs[-1].id != job_id:
            return
        seen = script.seen[job_id] = script.seen.get(job_id, 0) + 1
        if seen >= script.polls:
            await self._finish(script, open_jobs)
        elif seen > 1 and (not kind.one_at_a_time or len(open_jobs) == 1):
            script.admitted.update(job.id for job in open_jobs)
            self._runner.wake()
            await self._until(open_jobs[-1], or_paused=True)

    async def drain(self, workspace_id: int) -> None:
        """Until every job of the workspace is final.

        Raises:
            ValueError: one is held.
            TimeoutError: nothing has moved for a long time.
        """
        script = self._script(workspace_id)
        held = [job for job in await self._open_jobs(workspace_id) if self._holds(script, job.id)]
        if held:
            raise ValueError(f"{held[0].public_id} is held: call release() before drain()")
        for job in await self._open_jobs(workspace_id):
            await self._until(job, or_paused=False)

    async def clear(self, workspace_id: int) -> None:
        """Cancels what is unfinished, and forgets what was said."""
        for job in await self._open_jobs(workspace_id):
            with contextlib.suppress(errors.Conflict):  # it has ended by itself
                await self._runner.cancel(workspace_id, job.kind, job.public_id)
        self.release(workspace_id)

    async def _finish(self, script: _Script, jobs: list[Job]) -> None:
        """The last of them; those before it have to be done first."""
        for job in jobs:
            script.freed.add(job.id)
            self._go_on(job)
        self._runner.wake()
        await self._until(jobs[-1], or_paused=False)

    def _go_on(self, job: Job) -> bool:
        """Lets the job take its next step, if it waits for one."""
        paused = self._paused.pop(job.id, None)
        if paused is not None:
            paused[1].set()
        return paused is not None

    async def _until(self, job: Job, *, or_paused: bool) -> Job:
        """Until the job is final, or pauses before its next step."""
        while True:
            moved = self._moved  # before the look: what moves during it counts
            found = await self._select(job)
            if found.final or (or_paused and job.id in self._paused):
                return found
            try:
                async with asyncio.timeout(_PATIENCE):
                    await moved.wait()
            except TimeoutError:
                raise TimeoutError(
                    f"{job.public_id} is {found.status} and has not moved for {_PATIENCE:.0f} s"
                ) from None

    def _holds(self, script: _Script, job_id: int) -> bool:
        return (script.held or script.polls is not None) and job_id not in script.freed

    def _script(self, workspace_id: int) -> _Script:
        return self._scripts.get(workspace_id) or _Script()

    def _note(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _select(self, job: Job) -> Job:
        async with self._database.read() as connection:
            found = await queue.select_job(connection, job.workspace_id, job.kind, job.id)
        assert found is not None
        return found

    async def _open_jobs(self, workspace_id: int) -> list[Job]:
        async with self._database.read() as connection:
            return await queue.select_open_jobs(connection, workspace_id)
