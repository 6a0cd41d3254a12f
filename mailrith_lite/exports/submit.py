"""Queues an export."""

from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table
from mailrith_lite.exports.export_table import Selection
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job


async def insert(
    connection: Connection,
    workspace_id: int,
    selection: Selection,
    request_id: str,
    *,
    max_queued: int,
    now: int,
) -> Job:
    """Inserts the job and its selection in the caller's transaction.

    Raises:
        QueueFull: the workspace has `max_queued` queued jobs already.
    """
    job = await queue.insert_job(connection, workspace_id, EXPORT, request_id, max_queued=max_queued, now=now)
    await export_table.insert_export(connection, job.id, selection)
    return job
