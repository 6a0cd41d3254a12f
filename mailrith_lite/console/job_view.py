"""A job as its pages show it."""

from typing import Literal

import msgspec

from mailrith_lite import clock
from mailrith_lite.console.paths import PATH
from mailrith_lite.jobs.kinds import EXPORT, JobKind
from mailrith_lite.jobs.queue import CANCELED, Job, Progress

_TELLING = clock.SECOND  # milliseconds; before that a speed says nothing

Outcome = Literal["Queued", "Processing", "Completed", "Failed", "Canceled"]


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some of the rows. `begin` and `width` in thousandths of all rows."""

    name: str
    count: int
    begin: float
    width: float


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """`speed`: rows a second; `elapsed`, `left`: milliseconds. What is not known yet is None."""

    id: str
    kind: JobKind
    path: str
    outcome: Outcome
    final: bool
    dry_run: bool
    error_message: str | None
    progress: Progress
    percent: int | None
    fates: list[Fate]
    speed: float | None
    elapsed: int | None
    left: int | None
    created_at: int
    started_at: int | None
    completed_at: int | None

    @property
    def applied(self) -> int:
        return self.progress.rows_processed - self.progress.rejected_count

    @property
    def has_fates(self) -> bool:
        """Whether the rows have fates: an export writes rows and decides nothing about them."""
        return self.kind != EXPORT

    @property
    def reported(self) -> int:
        return self.progress.rejected_count + self.progress.warning_count


def view(job: Job, now: int) -> JobView:
    progress = job.progress
    done, total = progress.rows_processed, progress.rows_total
    elapsed = None if job.started_at is None else max((job.completed_at or now) - job.started_at, 1)
    speed = done * clock.SECOND / elapsed if elapsed and elapsed >= _TELLING and done else None
    running = job.status == "Processing"
    return JobView(
        id=job.public_id,
        kind=job.kind,
        path=f"{PATH}/{job.kind.name}s/{job.public_id}",
        outcome="Canceled" if job.error_message == CANCELED else job.status,
        final=job.final,
        dry_run=job.dry_run,
        error_message=None if job.error_message == CANCELED else job.error_message,
        progress=progress,
        percent=None if total is None else 100 * done // total if total else 100,
        fates=_fates(progress),
        speed=speed,
        elapsed=elapsed,
        left=int((total - done) / speed * clock.SECOND) if running and speed and total is not None else None,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
    )


def _fates(progress: Progress) -> list[Fate]:
    counts = {
        "created": progress.created_count,
        "updated": progress.updated_count,
        "unchanged": progress.unchanged_count,
        "refused": progress.rejected_count,
    }
    found: list[Fate] = []
    begin, total = 0.0, progress.rows_total or 0
    for name, count in counts.items():
        width = 1_000 * count / total if total else 0.0
        found.append(Fate(name=name, count=count, begin=round(begin, 2), width=round(width, 2)))
        begin += width
    return found
