"""The table `jobs`: insert, claim, checkpoint, finish."""

from typing import Any, Literal

import msgspec

from mailrith_lite import errors
from mailrith_lite.database import MAX_ID, Connection, Reader, Row, by_name
from mailrith_lite.jobs import kinds
from mailrith_lite.jobs.job_progress import Progress
from mailrith_lite.jobs.kinds import JobKind

JobStatus = Literal["Queued", "Processing", "Completed", "Failed"]

CANCELED = "Canceled by the client."
MAX_DEATHS = 3
DIED = (
    f"The service was stopped {MAX_DEATHS} times while it worked on this job without getting any further; "
    "the job is given up so that it cannot stop the service again."
)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`parent_job_id`: the integer id of the job that this one repeats."""

    id: int
    workspace_id: int
    kind: JobKind
    status: JobStatus
    error_message: str | None
    request_id: str
    deaths: int
    dry_run: bool
    parent_job_id: int | None
    progress: Progress
    created_at: int
    updated_at: int
    started_at: int | None
    completed_at: int | None

    @property
    def public_id(self) -> str:
        return self.kind.encode(self.id)

    @property
    def final(self) -> bool:
        return self.completed_at is not None

    @property
    def counts(self) -> dict[str, int | None]:
        """The counts that this kind of job has."""
        return {name: getattr(self.progress, name) for name in self.kind.counts}

    @property
    def canceled(self) -> bool:
        """The contract has no such status: a canceled job is Failed, with this message."""
        return self.error_message == CANCELED


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest queued job of a kind in a workspace."""

    workspace_id: int
    kind: JobKind
    job_id: int


class OpenCount(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of a kind and a status that are not final. `oldest_at`: when the oldest was created."""

    kind: str
    status: JobStatus
    count: int
    oldest_at: int


class NotProcessing(Exception):
    """The job is not Processing any more, because it was canceled."""


def from_row(row: Row) -> Job:
    values: dict[str, Any] = by_name(row)
    progress = Progress(**{field: values.pop(field) for field in Progress.__struct_fields__})
    kind = kinds.BY_NAME[values.pop("kind")]
    del values["deleted_at"]
    return Job(kind=kind, progress=progress, dry_run=bool(values.pop("dry_run")), **values)


async def insert_job(
    connection: Connection,
    workspace_id: int,
    kind: JobKind,
    request_id: str,
    *,
    max_queued: int,
    now: int,
    dry_run: bool = False,
    parent_job_id: int | None = None,
) -> Job:
    """
    Raises:
        QueueFull: the workspace has `max_queued` queued jobs already.
    """
    rows = await connection.execute_fetchall(
        "SELECT count(*) FROM jobs WHERE completed_at IS NULL AND status = 'Queued' AND workspace_id = ?",
        (workspace_id,),
    )
    if next(iter(rows))[0] >= max_queued:
        raise queue_full(max_queued)
    rows = await connection.execute_fetchall(
        """INSERT INTO jobs (workspace_id, kind, status, request_id, dry_run, parent_job_id, created_at, updated_at)
        VALUES (?, ?, 'Queued', ?, ?, ?, ?, ?) RETURNING *""",
        (workspace_id, kind.name, request_id, dry_run, parent_job_id, now, now),
    )
    return from_row(next(iter(rows)))


async def select_latest_change(connection: Connection) -> int:
    """When a job of any workspace last changed; 0 without jobs."""
    rows = await connection.execute_fetchall("SELECT ifnull(max(updated_at), 0) AS at FROM jobs")
    return int(next(iter(rows))["at"])


async def select_open_counts(connection: Connection) -> list[OpenCount]:
    """The open jobs of all workspaces, by kind and status."""
    rows = await connection.execute_fetchall(
        """SELECT kind, status, count(*) AS count, min(created_at) AS oldest_at FROM jobs
        WHERE completed_at IS NULL GROUP BY kind, status"""
    )
    return [OpenCount(**by_name(row)) for row in rows]


async def find_job(connection: Reader, workspace_id: int, kind: JobKind, public_id: str) -> Job:
    """
    Raises:
        NotFound: the workspace has no such job of this kind.
    """
    job_id = kind.decode(public_id)
    job = None if job_id is None else await select_job(connection, workspace_id, kind, job_id)
    if job is None:
        raise errors.NotFound.of(kind.resource, public_id)
    return job


async def select_job(connection: Reader, workspace_id: int, kind: JobKind, job_id: int) -> Job | None:
    rows = await connection.execute_fetchall(
        "SELECT * FROM jobs WHERE workspace_id = ? AND kind = ? AND id = ? AND deleted_at IS NULL",
        (workspace_id, kind.name, job_id),
    )
    return next(map(from_row, rows), None)


async def select_jobs(
    connection: Reader, workspace_id: int, kind: JobKind, *, before_id: int | None, limit: int
) -> list[Job]:
    """Jobs with an integer id below `before_id` (None: all), newest first."""
    rows = await connection.execute_fetchall(
        """SELECT * FROM jobs WHERE workspace_id = ? AND kind = ? AND id < ? AND deleted_at IS NULL
        ORDER BY id DESC LIMIT ?""",
        (workspace_id, kind.name, before_id or MAX_ID, limit),
    )
    return [from_row(row) for row in rows]


async def select_open_jobs(connection: Connection, workspace_id: int) -> list[Job]:
    """The jobs of all kinds that are not final, oldest first."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM jobs WHERE completed_at IS NULL AND workspace_id = ? ORDER BY id", (workspace_id,)
    )
    return [from_row(row) for row in rows]


