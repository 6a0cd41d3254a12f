"""Whether a bulk change can be undone, and the acceptance of its undo, which is a bulk change, too."""

from typing import Final, Literal

import msgspec

from mailrith_lite import clock, errors
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.bulk_changes.actions import ERASE
from mailrith_lite.bulk_changes.bulk_table import UNDO_ACTION, BulkChange
from mailrith_lite.database import Connection
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import BULK_CHANGE
from mailrith_lite.jobs.queue import Job

UndoStatus = Literal["available", "running", "done", "expired", "not_possible"]
Obstacle = Literal[
    "erased", "is_undo", "unfinished", "nothing_changed", "undo_is_off", "already_running", "already_undone"
]

_MESSAGES: Final[dict[Obstacle, str]] = {
    "erased": "People who are erased cannot come back.",
    "is_undo": "This job is an undo; start the same bulk change again to take the undo back.",
    "unfinished": "The bulk change is not finished; wait for its end, or cancel it, before you undo it.",
    "nothing_changed": "The bulk change changed nobody, so there is nothing to undo.",
    "undo_is_off": "The service has no undo, because its setting undo_ttl is 0.",
    "already_running": "An undo of this bulk change is running already; wait for its end.",
    "already_undone": "The bulk change has been undone already; start it again to take the undo back.",
}


class BulkUndo(msgspec.Struct, frozen=True, kw_only=True):
    """`job_id`: the public id of the newest undo. `obstacle`: set for `running`, `done` and `not_possible`."""

    status: UndoStatus
    job_id: str | None = None
    obstacle: Obstacle | None = None


def find_undo(job: Job, change: BulkChange, latest: Job | None, *, ttl: int, now: int) -> BulkUndo:
    """`latest`: the newest undo of the bulk change. `ttl`: seconds after its end for which it can be undone."""
    job_id = None if latest is None else latest.public_id
    if change.action == ERASE.name:
        return _not_possible("erased")
    if change.action == UNDO_ACTION:
        return _not_possible("is_undo")
    if not job.final or job.completed_at is None:
        return _not_possible("unfinished")
    if not job.progress.changed_count:
        return _not_possible("nothing_changed")
    if latest is not None and not latest.final:
        return BulkUndo(status="running", job_id=job_id, obstacle="already_running")
    if change.undone_by is not None:
        undone_by = BULK_CHANGE.encode(change.undone_by)
        return BulkUndo(status="done", job_id=undone_by, obstacle="already_undone")
    if ttl == 0:
        return _not_possible("undo_is_off")
    if now >= job.completed_at + ttl * clock.SECOND:
        return BulkUndo(status="expired", job_id=job_id)
    return BulkUndo(status="available", job_id=job_id)


async def insert_undo(
    connection: Connection, job: Job, request_id: str, *, ttl: int, max_queued: int, now: int
) -> Job:
    """Queues the undo of a bulk change in the caller's transaction. `ttl`: as of `find_undo`.

    Raises:
        Conflict: the bulk change cannot be undone.
        Expired: it cannot be undone any more.
        QueueFull: too many jobs wait.
    """
    change = await bulk_table.select_bulk_change(connection, job.workspace_id, job.id)
    latest = (await bulk_table.select_undos(connection, job.workspace_id, [job.id])).get(job.id)
    check(find_undo(job, change, latest, ttl=ttl, now=now), job.public_id)
    after_id = await bulk_table.select_undo_checkpoint(connection, job.id)
    undo = await queue.insert_job(
        connection, job.workspace_id, BULK_CHANGE, request_id, max_queued=max_queued, now=now
    )
    await bulk_table.insert_bulk_change(
        connection,
        undo.id,
        BulkChange(action=UNDO_ACTION, target_id=job.id, last_id=change.last_id, after_id=after_id),
    )
    return undo


def check(undo: BulkUndo, job_id: str) -> None:
    """
    Raises:
        Conflict, Expired: as `insert_undo`.
    """
    if undo.status == "expired":
        raise expired()
    if undo.obstacle is not None:
        raise not_possible(undo.obstacle, undo.job_id or job_id)


def not_possible(obstacle: Obstacle, job_id: str) -> errors.Conflict:
    """`job_id`: public, of the undo that is running or done, else of the bulk change."""
    return errors.Conflict(_MESSAGES[obstacle], code="undo_not_possible", reason=obstacle, resource=("job", job_id))


def expired() -> errors.Expired:
    return errors.Expired(
        "This bulk change can no longer be undone; change the people by another one.", code="undo_expired"
    )


def _not_possible(obstacle: Obstacle) -> BulkUndo:
    return BulkUndo(status="not_possible", obstacle=obstacle)
