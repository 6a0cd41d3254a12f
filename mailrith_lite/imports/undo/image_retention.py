"""Deletes the images of old imports, a batch in each transaction, so that nobody waits long to write."""

from typing import Final

from mailrith_lite import clock
from mailrith_lite.audience.images import WITHOUT_VALUES
from mailrith_lite.database import Connection, Database
from mailrith_lite.imports import import_table

_BATCH: Final = 2_000


class ImageRetention:
    def __init__(self, database: Database, *, ttl: int) -> None:
        """`ttl`: seconds after the end of an import for which it can be undone."""
        self._database = database
        self._ttl = ttl * clock.SECOND

    async def remove_expired(self) -> None:
        """An undo that is not final keeps what it needs. What the import has changed stays on record."""
        async with self._database.read() as connection:
            job_ids = await _select_expired(connection, clock.now() - self._ttl)
        for job_id in job_ids:
            after_id: int | None = 0
            while after_id is not None:
                async with self._database.write(housekeeping=True) as connection:
                    after_id = await _remove_batch(connection, job_id, after_id)
            async with self._database.write(housekeeping=True) as connection:
                await import_table.update_images(connection, job_id, "expired")


async def _select_expired(connection: Connection, before: int) -> list[int]:
    rows = await connection.execute_fetchall(
        """SELECT imports.job_id FROM imports JOIN jobs ON jobs.id = imports.job_id
        WHERE images = 'kept' AND completed_at <= ? AND NOT EXISTS (
            SELECT 1 FROM undos JOIN jobs AS undo ON undo.id = undos.job_id
            WHERE import_job_id = imports.job_id AND undo.completed_at IS NULL)""",
        (before,),
    )
    return [int(row["job_id"]) for row in rows]


async def _remove_batch(connection: Connection, job_id: int, after_id: int) -> int | None:
    """Removes the images of the next subscribers. Returns the last of them; None if there are no more."""
    rows = await connection.execute_fetchall(
        """SELECT max(subscriber_id) FROM (SELECT subscriber_id FROM import_changes
            WHERE job_id = ? AND subscriber_id > ? ORDER BY subscriber_id LIMIT ?)""",
        (job_id, after_id, _BATCH),
    )
    last_id: int | None = next(iter(rows))[0]
    if last_id is not None:
        await connection.execute(
            f"""UPDATE import_changes SET kept = {WITHOUT_VALUES}, image = NULL
            WHERE job_id = ? AND subscriber_id > ? AND subscriber_id <= ? AND image IS NOT NULL""",
            (job_id, after_id, last_id),
        )
    return last_id
