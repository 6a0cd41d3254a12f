"""A job as its pages show it."""

from typing import Literal

import msgspec

from mailrith_lite import clock
from mailrith_lite.console.paths import job_path
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, UNDO, JobKind
from mailrith_lite.jobs.queue import Job

_MIN_ELAPSED = clock.SECOND  # a speed is not meaningful before
_MIN_ELAPSED_LEFT = 3 * clock.SECOND  # nor is an estimate of the time left
_STEPS = tuple(seconds * clock.SECOND for seconds in (5, 10, 20, 30, 45, 60))
"""Times left that are shown, so that the estimate does not change with each chunk. Above: whole minutes."""

Outcome = Literal[
    "Queued", "Processing", "Completed", "Completed with refusals", "Nothing imported", "Failed", "Canceled"
]


class RowOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of an import, or people of another job, had one of the outcomes that are possible.

    `start`, `width`: the part of the progress bar, in thousandths of all rows.
    """

    name: str
    count: int
    start: float
    width: float


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """`speed`: rows per second. `elapsed`, `left`: milliseconds. None: not known yet.

    `name`: what a person calls the job: the file of an import, or who is in an export. `label`: Import, Dry run,
    Export, Undo or Bulk change. `parent_path`: of the import whose mapping this one has.
    """

    id: str
    name: str
    label: str
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
    parent_path: str | None

    @property
    def has_row_outcomes(self) -> bool:
        """False for an export, which decides nothing about the rows that it writes."""
        return self.kind != EXPORT

    @property
    def completed(self) -> bool:
        """Whether the job has completed, whatever happened to its rows."""
        return self.final and self.outcome not in ("Failed", "Canceled")

    @property
    def nothing_applied(self) -> bool:
        """Whether an import that has ended has refused every row."""
        return self.outcome == "Nothing imported"

    @property
    def report_rows(self) -> int:
        """The number of lines in the report."""
        return self.progress.rejected_count + self.progress.warning_count + self.progress.skipped_count


def view_job(job: Job, now: int, *, name: str = "") -> JobView:
    """`name`: if it is empty, the job's id is the name."""
    progress = job.progress
    done, total = progress.rows_processed, progress.rows_total
    elapsed = None if job.started_at is None else max((job.completed_at or now) - job.started_at, 1)
    speed = done * clock.SECOND / elapsed if elapsed and elapsed >= _MIN_ELAPSED and done else None
    running = job.status == "Processing"
    return JobView(
        id=job.public_id,
        name=name or job.public_id,
        label="Dry run" if job.dry_run else job.kind.name.replace("_", " ").capitalize(),
        kind=job.kind,
        path=job_path(job.kind, job.public_id),
        outcome=_outcome(job),
        final=job.final,
        dry_run=job.dry_run,
        error_message=None if job.canceled else job.error_message,
        progress=progress,
        percent=None if total is None else 100 * done // total if total else 100,
        row_outcomes=_row_outcomes(job.kind, progress),
        speed=None if speed is None else _two_digits(speed),
        elapsed=elapsed,
        left=_time_left(elapsed, done, total) if running else None,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        parent_path=None if job.parent_job_id is None else job_path(IMPORT, IMPORT.encode(job.parent_job_id)),
    )


def _outcome(job: Job) -> Outcome:
    """An import that refuses every row is no success, although its job is Completed."""
    if job.canceled:
        return "Canceled"
    refused = job.progress.rejected_count
    if job.status != "Completed" or not refused:
        return job.status
    return "Nothing imported" if refused == job.progress.rows_processed else "Completed with refusals"


def _time_left(elapsed: int | None, done: int, total: int | None) -> int | None:
    """Rounded up to one of the times that pages show."""
    if elapsed is None or elapsed < _MIN_ELAPSED_LEFT or not done or total is None:
        return None
    left = elapsed * (total - done) // done
    minutes = -(-left // _STEPS[-1])
    return next((step for step in _STEPS if left <= step), minutes * _STEPS[-1])


def _two_digits(speed: float) -> float:
    """31,847 is 32,000: a speed that changes with each chunk cannot be read."""
    return float(f"{speed:.2g}")


def _row_outcomes(kind: JobKind, progress: Progress) -> list[RowOutcome]:
    if kind == UNDO:
        counts = {
            "restored": progress.restored_count,
            "deleted": progress.deleted_count,
            "skipped": progress.skipped_count,
        }
    elif kind == BULK_CHANGE:
        counts = {
            "changed": progress.changed_count,
            "unchanged": progress.unchanged_count,
            "skipped": progress.skipped_count,
        }
    else:
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
