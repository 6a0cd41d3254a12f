"""/console: the jobs of all kinds, newest first."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.console import bulk_changes, imports, phrases, templating, undos
from mailrith_lite.console.job_view import JobView, view_job
from mailrith_lite.console.live import Part
from mailrith_lite.console.names import of_selections
from mailrith_lite.console.overview import load_overview
from mailrith_lite.console.paths import PATH, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import KINDS, kind_of
from mailrith_lite.jobs.queue import Job

PAGE_SIZE = 25


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the list. `first`: it starts with the newest job. `more`: older jobs follow."""

    entries: list[JobView]
    first: bool
    more: bool

    @property
    def running(self) -> bool:
        return any(not job.final for job in self.entries)


async def show_jobs(call: SessionRequest) -> web.StreamResponse:
    """The start page."""
    jobs = await _load(call)
    return await templating.render_page(
        call.request,
        "jobs.html",
        jobs=jobs,
        query=call.request.query_string,
        overview=await load_overview(call, jobs.entries) if jobs.first else None,
    )


async def remove_slash(call: SessionRequest) -> web.StreamResponse:
    """/console/ → /console"""
    return redirect(call.request, PATH)


async def progress(call: SessionRequest) -> Part:
    jobs = await _load(call)
    text = await templating.render_part(call.request, "parts/jobs.html", jobs=jobs)
    return Part(text=text, final=not jobs.running)


async def _load(call: SessionRequest) -> JobList:
    """The parameter `before` names the last job of the page before.

    Raises:
        InsufficientScope: the key may see no kind of job.
    """
    before_id = _job_number(call.request.query.get("before", ""))
    async with call.database.read() as connection:
        jobs = await _select_jobs(connection, call, before_id)
        names = await _select_names(connection, call, jobs)
    now = clock.now()
    return JobList(
        entries=[view_job(job, now, name=names.get(job.id, "")) for job in jobs[:PAGE_SIZE]],
        first=before_id is None,
        more=len(jobs) > PAGE_SIZE,
    )


async def _select_jobs(connection: Connection, call: SessionRequest, before_id: int | None) -> list[Job]:
    """The jobs that the key may see, and one more than a page shows."""
    if not call.job_kinds:
        scopes = [scope for kind in KINDS for scope in kind.read_scopes]
        raise errors.InsufficientScope(scopes, scopes, call.principal.scopes)
    limit = PAGE_SIZE + 1
    jobs: list[Job] = []
    for kind in call.job_kinds:
        jobs += await queue.select_jobs(connection, call.workspace_id, kind, before_id=before_id, limit=limit)
    return sorted(jobs, key=lambda job: job.id, reverse=True)[:limit]


async def _select_names(connection: Connection, call: SessionRequest, jobs: Sequence[Job]) -> dict[int, str]:
    """The files of imports and the selections of exports, by the job's integer id. An import of a text has none.

    An undo has the name of its import, a bulk change that of what it does.
    """
    job_ids = [job.id for job in jobs]
    exports = await export_table.select_exports(connection, call.workspace_id, job_ids)
    described = await of_selections(connection, call, (export.order.selection for export in exports.values()))
    return {
        **await bulk_changes.select_names(connection, call, job_ids),
        **await undos.select_names(connection, call.workspace_id, job_ids),
        **await imports.select_file_names(connection, call.workspace_id, jobs),
        **{job_id: phrases.selection(export.order.selection, described) for job_id, export in exports.items()},
    }


def _job_number(public_id: str) -> int | None:
    """The integer id of a job of any kind; None for any other text."""
    kind = kind_of(public_id)
    return kind.decode(public_id) if kind else None
