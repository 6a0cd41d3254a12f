"""/console/exports/…: a new export, and an export's page."""

import asyncio
import contextlib

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.audience import listing
from mailrith_lite.audience.values import STATUSES
from mailrith_lite.console import filter_form, phrases, templating
from mailrith_lite.console.filter_form import FilterForm
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_view import view
from mailrith_lite.console.live import Part
from mailrith_lite.console.paths import PATH, redirect
from mailrith_lite.console.session_request import Visit
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table, submit
from mailrith_lite.exports.export_table import Export, Selection
from mailrith_lite.http.addresses import download_path
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job

COUNTING = web.AppKey("counting", asyncio.Lock)
"""A count looks at everybody. One at a time: however many ask, the other readers stay free."""


async def show_new_export(visit: Visit) -> web.StreamResponse:
    """With how many subscribers the choice holds."""
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
    return redirect(visit.request, f"{PATH}/exports/{job.public_id}")


async def show_export(visit: Visit) -> web.StreamResponse:
    async with visit.database.read() as connection:
        job, export = await _find(connection, visit)
    now = clock.now()
    return await templating.page(
        visit.request,
        "export.html",
        job=view(job, now),
        export=export,
        description=phrases.selection(export.selection),
        available=_is_there(job, export, now),
    )


async def render_part(visit: Visit) -> Part:
    async with visit.database.read() as connection:
        job, _ = await _find(connection, visit)
    shown = view(job, clock.now())
    return Part(text=await templating.part(visit.request, "parts/export.html", job=shown), final=job.final)


async def cancel_export(visit: Visit, _: Fields) -> web.StreamResponse:
    """A job that has ended meanwhile is shown as it is."""
    public_id = visit.request.match_info["job_id"]
    with contextlib.suppress(errors.Conflict):
        await visit.services.runner.cancel(visit.workspace_id, EXPORT, public_id)
    return redirect(visit.request, f"{PATH}/exports/{public_id}")


async def send_file(visit: Visit) -> web.StreamResponse:
    """To the file's signed link."""
    async with visit.database.read() as connection:
        job, export = await _find(connection, visit)
    if export.expires_at is None or not _is_there(job, export, clock.now()):
        raise errors.Expired("This file is no longer kept; start a new export.")
    return redirect(
        visit.request, download_path(visit.services, visit.workspace_id, job.public_id, export.expires_at)
    )


def _is_there(job: Job, export: Export, now: int) -> bool:
    return job.status == "Completed" and export.available(now)


def _selection(form: FilterForm) -> Selection:
    return Selection(query=form.search, status=form.status, cold_only=form.cold)


async def _find(connection: Connection, visit: Visit) -> tuple[Job, Export]:
    public_id = visit.request.match_info["job_id"]
    job = await queue.find_job(connection, visit.workspace_id, EXPORT, public_id)
    return job, await export_table.select_export(connection, visit.workspace_id, job.id)
