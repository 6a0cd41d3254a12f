"""Queues an export."""

from mailrith_lite.access import workspaces
from mailrith_lite.audience import selection
from mailrith_lite.audience.custom_fields import select_all_custom_fields
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table
from mailrith_lite.exports.export_table import Order
from mailrith_lite.exports.file_columns import chosen_columns
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job


async def insert(
    connection: Connection, workspace_id: int, order: Order, request_id: str, *, max_queued: int, now: int
) -> Job:
    """Checks the order and inserts the job, in the caller's transaction: until the job is final, nothing that it
    names can be deleted.

    Raises:
        InvalidRequest: the order names something that does not exist, or a filter or column that is not possible.
        QueueFull: the workspace has `max_queued` queued jobs already.
    """
    workspace = await workspaces.select_own(connection, workspace_id)
    await selection.check(connection, workspace_id, order.selection, time_zone=workspace.time_zone, now=now)
    if order.columns is not None:
        chosen_columns(order.columns, await select_all_custom_fields(connection, workspace_id))
    job = await queue.insert_job(connection, workspace_id, EXPORT, request_id, max_queued=max_queued, now=now)
    await export_table.insert_export(connection, job.id, order)
    return job
