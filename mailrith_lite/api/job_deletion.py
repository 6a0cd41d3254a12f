"""DELETE of a job: /v1/jobs/…/{job_id}"""

from mailrith_lite.api.call import Call
from mailrith_lite.api.responses import NoContent
from mailrith_lite.api.route import refuses
from mailrith_lite.catalog import job_removal
from mailrith_lite.jobs import deleted_jobs, queue
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, UNDO, JobKind


@refuses(deleted_jobs.not_final(IMPORT.encode(1)))
async def delete_import(call: Call) -> NoContent:
    """Delete a subscriber import job

    With its report, its undos and its part of the history of subscribers. The people that it imported stay, and can
    no longer be restored by an undo. The hosted service does not have this operation.
    """
    return await _delete(call, IMPORT)


@refuses(deleted_jobs.not_final(EXPORT.encode(1)))
async def delete_export(call: Call) -> NoContent:
    """Delete a subscriber export job

    With its file. The hosted service does not have this operation.
    """
    return await _delete(call, EXPORT)


@refuses(deleted_jobs.not_final(UNDO.encode(1)))
async def delete_undo(call: Call) -> NoContent:
    """Delete an undo job of a subscriber import

    With its report. The people stay as they are. The import of a completed undo cannot be undone again.
    """
    return await _delete(call, UNDO)


@refuses(deleted_jobs.not_final(BULK_CHANGE.encode(1)))
async def delete_bulk_change(call: Call) -> NoContent:
    """Delete a bulk change of subscribers

    With its report and its part of the history of subscribers. The people stay as they are, and it can no longer be
    undone. The hosted service does not have this operation.
    """
    return await _delete(call, BULK_CHANGE)


async def _delete(call: Call, kind: JobKind) -> NoContent:
    async with call.database.write(durable=True, changes="nobody") as connection:
        job = await queue.find_job(connection, call.workspace_id, kind, call.request.match_info["job_id"])
        await job_removal.delete_job(connection, call.actor, job)
    return NoContent()
