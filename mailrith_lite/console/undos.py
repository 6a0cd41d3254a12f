"""/console/imports/{job_id}/undo and /console/undos/…: what an undo would do, its start, and its page."""

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.access import audit
from mailrith_lite.console import imports, templating
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_pages import SHOWN_SKIPS, find_job
from mailrith_lite.console.job_view import view_job
from mailrith_lite.console.paths import job_path, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.imports.undo import undo_preview, undo_state, undo_table
from mailrith_lite.imports.undo.undo_preview import UndoPreview
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT, UNDO
from mailrith_lite.jobs.queue import Job


async def show_preview(call: SessionRequest) -> web.StreamResponse:
    """
    Raises:
        Conflict, Expired: the import cannot be undone.
    """
    async with call.database.read() as connection:
        job = await find_job(connection, call, IMPORT)
        state = await undo_state.select_state(connection, job, ttl=call.services.settings.undo_ttl, now=clock.now())
        undo_state.check(state, job.public_id)
        file_names = await imports.select_file_names(connection, call.workspace_id, [job])
    return await templating.render_page(
        call.request,
        "undo-import.html",
        job=view_job(job, clock.now(), name=file_names.get(job.id, "")),
        preview=await _preview(call, job),
    )


async def _preview(call: SessionRequest, job: Job) -> UndoPreview | None:
    """None if counting takes too long."""
    try:
        async with call.database.read() as connection:
            return await undo_preview.select_preview(connection, call.workspace_id, job.id)
    except errors.QueryTooSlow:
        return None


async def start_undo(call: SessionRequest, _: Fields) -> web.StreamResponse:
    settings = call.services.settings
    async with call.database.write(durable=True, changes="nobody") as connection:
        job = await find_job(connection, call, IMPORT)
        undo = await undo_state.insert_undo(
            connection,
            job,
            call.request_id,
            ttl=settings.undo_ttl,
            max_queued=settings.max_queued_jobs,
            now=clock.now(),
        )
        details = {UNDO.name: undo.public_id}
        await audit.record(connection, call.actor, "import.undone", job.public_id, details=details)
    call.services.runner.wake()
    return redirect(call.request, job_path(UNDO, undo.public_id))


async def show_undo(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read() as connection:
        job = await find_job(connection, call, UNDO)
        undo = await undo_table.select_undo(connection, call.workspace_id, job.id)
        names = await select_names(connection, call.workspace_id, [job.id])
        skips = await undo_table.select_skips(connection, call.workspace_id, job.id, after_id=0)
    import_id = IMPORT.encode(undo.import_job_id)
    return await templating.render_page(
        call.request,
        "undo.html",
        job=view_job(job, clock.now()),
        import_name=names[job.id],
        import_path=job_path(IMPORT, import_id),
        skips=skips[:SHOWN_SKIPS],
    )


async def select_names(connection: Connection, workspace_id: int, job_ids: list[int]) -> dict[int, str]:
    """The name of the import by the integer id of its undo: that of the file, or the import's public id."""
    names: dict[int, str] = {}
    for job_id, undo in (await undo_table.select_undos(connection, workspace_id, job_ids)).items():
        job = await queue.select_job(connection, workspace_id, IMPORT, undo.import_job_id)
        assert job is not None
        files = await imports.select_file_names(connection, workspace_id, [job])
        names[job_id] = files.get(job.id, job.public_id)
    return names
