"""Whether an import can be undone, and the acceptance of its undo."""

from typing import Final, Literal

import msgspec

from mailrith_lite import clock, errors
from mailrith_lite.database import Connection
from mailrith_lite.imports import import_table
from mailrith_lite.imports.import_table import Images
from mailrith_lite.imports.undo import undo_table
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import UNDO
from mailrith_lite.jobs.queue import Job

UndoStatus = Literal["available", "running", "done", "expired", "not_possible"]
Obstacle = Literal[
    "dry_run", "unfinished", "nothing_applied", "undo_is_off", "before_undo", "already_running", "already_undone"
]

_MESSAGES: Final[dict[Obstacle, str]] = {
    "dry_run": "A dry run changes nothing, so there is nothing to undo.",
    "unfinished": "The import is not finished; wait for its end, or cancel it, before you undo it.",
    "nothing_applied": "The import changed nothing, so there is nothing to undo.",
    "undo_is_off": "The service keeps nothing for undos, because its setting undo_ttl is 0.",
    "before_undo": "The import kept nothing for an undo: it ran while undo_ttl was 0, or on an older version.",
    "already_running": "An undo of this import is running already; wait for its end.",
    "already_undone": "The import has been undone already; import the file again to undo the undo.",
}


class UndoState(msgspec.Struct, frozen=True, kw_only=True):
    """`latest`: the newest undo of the import. `obstacle`: set for `running`, `done` and `not_possible`."""

    status: UndoStatus
    obstacle: Obstacle | None = None
    latest: Job | None = None

    @property
    def job_id(self) -> str | None:
        return None if self.latest is None else self.latest.public_id


async def select_state(connection: Connection, job: Job, *, ttl: int, now: int) -> UndoState:
    """`job`: an import. `ttl`: the setting `undo_ttl`, in seconds."""
    plan = await import_table.select_import(connection, job.workspace_id, job.id)
    latest = await undo_table.select_latest(connection, job.workspace_id, job.id)
    return find_state(job, plan.images, latest, ttl=ttl, now=now)


def find_state(job: Job, images: Images, latest: Job | None, *, ttl: int, now: int) -> UndoState:
    """`images`, `latest`: of the import `job`."""
    if job.dry_run:
        return UndoState(status="not_possible", obstacle="dry_run")
    if job.completed_at is None:
        return UndoState(status="not_possible", obstacle="unfinished")
    if not job.progress.created_count + job.progress.updated_count:
        return UndoState(status="not_possible", obstacle="nothing_applied")
    if latest is not None and not latest.final:
        return UndoState(status="running", obstacle="already_running", latest=latest)
    if latest is not None and latest.status == "Completed":
        return UndoState(status="done", obstacle="already_undone", latest=latest)
    if ttl == 0:
        return UndoState(status="not_possible", obstacle="undo_is_off", latest=latest)
    if images == "none":
        return UndoState(status="not_possible", obstacle="before_undo")
    if images == "expired" or now >= job.completed_at + ttl * clock.SECOND:
        return UndoState(status="expired", latest=latest)
    return UndoState(status="available", latest=latest)


async def insert_undo(
    connection: Connection, job: Job, request_id: str, *, ttl: int, max_queued: int, now: int
) -> Job:
    """Queues the undo of an import in the caller's transaction. `ttl`: as of `select_state`.

    Raises:
        Conflict: the import cannot be undone, or not any more.
        Expired: what its undo needs is no longer kept.
        QueueFull: too many jobs wait.
    """
    check(await select_state(connection, job, ttl=ttl, now=now), job.public_id)
    undo = await queue.insert_job(connection, job.workspace_id, UNDO, request_id, max_queued=max_queued, now=now)
    await undo_table.insert_undo(connection, undo.id, job.id)
    return undo


def check(state: UndoState, import_job_id: str) -> None:
    """
    Raises:
        Conflict, Expired: as `insert_undo`.
    """
    if state.status == "expired":
        raise expired()
    if state.obstacle is not None:
        raise not_possible(state.obstacle, state.job_id or import_job_id)


def not_possible(obstacle: Obstacle, job_id: str) -> errors.Conflict:
    """`job_id`: public, of the undo that is running or done, else of the import."""
    return errors.Conflict(_MESSAGES[obstacle], code="undo_not_possible", reason=obstacle, resource=("job", job_id))


def expired() -> errors.Expired:
    return errors.Expired(
        "What the undo of this import needs is no longer kept; change the people by hand, or by another import.",
        code="undo_expired",
    )
