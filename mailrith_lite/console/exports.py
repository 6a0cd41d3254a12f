"""/console/exports/…: start an export, and its page."""

import asyncio

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.audience import listing
from mailrith_lite.audience.values import STATUSES
from mailrith_lite.console import filter_form, phrases, templating
from mailrith_lite.console.filter_form import FilterForm
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_pages import find_job
from mailrith_lite.console.job_view import view_job
from mailrith_lite.console.paths import job_path, redirect
from mailrith_lite.console.session_request import Visit
from mailrith_lite.exports import export_table, submit
from mailrith_lite.exports.export_table import Export, Selection
from mailrith_lite.http.addresses import download_path
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job

COUNTING = web.AppKey("counting", asyncio.Lock)
"""A count reads all subscribers. The lock allows one at a time, so that counts cannot take all database readers."""


async def show_new_export(visit: Visit) -> web.StreamResponse:
    """The filter, and the number of subscribers who match it."""
    form = filter_form.parse(visit.request.query)
    selection = _selection(form)
    async with visit.request.app[COUNTING], visit.database.read() as connection:
        count = await listing.select_count(
            connection, visit.workspace_id, selection.subscriber_filter(), clock.now()
        )
    return await templating.page(
        visit.request,
        "new-export.html",
        form=form,
        statuses=STATUSES,
        description=phrases.selection(selection),
        count=count,
    )


async def start_export(visit: Visit, fields: Fields) -> web.StreamResponse:
    selection = _selection(filter_form.parse(fields))
    async with visit.database.write(durable=True, changes="nobody") as connection:
        job = await submit.insert(
            connection,
            visit.workspace_id,
            selection,
            visit.request_id,
            max_queued=visit.services.settings.max_queued_jobs,
            now=clock.now(),
        )
    visit.services.runner.wake()
    return redirect(visit.request, job_path(EXPORT, job.public_id))


async def show_export(visit: Visit) -> web.StreamResponse:
    async with visit.database.read() as connection:
        job = await find_job(connection, visit, EXPORT)
        export = await export_table.select_export(connection, visit.workspace_id, job.id)
    now = clock.now()
    return await templating.page(
        visit.request,
        "export.html",
        job=view_job(job, now),
        export=export,
        description=phrases.selection(export.selection),
        available=_is_available(job, export, now),
    )


async def send_file(visit: Visit) -> web.StreamResponse:
    """Redirects to the signed link of the file."""
    async with visit.database.read() as connection:
        job = await find_job(connection, visit, EXPORT)
        export = await export_table.select_export(connection, visit.workspace_id, job.id)
    if export.expires_at is None or not _is_available(job, export, clock.now()):
        raise errors.Expired("This file is no longer kept; start a new export.")
    return redirect(
        visit.request, download_path(visit.services, visit.workspace_id, job.public_id, export.expires_at)
    )


def _is_available(job: Job, export: Export, now: int) -> bool:
    return job.status == "Completed" and export.available(now)


def _selection(form: FilterForm) -> Selection:
    return Selection(query=form.search, status=form.status, cold_only=form.cold)
