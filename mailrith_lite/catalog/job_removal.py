"""Deletes a final job: it is hidden at once, and the housekeeping deletes its rows and its files in small steps."""

import msgspec

from mailrith_lite import clock, errors
from mailrith_lite.access import audit
from mailrith_lite.access.audit import Actor
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.bulk_changes.actions import ERASE
from mailrith_lite.bulk_changes.bulk_table import UNDO_ACTION
from mailrith_lite.database import MAX_ID, Connection
from mailrith_lite.exports import export_table
from mailrith_lite.imports import import_table
from mailrith_lite.imports.undo import undo_table
from mailrith_lite.jobs import deleted_jobs
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, UNDO
from mailrith_lite.jobs.queue import Job

EXPIRED_AT_ONCE = 200


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in milliseconds. A job that ended by `ended` has expired, except an import that ended after `undoable`,
    because it can still be undone. The same holds for a bulk change."""

    ended: int
    undoable: int


async def delete_job(connection: Connection, actor: Actor, job: Job) -> None:
    """Call it in a transaction. The undos of an import go with it. An import without its completed undo cannot be
    undone again.

    Raises:
        Conflict: the job, an undo of it or an export of its people is not final.
    """
    await _hide(connection, job)
    await audit.record(connection, actor, "job.deleted", job.public_id)


async def delete_expired(connection: Connection, limits: Limits) -> bool:
    """Hides the next expired jobs of every workspace. False if there were none."""
    jobs = await deleted_jobs.select_ended(
        connection, _EXPIRED, {**msgspec.structs.asdict(limits), "now": clock.now(), "at_once": EXPIRED_AT_ONCE}
    )
    for job in jobs:
        await _hide(connection, job)
    return bool(jobs)


_EXPIRED = f"""completed_at <= :ended AND kind <> '{UNDO.name}' -- an undo goes with its import
    AND NOT EXISTS (SELECT 1 FROM imports
        WHERE job_id = jobs.id AND images = 'kept' AND jobs.completed_at > :undoable
            AND jobs.created_count + jobs.updated_count > 0)
    AND NOT EXISTS (SELECT 1 FROM bulk_changes
        WHERE job_id = jobs.id AND undone_by IS NULL AND action NOT IN ('{ERASE.name}', '{UNDO_ACTION}')
            AND jobs.changed_count > 0 AND jobs.completed_at > :undoable)
    AND NOT EXISTS (SELECT 1 FROM bulk_changes JOIN jobs AS undo ON undo.id = job_id
        WHERE action = '{UNDO_ACTION}' AND target_id = jobs.id AND undo.completed_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM undos JOIN jobs AS undo ON undo.id = undos.job_id
        WHERE import_job_id = jobs.id AND coalesce(undo.completed_at, {MAX_ID}) > :ended)
    AND id NOT IN (SELECT import_job_id FROM jobs AS export JOIN exports ON exports.job_id = export.id
        WHERE export.completed_at IS NULL AND import_job_id IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM jobs AS bulk JOIN bulk_changes ON job_id = bulk.id
        WHERE bulk.completed_at IS NULL AND bulk.workspace_id = jobs.workspace_id
            AND filter ->> '$.import_job_id' IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM exports WHERE job_id = jobs.id AND removed_at IS NULL AND expires_at > :now)
    LIMIT :at_once"""


async def _hide(connection: Connection, job: Job) -> None:
    now = clock.now()
    await deleted_jobs.update_deleted(connection, job, now)
    if job.kind == IMPORT:
        await _check_selections(connection, job)
        for undo in await undo_table.select_undo_jobs(connection, job.workspace_id, job.id):
            await deleted_jobs.update_deleted(connection, undo, now)
    elif job.kind == BULK_CHANGE:
        latest = (await bulk_table.select_undos(connection, job.workspace_id, [job.id])).get(job.id)
        if latest is not None and not latest.final:
            raise deleted_jobs.not_final(latest.public_id)
    elif job.kind == UNDO and job.status == "Completed":
        undo_of = await undo_table.select_undo(connection, job.workspace_id, job.id)
        await import_table.update_undo_deleted(connection, undo_of.import_job_id)


async def _check_selections(connection: Connection, job: Job) -> None:
    """A job that selects the people of the import needs what the import has on record of them."""
    for kind, noun, table in ((EXPORT, "An export", export_table), (BULK_CHANGE, "A bulk change", bulk_table)):
        open_id = await table.select_open_of_import(connection, job.workspace_id, job.id)
        if open_id is not None:
            raise errors.Conflict(
                f"{noun} of the people of this import is not finished; wait for its end, or cancel it, first.",
                code="job_not_final",
                resource=("job", kind.encode(open_id)),
            )
