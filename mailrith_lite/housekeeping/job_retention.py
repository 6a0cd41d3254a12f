"""Deletes expired jobs, and those that somebody has deleted, in steps so small that nobody waits long to write."""

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path

from mailrith_lite import clock, disk
from mailrith_lite.audience import changes
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.catalog import job_removal
from mailrith_lite.catalog.job_removal import Limits
from mailrith_lite.database import Connection, Database
from mailrith_lite.exports.export_pipeline import file_path
from mailrith_lite.imports import report
from mailrith_lite.imports.undo import change_table, undo_table
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.jobs import deleted_jobs
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job

_DeleteRows = Callable[[Connection, int], Awaitable[bool]]
_DELETE_ROWS: tuple[_DeleteRows, ...] = (
    report.delete_row_errors,
    change_table.delete_changes,
    undo_table.delete_skips,
    bulk_table.delete_skips,
    changes.delete_of_job,
)
"""Each deletes some rows of a job, and returns False if there were none."""


class JobRetention:
    def __init__(
        self,
        database: Database,
        exports_directory: Path,
        *,
        ttl: int,
        undo_ttl: int,
        is_running: Callable[[int], bool],
    ) -> None:
        """`ttl`: seconds after its end for which a job is kept; 0 keeps it for ever. `undo_ttl`: seconds after its
        end for which an import can be undone; it is kept for so long at least. `is_running`: whether the job with
        this integer id still runs. A canceled job does, until its next step, and then needs its rows."""
        self._database = database
        self._exports_directory = exports_directory
        self._ttl = ttl * clock.SECOND
        self._undo_ttl = undo_ttl * clock.SECOND
        self._is_running = is_running

    async def remove_expired(self) -> None:
        if self._ttl:
            now = clock.now()
            limits = Limits(ended=now - self._ttl, undoable=now - self._undo_ttl)
            await self._database.write_in_steps(lambda connection: job_removal.delete_expired(connection, limits))
        async with self._database.read() as connection:
            deleted = await deleted_jobs.select_deleted(connection)
        for job in deleted:
            if not self._is_running(job.id):
                await self._remove(job)

    async def _remove(self, job: Job) -> None:
        """The file goes first: on a full disk this makes room."""
        if job.kind == EXPORT:
            await disk.remove(file_path(self._exports_directory, job.public_id))
        for delete_rows in _DELETE_ROWS:
            await self._database.write_in_steps(functools.partial(_of_job, delete_rows, job.id))
        async with self._database.write(housekeeping=True) as connection:
            await upload_table.delete_of_job(connection, job.id)
            await deleted_jobs.delete_job(connection, job.id)


async def _of_job(delete_rows: _DeleteRows, job_id: int, connection: Connection) -> bool:
    return await delete_rows(connection, job_id)
