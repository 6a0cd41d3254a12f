"""One attempt to run a job: its pipeline, and the gate that can hold it up."""

import asyncio
from typing import Protocol

from mailrith_lite.database import Connection
from mailrith_lite.jobs.queue import Job, NotProcessing


class JobFailed(Exception):
    """The job cannot be done; the text is the error message that the client reads."""


class Interrupted(Exception):
    """The service is stopping: the job returns to the queue and continues from its checkpoint."""


class Gate(Protocol):
    """Decides when each job may take its next step, for tests and the sandbox. Without a gate no job waits."""

    def admits(self, workspace_id: int, job_id: int) -> bool:
        """Whether the job may leave the queue. `Runner.wake` makes the runner ask again."""

    def chunk_rows(self, workspace_id: int) -> int | None:
        """The most rows that a chunk may have; None: the pipeline decides."""

    async def step(self, job: Job) -> None:
        """Returns when the job may take its next step."""

    def stopped(self, job: Job) -> None:
        """Called when the job does not run any more: it is final, or back in the queue."""


class Run:
    """One attempt to run a job; the argument of its pipeline."""

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
        """The most rows that a chunk may have; None: the pipeline decides."""
        return self._gate.chunk_rows(self.job.workspace_id) if self._gate is not None else None

    async def step(self) -> None:
        """Call it before each chunk and before the end: waits for the gate, then checks as `check` does."""
        if self._gate is not None:
            waiting = [asyncio.ensure_future(wait) for wait in (self._gate.step(self.job), self._ending.wait())]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waiting:
                    wait.cancel()
        self.check()

    def check(self) -> None:
        """Call it inside work that takes long.

        Raises:
            NotProcessing: the job was canceled.
            Interrupted: the service is stopping.
        """
        if self._canceled:
            raise NotProcessing
        if self._stopping:
            raise Interrupted


class Pipeline(Protocol):
    """Does the work of one kind of job; `app` registers one for each kind."""

    async def run(self, run: Run) -> None:
        """Does the work from the job's checkpoint on, and calls `run.step` between chunks.

        Raises:
            JobFailed: the job cannot be done.
            NotProcessing, Interrupted: from `run.step` and `run.check`.
        """

    async def complete(self, connection: Connection, job: Job, now: int) -> None:
        """Writes the kind's own columns in the transaction that completes the job."""

    async def tidy(self, job: Job) -> None:
        """Deletes the files that a final job no longer needs. The runner can call it twice."""
