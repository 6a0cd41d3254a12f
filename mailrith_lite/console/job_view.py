"""A job as its pages show it."""

from typing import Literal

import msgspec

from mailrith_lite import clock
from mailrith_lite.console.paths import job_path
from mailrith_lite.jobs.kinds import EXPORT, JobKind
from mailrith_lite.jobs.queue import Job, Progress

_MIN_ELAPSED = clock.SECOND  # a speed is not meaningful before

Outcome = Literal["Queued", "Processing", "Completed", "Failed", "Canceled"]


class RowOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of an import were created, updated, left unchanged or refused.

    `start`, `width`: the part of the progress bar, in thousandths of all rows.
    """

    name: str
    count: int
    start: float
    width: float


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """`speed`: rows per second. `elapsed`, `left`: milliseconds. None: not known yet."""

    id: str
    kind: JobKind
    path: str
    outcome: Outcome
    final: bool
    dry_run: bool
    error_message: str | None
    progress: Progress
    percent: int | None
    row_outcomes: list[RowOutcome]
    speed: float | None
    elapsed: int | None
    left: int | None
    created_at: int
    started_at: int | None
    completed_at: int | None

    @property
    def has_row_outcomes(self) -> bool:
        """False for an export, which decides nothing about the rows that it writes."""
        return self.kind != EXPORT

    @property
    def report_rows(self) -> int:
        """The number of rows in the report."""
        return self.progress.rejected_count + self.progress.warning_count


def view_job(job: Job, now: int) -> JobView:
    progress = job.progress
    done, total = progress.rows_processed, progress.rows_total
    elapsed = None if job.started_at is None else max((job.completed_at or now) - job.started_at, 1)
    speed = done * clock.SECOND / elapsed if elapsed and elapsed >= _MIN_ELAPSED and done else None
    running = job.status == "Processing"
    return JobView(
        id=job.public_id,
        kind=job.kind,
        path=job_path(job.kind, job.public_id),
        outcome="Canceled" if job.canceled else job.status,
        final=job.final,
        dry_run=job.dry_run,
        error_message=None if job.canceled else job.error_message,
        progress=progress,
        percent=None if total is None else 100 * done // total if total else 100,
        row_outcomes=_row_outcomes(progress),
        speed=speed,
        elapsed=elapsed,
        left=int((total - done) / speed * clock.SECOND) if running and speed and total is not None else None,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
    )


def _row_outcomes(progress: Progress) -> list[RowOutcome]:
    counts = {
        "created": progress.created_count,
        "updated": progress.updated_count,
        "unchanged": progress.unchanged_count,
        "refused": progress.rejected_count,
    }
    outcomes: list[RowOutcome] = []
    start, total = 0.0, progress.rows_total or 0
    for name, count in counts.items():
        width = 1_000 * count / total if total else 0.0
        outcomes.append(RowOutcome(name=name, count=count, start=round(start, 2), width=round(width, 2)))
        start += width
    return outcomes
