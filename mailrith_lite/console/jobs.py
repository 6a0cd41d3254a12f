"""/console: the jobs of all kinds, newest first."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from mailrith_lite import clock, errors
from mailrith_lite.console import phrases, templating
from mailrith_lite.console.job_view import view
from mailrith_lite.console.live import Part
from mailrith_lite.console.paths import PATH, SUBSCRIBERS_PATH, redirect
from mailrith_lite.console.session_request import Visit
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table
from mailrith_lite.imports import dry_run_table
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import KINDS, kind_of
from mailrith_lite.jobs.queue import Job

SHOWN = 25


async def show_jobs(visit: Visit) -> web.StreamResponse:
    """Where everybody begins; a key that sees no jobs may still see subscribers."""
    if not visit.job_kinds and visit.may("subscribers:read"):
        return redirect(visit.request, SUBSCRIBERS_PATH)
    return await templating.page(visit.request, "jobs.html", **await _found(visit))


async def remove_slash(visit: Visit) -> web.StreamResponse:
    """/console/ → /console"""
    return redirect(visit.request, PATH)


async def render_part(visit: Visit) -> Part:
    found = await _found(visit)
    text = await templating.part(visit.request, "parts/jobs.html", **found)
    return Part(text=text, final=not found["running"])


async def _found(visit: Visit) -> dict[str, Any]:
    """What the list is made of: the jobs older than the one that the address names.

    Raises:
        InsufficientScope: the key may see no kind of job.
    """
    before_id = _job_number(visit.request.query.get("before"))
    async with visit.database.read() as connection:
        jobs = await _jobs(connection, visit, before_id)
        notes = await _notes(connection, visit, jobs)
    shown, now = jobs[:SHOWN], clock.now()
    return {
        "jobs": [view(job, now) for job in shown],
        "notes": notes,
        "more": len(jobs) > SHOWN,
        "first": before_id is None,
        "running": any(not job.final for job in shown),
        "query": visit.request.query_string,
    }


async def _jobs(connection: Connection, visit: Visit, before_id: int | None) -> list[Job]:
    """Of the kinds that the key may see; one job more than the page shows."""
    if not visit.job_kinds:
        either = [scope for kind in KINDS for scope in kind.read_scopes]
        raise errors.InsufficientScope(either, either, visit.principal.scopes)
    jobs: list[Job] = []
    for kind in visit.job_kinds:
        jobs += await queue.select_jobs(connection, visit.workspace_id, kind, before_id=before_id, limit=SHOWN + 1)
    return sorted(jobs, key=lambda job: job.id, reverse=True)[: SHOWN + 1]


async def _notes(connection: Connection, visit: Visit, jobs: Sequence[Job]) -> dict[str, str]:
    """Job's public id -> what tells it from the others: whom an export holds, which file an import is of."""
    numbers = [job.id for job in jobs]
    exports = await export_table.select_exports(connection, visit.workspace_id, numbers)
    names = await upload_table.select_file_names(connection, visit.workspace_id, numbers)
    tried = await dry_run_table.select_dry_run_files(connection, visit.workspace_id, numbers)
    names |= {number: file.file_name for number, file in tried.items()}
    told = {number: phrases.selection(export.selection) for number, export in exports.items()} | names
    return {job.public_id: told.get(job.id, job.public_id) for job in jobs}


def _job_number(public_id: str | None) -> int | None:
    """The integer id of a job of any kind; None, for the start of the list, when the text is not a job's id."""
    if public_id is None:
        return None
    kind = kind_of(public_id)
    return None if kind is None else kind.decode(public_id)
