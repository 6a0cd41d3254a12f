"""/console/bulk-changes/…: the page of a bulk change or of its undo, and the start of the undo."""

from collections.abc import Sequence

from aiohttp import web

from mailrith_lite import clock, ids
from mailrith_lite.access import audit
from mailrith_lite.bulk_changes import bulk_table, bulk_undo
from mailrith_lite.bulk_changes.actions import BY_NAME
from mailrith_lite.bulk_changes.bulk_table import UNDO_ACTION, BulkChange
from mailrith_lite.console import names, templating
from mailrith_lite.console.bulk_words import TITLES, UNDONE
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_pages import SHOWN_SKIPS, find_job
from mailrith_lite.console.job_view import view_job
from mailrith_lite.console.paths import job_path, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.jobs.kinds import BULK_CHANGE
from mailrith_lite.jobs.queue import Job


async def show_bulk_change(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read() as connection:
        job = await find_job(connection, call, BULK_CHANGE)
        change, latest = await _select(connection, call, job)
        title = (await select_names(connection, call, [job.id]))[job.id]
        skips = await bulk_table.select_skips(connection, call.workspace_id, job.id, after_id=0)
    undo = bulk_undo.find_undo(job, change, latest, ttl=call.services.settings.bulk_undo_ttl, now=clock.now())
    return await templating.render_page(
        call.request,
        "bulk-change.html",
        job=view_job(job, clock.now(), name=title),
        is_undo=change.action == UNDO_ACTION,
        undone_path=_undone_path(change),
        undo=undo,
        undo_path="" if undo.job_id is None else job_path(BULK_CHANGE, undo.job_id),
        skips=skips[:SHOWN_SKIPS],
    )


async def show_undo(call: SessionRequest) -> web.StreamResponse:
    """Asks whether to undo the bulk change.

    Raises:
        Conflict, Expired: it cannot be undone.
    """
    async with call.database.read() as connection:
        job = await find_job(connection, call, BULK_CHANGE)
        change, latest = await _select(connection, call, job)
        title = (await select_names(connection, call, [job.id]))[job.id]
    undo = bulk_undo.find_undo(job, change, latest, ttl=call.services.settings.bulk_undo_ttl, now=clock.now())
    bulk_undo.check(undo, job.public_id)
    action = BY_NAME[change.action].name
    return await templating.render_page(
        call.request, "undo-bulk-change.html", job=view_job(job, clock.now(), name=title), undone=UNDONE[action]
    )


async def start_undo(call: SessionRequest, _: Fields) -> web.StreamResponse:
    settings = call.services.settings
    async with call.database.write(durable=True, changes="nobody") as connection:
        job = await find_job(connection, call, BULK_CHANGE)
        undo = await bulk_undo.insert_undo(
            connection,
            job,
            call.request_id,
            ttl=settings.bulk_undo_ttl,
            max_queued=settings.max_queued_jobs,
            now=clock.now(),
        )
        await audit.record(
            connection, call.actor, "bulk_change.undone", job.public_id, details={UNDO_ACTION: undo.public_id}
        )
    call.services.runner.wake()
    return redirect(call.request, job_path(BULK_CHANGE, undo.public_id))


async def select_names(connection: Connection, call: SessionRequest, job_ids: Sequence[int]) -> dict[int, str]:
    """What each job does, by its integer id: `Add the tag “Readers”`, `Undo: Add the tag “Readers”`."""
    changes = await bulk_table.select_bulk_changes(connection, call.workspace_id, job_ids)
    undone_ids = {change.target_id for change in changes.values() if change.action == UNDO_ACTION}
    undone = await bulk_table.select_bulk_changes(
        connection, call.workspace_id, [number for number in undone_ids if number is not None]
    )
    titles = {}
    for job_id, change in changes.items():
        target = undone.get(change.target_id or 0) if change.action == UNDO_ACTION else change
        title = "a deleted bulk change" if target is None else await title_of(connection, call, target)
        titles[job_id] = title if target is change else f"Undo: {title}"
    return titles


async def title_of(connection: Connection, call: SessionRequest, change: BulkChange) -> str:
    """`change`: not an undo."""
    action = BY_NAME[change.action]
    name = ""
    if change.target_id is not None:
        select = names.tag_names if action.target == ids.TAG else names.sequence_names
        (name,) = await select(connection, call, [change.target_id])
    return TITLES[action.name].format(f"“{name}”")


async def _select(connection: Connection, call: SessionRequest, job: Job) -> tuple[BulkChange, Job | None]:
    """The bulk change of the job, and its newest undo."""
    change = await bulk_table.select_bulk_change(connection, call.workspace_id, job.id)
    return change, (await bulk_table.select_undos(connection, call.workspace_id, [job.id])).get(job.id)


def _undone_path(change: BulkChange) -> str:
    """Of the bulk change that an undo takes back; empty for another one."""
    if change.action != UNDO_ACTION or change.target_id is None:
        return ""
    return job_path(BULK_CHANGE, BULK_CHANGE.encode(change.target_id))
