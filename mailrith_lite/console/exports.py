"""/console/exports/…: start an export, and its page."""

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.access import audit, workspaces
from mailrith_lite.audience import selection
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import filter_form, phrases, templating
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_pages import find_job
from mailrith_lite.console.job_view import view_job
from mailrith_lite.console.paths import job_path, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.exports import export_table, submit
from mailrith_lite.exports.export_table import Export, Order
from mailrith_lite.http.signed_links import download_path
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job


async def show_new_export(call: SessionRequest) -> web.StreamResponse:
    """The filter, and the number of subscribers who match it."""
    form = filter_form.parse(call.request.query)
    count = await _count(call, form)
    return await templating.render_page(
        call.request,
        "new-export.html",
        form=form,
        fields=filter_form.fields(form),
        statuses=STATUSES,
        description=phrases.selection(form),
        count=count,
    )


async def _count(call: SessionRequest, form: selection.Selection) -> int | None:
    """None if counting takes too long."""
    now = clock.now()
    try:
        async with call.database.read(consistent=True) as connection:
            workspace = await workspaces.select_own(connection, call.workspace_id)
            resolved = await selection.resolve(
                connection, call.workspace_id, form, time_zone=workspace.time_zone, now=now
            )
        counts = await call.services.segment_counts.count(resolved.query(call.workspace_id, now))
    except errors.QueryTooSlow:
        return None
    return counts.total


async def start_export(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    order = Order(selection=filter_form.parse(fields))
    async with call.database.write(durable=True, changes="nobody") as connection:
        job = await submit.insert(
            connection,
            call.workspace_id,
            order,
            call.request_id,
            max_queued=call.services.settings.max_queued_jobs,
            now=clock.now(),
        )
        await audit.record(connection, call.actor, "export.created", job.public_id)
    call.services.runner.wake()
    return redirect(call.request, job_path(EXPORT, job.public_id))


async def show_export(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read() as connection:
        job = await find_job(connection, call, EXPORT)
        export = await export_table.select_export(connection, call.workspace_id, job.id)
    now = clock.now()
    return await templating.render_page(
        call.request,
        "export.html",
        job=view_job(job, now),
        export=export,
        description=phrases.selection(export.order.selection),
        available=_is_available(job, export, now),
    )


async def send_file(call: SessionRequest) -> web.StreamResponse:
    """Redirects to the signed link of the file."""
    async with call.database.read() as connection:
        job = await find_job(connection, call, EXPORT)
        export = await export_table.select_export(connection, call.workspace_id, job.id)
    if export.expires_at is None or not _is_available(job, export, clock.now()):
        raise errors.Expired("This file is no longer kept; start a new export.")
    return redirect(call.request, download_path(call.services, call.principal, job.public_id, export.expires_at))


def _is_available(job: Job, export: Export, now: int) -> bool:
    return job.status == "Completed" and export.available(now)
