"""The tables `undos` and `undo_skips`: the import of each undo, its checkpoint, and the people that it skips."""

from functools import partial
from typing import Final

import msgspec

from mailrith_lite.audience import skips
from mailrith_lite.audience.skips import Skip
from mailrith_lite.database import Connection, Reader, Row, by_name
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import UNDO
from mailrith_lite.jobs.queue import Job

CHANGED_SINCE: Final = "changed_since"


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """`created_after`, `changed_after`: the last subscriber of each part of the work that is done."""

    import_job_id: int
    created_after: int = 0
    changed_after: int = 0


async def insert_undo(connection: Connection, job_id: int, import_job_id: int) -> None:
    await connection.execute("INSERT INTO undos (job_id, import_job_id) VALUES (?, ?)", (job_id, import_job_id))


async def select_undo(connection: Reader, workspace_id: int, job_id: int) -> Undo:
    return (await select_undos(connection, workspace_id, [job_id]))[job_id]


async def select_undos(connection: Reader, workspace_id: int, job_ids: list[int]) -> dict[int, Undo]:
    """By the integer id of the undo's job."""
    rows = await connection.execute_fetchall(
        """SELECT job_id, import_job_id, created_after, changed_after
        FROM json_each(?) AS listed CROSS JOIN undos ON undos.job_id = listed.value
        JOIN jobs ON jobs.id = undos.job_id WHERE workspace_id = ?""",
        (msgspec.json.encode(job_ids).decode(), workspace_id),
    )
    return {row["job_id"]: _from_row(row) for row in rows}


def _from_row(row: Row) -> Undo:
    return Undo(
        import_job_id=row["import_job_id"], created_after=row["created_after"], changed_after=row["changed_after"]
    )


async def select_latest(connection: Reader, workspace_id: int, import_job_id: int) -> Job | None:
    """The newest undo of the import."""
    rows = await connection.execute_fetchall(
        """SELECT max(job_id) FROM undos JOIN jobs ON jobs.id = job_id
        WHERE import_job_id = ? AND deleted_at IS NULL""",
        (import_job_id,),
    )
    job_id: int | None = next(iter(rows))[0]
    return None if job_id is None else await queue.select_job(connection, workspace_id, UNDO, job_id)


async def select_undo_jobs(connection: Connection, workspace_id: int, import_job_id: int) -> list[Job]:
    """All undos of the import, oldest first."""
    rows = await connection.execute_fetchall(
        "SELECT job_id FROM undos WHERE import_job_id = ? ORDER BY job_id", (import_job_id,)
    )
    jobs = [await queue.select_job(connection, workspace_id, UNDO, row["job_id"]) for row in rows]
    return [job for job in jobs if job is not None]


async def delete_skips(connection: Connection, job_id: int) -> bool:
    """Deletes the next skipped people of an undo. Returns False if there were none."""
    cursor = await connection.execute(
        """DELETE FROM undo_skips WHERE job_id = :job_id AND subscriber_id IN (
            SELECT subscriber_id FROM undo_skips WHERE job_id = :job_id ORDER BY subscriber_id LIMIT :limit)""",
        {"job_id": job_id, "limit": skips.PAGE_SIZE},
    )
    return cursor.rowcount > 0


async def update_undo(connection: Connection, job_id: int, undo: Undo) -> None:
    await connection.execute(
        "UPDATE undos SET created_after = ?, changed_after = ? WHERE job_id = ?",
        (undo.created_after, undo.changed_after, job_id),
    )


async def insert_skips(connection: Connection, job_id: int, subscriber_ids: str) -> None:
    """`subscriber_ids`: a JSON list."""
    await connection.execute(
        "INSERT INTO undo_skips (job_id, subscriber_id, reason) SELECT ?, value, ? FROM json_each(?)",
        (job_id, CHANGED_SINCE, subscriber_ids),
    )


async def select_skips(connection: Connection, workspace_id: int, job_id: int, *, after_id: int) -> list[Skip]:
    """The next people that the undo has skipped and that still exist, by their integer ids."""
    rows = await connection.execute_fetchall(
        """SELECT subscriber_id, email, reason FROM undo_skips
        JOIN subscribers ON subscribers.id = subscriber_id AND +subscribers.workspace_id = :workspace_id
        WHERE job_id = :job_id AND subscriber_id > :after_id ORDER BY subscriber_id LIMIT :limit""",
        {"workspace_id": workspace_id, "job_id": job_id, "after_id": after_id, "limit": skips.PAGE_SIZE},
    )
    return [Skip(**by_name(row)) for row in rows]


stream_report = partial(skips.stream_report, select_skips, ("email", "reason"))
