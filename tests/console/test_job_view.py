"""How a page shows a job: the badge, the speed, and the time left."""

import pytest

from mailrith_lite import clock
from mailrith_lite.console.job_view import view_job
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import EXPORT, IMPORT, JobKind
from mailrith_lite.jobs.queue import CANCELED, Job, JobStatus

START = 1_000_000


def a_job(
    status: JobStatus,
    *,
    kind: JobKind = IMPORT,
    processed: int = 0,
    rejected: int = 0,
    total: int | None = None,
    error: str | None = None,
    dry_run: bool = False,
) -> Job:
    final = status in ("Completed", "Failed")
    return Job(
        id=1,
        workspace_id=1,
        kind=kind,
        status=status,
        error_message=error,
        request_id="req",
        deaths=0,
        dry_run=dry_run,
        parent_job_id=None,
        progress=Progress(rows_total=total, rows_processed=processed, rejected_count=rejected),
        created_at=START,
        updated_at=START,
        started_at=START,
        completed_at=START if final else None,
    )


@pytest.mark.parametrize(
    ("job", "outcome"),
    [
        (a_job("Queued"), "Queued"),
        (a_job("Processing", processed=5, rejected=5, total=9), "Processing"),
        (a_job("Completed", processed=9, total=9), "Completed"),
        (a_job("Completed", total=0), "Completed"),
        (a_job("Completed", processed=9, rejected=1, total=9), "Completed with refusals"),
        (a_job("Completed", processed=9, rejected=9, total=9), "Nothing imported"),
        (a_job("Completed", processed=9, rejected=9, total=9, dry_run=True), "Nothing imported"),
        (a_job("Completed", kind=EXPORT, processed=0), "Completed"),
        (a_job("Failed", processed=9, rejected=9, total=9, error="The file cannot be read."), "Failed"),
        (a_job("Failed", processed=9, rejected=9, total=9, error=CANCELED), "Canceled"),
    ],
)
def test_badge_follows_the_result(job: Job, outcome: str) -> None:
    assert view_job(job, START).outcome == outcome


@pytest.mark.parametrize(
    ("seconds", "processed", "left"),
    [
        (1, 500, None),  # too early for an estimate
        (10, 0, None),
        (10, 5_000, 10),
        (10, 4_000, 20),
        (10, 1_500, 60),
        (10, 1_400, 120),
        (10, 9_990, 5),
    ],
)
def test_time_left_is_one_of_few_steps(seconds: int, processed: int, left: int | None) -> None:
    view = view_job(a_job("Processing", processed=processed, total=10_000), START + seconds * clock.SECOND)
    assert view.left == (None if left is None else left * clock.SECOND)


def test_speed_has_two_digits() -> None:
    view = view_job(a_job("Processing", processed=31_847, total=90_000), START + clock.SECOND)
    assert view.speed == 32_000


def test_name_of_a_job_is_its_file_or_else_its_id() -> None:
    assert view_job(a_job("Queued"), START, name="list.csv").name == "list.csv"
    assert view_job(a_job("Queued"), START).name == IMPORT.encode(1)
