"""The deletion of final jobs: a deleted job is hidden at once, and its rows are deleted later, in small steps."""

from mailrith_lite import errors
from mailrith_lite.database import Connection
from mailrith_lite.jobs.queue import Job, from_row


async def update_deleted(connection: Connection, job: Job, now: int) -> None:
    """Hides the job. Its rows are deleted later, in small steps.

    Raises:
        Conflict: the job is not final.
    """
    cursor = await connection.execute(
        """UPDATE jobs SET deleted_at = ?
        WHERE id = ? AND workspace_id = ? AND completed_at IS NOT NULL AND deleted_at IS NULL""",
        (now, job.id, job.workspace_id),
    )
    if cursor.rowcount != 1:
        raise not_final(job.public_id)


async def select_ended(connection: Connection, condition: str, parameters: dict[str, int]) -> list[Job]:
    """The final jobs of every workspace that match the condition. The condition can end with `LIMIT`."""
    rows = await connection.execute_fetchall(
        f"SELECT * FROM jobs WHERE completed_at IS NOT NULL AND deleted_at IS NULL AND {condition}", parameters
    )
    return [from_row(row) for row in rows]


async def select_deleted(connection: Connection) -> list[Job]:
    """The deleted jobs of every workspace that still have rows."""
    rows = await connection.execute_fetchall("SELECT * FROM jobs WHERE deleted_at IS NOT NULL ORDER BY id")
    return [from_row(row) for row in rows]


async def delete_job(connection: Connection, job_id: int) -> None:
    """Deletes the job and its rows in all other tables."""
    await connection.execute("DELETE FROM jobs WHERE id = ? AND deleted_at IS NOT NULL", (job_id,))


async def delete_jobs(connection: Connection, workspace_id: int) -> None:
    """The final jobs of the workspace, with their rows in all other tables."""
    await connection.execute(
        "DELETE FROM jobs WHERE workspace_id = ? AND completed_at IS NOT NULL", (workspace_id,)
    )


def not_final(public_id: str) -> errors.Conflict:
    return errors.Conflict(
        "The job is not finished; wait for its end, or cancel it, before you delete it.",
        code="job_not_final",
        resource=("job", public_id),
    )
