"""/console/exports: the list, and the page of an export."""

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.console import names, phrases, templating
from mailrith_lite.console.job_pages import find_job
from mailrith_lite.console.job_view import JobView, view_job
from mailrith_lite.console.paths import redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.exports import export_table
from mailrith_lite.exports.export_table import Export
from mailrith_lite.exports.file_columns import FIXED
from mailrith_lite.http.signed_links import download_path
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job

PAGE_SIZE = 50


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list. `columns`: the number of chosen columns; None: all."""

    job: JobView
    columns: int | None
    expires_at: int | None
    available: bool


async def show_exports(call: SessionRequest) -> web.StreamResponse:
    """Newest first. The parameter `before` names the last export of the page before."""
    before_id = EXPORT.decode(call.request.query.get("before", ""))
    async with call.database.read() as connection:
        jobs = await queue.select_jobs(
            connection, call.workspace_id, EXPORT, before_id=before_id, limit=PAGE_SIZE + 1
        )
        exports = await export_table.select_exports(connection, call.workspace_id, [job.id for job in jobs])
        described = await names.of_selections(
            connection, call, (export.order.selection for export in exports.values())
        )
    now = clock.now()
    return await templating.render_page(
        call.request,
        "exports.html",
        entries=[_entry(job, exports[job.id], described, now) for job in jobs[:PAGE_SIZE]],
        first=before_id is None,
        more=len(jobs) > PAGE_SIZE,
    )


def _entry(job: Job, export: Export, described: Mapping[str, str], now: int) -> Entry:
    columns = export.order.columns
    return Entry(
        job=view_job(job, now, name=phrases.selection(export.order.selection, described)),
        columns=None if columns is None else len(columns),
        expires_at=export.expires_at if job.status == "Completed" else None,
        available=_is_available(job, export, now),
    )


async def show_export(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read() as connection:
        job = await find_job(connection, call, EXPORT)
        export = await export_table.select_export(connection, call.workspace_id, job.id)
        described = await names.of_selections(connection, call, [export.order.selection])
        columns = await _column_names(connection, call, export.order.columns)
    now = clock.now()
    return await templating.render_page(
        call.request,
        "export.html",
        job=view_job(job, now),
        export=export,
        description=phrases.selection(export.order.selection, described),
        columns=columns,
        available=_is_available(job, export, now),
    )


async def _column_names(
    connection: Connection, call: SessionRequest, keys: Sequence[str] | None
) -> list[str] | None:
    """The names of chosen columns; None: all. A custom field that the key may not read has its id."""
    if keys is None:
        return None
    labels = await names.field_labels(connection, call)
    known = dict(FIXED) | {ids.encode(ids.CUSTOM_FIELD, number): label for number, label in labels.items()}
    return [known.get(key, key) for key in keys]


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
