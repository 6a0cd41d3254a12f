"""/console: the jobs of both kinds, newest first."""

from typing import Any

from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.console import rendering, wording
from mailrith_lite.console.job_view import view
from mailrith_lite.console.live import Part
from mailrith_lite.console.visit import SUBSCRIBERS_PATH, Visit, redirect
from mailrith_lite.exports import table
from mailrith_lite.imports import upload_table
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.queue import JobKind

SHOWN = 25
_SCOPES: dict[JobKind, str] = {"import": "subscribers:import", "export": "subscribers:export"}


async def show_jobs(visit: Visit) -> web.StreamResponse:
    """Where everybody begins; a key that sees no jobs may still see subscribers."""
    if not _kinds(visit) and visit.may("subscribers:read"):
        return redirect(visit.request, SUBSCRIBERS_PATH)
    return await rendering.page(visit.request, "jobs.html", **await _found(visit))


async def look(visit: Visit) -> Part:
    found = await _found(visit)
    text = await rendering.part(visit.request, "parts/jobs.html", **found)
    return Part(text=text, final=not found["running"])


def _kinds(visit: Visit) -> list[JobKind]:
    """The kinds of job that the key may see."""
    return [kind for kind, scope in _SCOPES.items() if visit.may(scope)]


async def _found(visit: Visit) -> dict[str, Any]:
    """What the list is made of: the jobs older than the one that the address names.

    Raises:
        InsufficientScope: the key may see neither kind.
    """
    kinds = _kinds(visit)
    if not kinds:
        either = list(_SCOPES.values())
        raise errors.InsufficientScope(either, either, visit.principal.scopes)
    before_id = _job_number(visit.request.query.get("before"))
    async with visit.database.read() as connection:
        jobs = [
            job
            for kind in kinds
            for job in await queue.select_jobs(
                connection, visit.workspace_id, kind, before_id=before_id, limit=SHOWN + 1
            )
        ]
        jobs = sorted(jobs, key=lambda job: job.id, reverse=True)[: SHOWN + 1]
        exports = await table.select_exports(
            connection, visit.workspace_id, [job.id for job in jobs if job.kind == "export"]
        )
        names = await upload_table.select_file_names(
            connection, visit.workspace_id, [job.id for job in jobs if job.kind == "import"]
        )
    now = clock.now()
    return {
        "jobs": [view(job, now) for job in jobs[:SHOWN]],
        "notes": {
            job.public_id: wording.selection(exports[job.id].selection)
            if job.id in exports
            else names.get(job.id, job.public_id)
            for job in jobs
        },
        "more": len(jobs) > SHOWN,
        "first": before_id is None,
        "running": any(not job.final for job in jobs[:SHOWN]),
        "query": visit.request.query_string,
    }


def _job_number(public_id: str | None) -> int | None:
    """The integer behind the id of either kind of job; any other text is the begin of the list."""
    if public_id is None:
        return None
    return ids.decode(ids.IMPORT_JOB, public_id) or ids.decode(ids.EXPORT_JOB, public_id)
