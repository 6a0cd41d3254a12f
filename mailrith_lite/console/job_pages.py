"""What the pages of every kind of job share: look the job up, render its progress, cancel it."""

import contextlib

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.catalog import job_removal
from mailrith_lite.console import templating
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_view import view_job
from mailrith_lite.console.live import Part, RenderPart
from mailrith_lite.console.paths import PATH, job_path, redirect
from mailrith_lite.console.session_request import FormHandler, PageHandler, SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.http.signed_links import download_path
from mailrith_lite.jobs import deleted_jobs, queue
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, JobKind
from mailrith_lite.jobs.queue import Job

SHOWN_SKIPS = 20
"""The page of a job lists at most so many of the people that the job has skipped."""
_REPORT_LINK = 60 * clock.SECOND  # short, because the page makes a new link for each download


async def find_job(connection: Connection, call: SessionRequest, kind: JobKind) -> Job:
    """The job that the path of the request names.

    Raises:
        NotFound
    """
    return await queue.find_job(connection, call.workspace_id, kind, call.request.match_info["job_id"])


def progress(kind: JobKind) -> RenderPart:
    """Renders the live part of a job's page from the template `parts/` and the name of the kind."""

    async def render_part(call: SessionRequest) -> Part:
        async with call.database.read() as connection:
            job = view_job(await find_job(connection, call, kind), clock.now())
        text = await templating.render_part(call.request, f"parts/{kind.name}.html", job=job)
        return Part(text=text, final=job.final)

    return render_part


def send_report(kind: JobKind) -> PageHandler:
    """Redirects to a signed link of the job's report."""

    async def handle(call: SessionRequest) -> web.StreamResponse:
        async with call.database.read() as connection:
            job = await find_job(connection, call, kind)
        expires_at = clock.now() + _REPORT_LINK
        return redirect(call.request, download_path(call.services, call.principal, job.public_id, expires_at))

    return handle


def cancel(kind: JobKind) -> FormHandler:
    """Cancels a job, and shows its page; a job that has ended meanwhile stays as it is."""

    async def handle(call: SessionRequest, _: Fields) -> web.StreamResponse:
        public_id = call.request.match_info["job_id"]
        with contextlib.suppress(errors.Conflict):
            await call.services.runner.cancel(call.workspace_id, kind, public_id)
        return redirect(call.request, job_path(kind, public_id))

    return handle


def show_deletion(kind: JobKind) -> PageHandler:
    """Asks whether to delete the job, and says what goes with it."""

    async def show(call: SessionRequest) -> web.StreamResponse:
        async with call.database.read() as connection:
            job = await find_job(connection, call, kind)
        if not job.final:
            raise deleted_jobs.not_final(job.public_id)
        return await templating.render_page(
            call.request,
            "delete-job.html",
            job=view_job(job, clock.now()),
            import_kind=IMPORT,
            export_kind=EXPORT,
            bulk_kind=BULK_CHANGE,
        )

    return show


def delete(kind: JobKind) -> FormHandler:
    """Deletes a job, and shows the list."""

    async def handle(call: SessionRequest, _: Fields) -> web.StreamResponse:
        async with call.database.write(durable=True, changes="nobody") as connection:
            await job_removal.delete_job(connection, call.actor, await find_job(connection, call, kind))
        return redirect(call.request, PATH)

    return handle