async def select_candidates(connection: Connection) -> list[Candidate]:
    """One for each workspace and kind that has a queued job."""
    rows = await connection.execute_fetchall(
        """SELECT workspace_id, kind, min(id) AS job_id FROM jobs
        WHERE completed_at IS NULL AND status = 'Queued' GROUP BY workspace_id, kind"""
    )
    return [
        Candidate(workspace_id=row["workspace_id"], kind=kinds.BY_NAME[row["kind"]], job_id=row["job_id"])
        for row in rows
    ]


async def update_claimed(connection: Connection, job_id: int, now: int) -> Job:
    rows = await connection.execute_fetchall(
        """UPDATE jobs SET status = 'Processing', started_at = coalesce(started_at, :now), updated_at = :now
        WHERE id = :id AND status = 'Queued' RETURNING *""",
        {"now": now, "id": job_id},
    )
    return from_row(next(iter(rows)))


async def update_checkpoint(
    connection: Connection, job_id: int, progress: Progress, now: int, *, resumable: bool = True
) -> None:
    """`resumable`: the next attempt continues from here, so the count of deaths starts again at 0.

    Raises:
        NotProcessing: the job was canceled; roll the chunk back.
    """
    cursor = await connection.execute(
        """UPDATE jobs SET rows_total = :rows_total, rows_processed = :rows_processed,
            created_count = :created_count, updated_count = :updated_count, unchanged_count = :unchanged_count,
            rejected_count = :rejected_count, warning_count = :warning_count, restored_count = :restored_count,
            deleted_count = :deleted_count, skipped_count = :skipped_count, changed_count = :changed_count,
            deaths = CASE WHEN :resumable THEN 0 ELSE deaths END, updated_at = :now
        WHERE id = :id AND status = 'Processing'""",
        {**msgspec.structs.asdict(progress), "id": job_id, "now": now, "resumable": resumable},
    )
    if cursor.rowcount != 1:
        raise NotProcessing


async def update_final(
    connection: Connection, job_id: int, status: JobStatus, error_message: str | None, now: int
) -> None:
    """
    Raises:
        NotProcessing: the job was canceled.
    """
    cursor = await connection.execute(
        """UPDATE jobs SET status = ?, error_message = ?, completed_at = ?, updated_at = ?
        WHERE id = ? AND status = 'Processing'""",
        (status, error_message, now, now, job_id),
    )
    if cursor.rowcount != 1:
        raise NotProcessing


async def update_queued(connection: Connection, job_id: int, now: int) -> None:
    """Returns a running job to the queue, to continue from its checkpoint.

    Raises:
        NotProcessing: the job was canceled.
    """
    cursor = await connection.execute(
        "UPDATE jobs SET status = 'Queued', updated_at = ? WHERE id = ? AND status = 'Processing'", (now, job_id)
    )
    if cursor.rowcount != 1:
        raise NotProcessing


async def update_interrupted(connection: Connection, now: int) -> list[Job]:
    """Call it at the start, when Processing means that the process of the job has died.

    Such jobs return to the queue. Those that have died MAX_DEATHS times since their last checkpoint fail, and are
    returned.
    """
    await connection.execute(
        """UPDATE jobs SET deaths = deaths + 1, status = 'Queued', updated_at = ?
        WHERE completed_at IS NULL AND status = 'Processing'""",
        (now,),
    )
    rows = await connection.execute_fetchall(
        """UPDATE jobs SET status = 'Failed', error_message = ?, completed_at = ?
        WHERE completed_at IS NULL AND status = 'Queued' AND deaths >= ? RETURNING *""",
        (DIED, now, MAX_DEATHS),
    )
    return [from_row(row) for row in rows]


async def update_canceled(connection: Connection, job: Job, now: int) -> Job:
    """
    Raises:
        Conflict: the job is final already.
    """
    rows = await connection.execute_fetchall(
        """UPDATE jobs SET status = 'Failed', error_message = ?, completed_at = ?, updated_at = ?
        WHERE id = ? AND workspace_id = ? AND status IN ('Queued', 'Processing') RETURNING *""",
        (CANCELED, now, now, job.id, job.workspace_id),
    )
    for row in rows:
        return from_row(row)
    raise already_final(job.status, job.public_id)


def queue_full(max_queued: int) -> errors.QueueFull:
    return errors.QueueFull(f"{max_queued:,} jobs of this workspace are waiting; try again when some are done.")


def already_final(status: JobStatus, public_id: str) -> errors.Conflict:
    return errors.Conflict(
        f"The job is {status} already and cannot be canceled.",
        code="job_already_final",
        resource=("job", public_id),
    )
