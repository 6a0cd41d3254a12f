"""/console/imports/…: an import's page."""

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.console import mapping_form, names, phrases, templating
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_view import view
from mailrith_lite.console.live import Part
from mailrith_lite.console.paths import PATH, redirect
from mailrith_lite.console.session_request import Visit
from mailrith_lite.database import Connection
from mailrith_lite.http.addresses import download_path
from mailrith_lite.imports import dry_run_table, import_table, records, report
from mailrith_lite.imports.dry_run_table import DryRunFile
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Column
from mailrith_lite.imports.rows import RowErrorCode
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job

SHOWN_ROWS = 100
_WARNING: RowErrorCode = "status_kept"  # the rest of the row was applied
_REPORT_LINK = 60 * clock.SECOND  # the page asks for a new link each time


async def show_import(visit: Visit) -> web.StreamResponse:
    async with visit.database.read() as connection:
        job = await _find(connection, visit)
        plan = await import_table.select_import(connection, visit.workspace_id, job.id)
        asked_for = await _asked_for(connection, visit, plan)
        names = await upload_table.select_file_names(connection, visit.workspace_id, [job.id])
        tried = await dry_run_table.select_dry_run_files(connection, visit.workspace_id, [job.id])
        names |= {number: file.file_name for number, file in tried.items()}
        again = await _again(connection, visit, tried.get(job.id), plan)
        refused = await _refused(connection, visit, job)
    return await templating.page(
        visit.request,
        "import.html",
        job=view(job, clock.now()),
        file_name=names.get(job.id),
        again=again,
        refused=refused,
        **asked_for,
    )


async def render_part(visit: Visit) -> Part:
    async with visit.database.read() as connection:
        job = await _find(connection, visit)
    shown = view(job, clock.now())
    return Part(text=await templating.part(visit.request, "parts/import.html", job=shown), final=job.final)


async def cancel_import(visit: Visit, _: Fields) -> web.StreamResponse:
    """A job that has ended meanwhile is shown as it is."""
    public_id = visit.request.match_info["job_id"]
    with contextlib.suppress(errors.Conflict):
        await visit.services.runner.cancel(visit.workspace_id, IMPORT, public_id)
    return redirect(visit.request, f"{PATH}/imports/{public_id}")


async def send_report(visit: Visit) -> web.StreamResponse:
    """To the report's signed link, which ends soon: the page asks for another."""
    async with visit.database.read() as connection:
        job = await _find(connection, visit)
    expires_at = clock.now() + _REPORT_LINK
    return redirect(visit.request, download_path(visit.services, visit.workspace_id, job.public_id, expires_at))


async def _find(connection: Connection, visit: Visit) -> Job:
    public_id = visit.request.match_info["job_id"]
    return await queue.find_job(connection, visit.workspace_id, IMPORT, public_id)


async def _asked_for(connection: Connection, visit: Visit, plan: ImportPlan) -> dict[str, Any]:
    labels = await names.field_labels(connection, visit)
    tags = await names.tag_names(connection, visit, plan.tag_ids)
    mapped = {column.name for column in plan.columns}
    return {
        "columns": [(column.name, _target(column, labels)) for column in plan.columns],
        "left_out": [name for name in records.own_names(plan.header) if name not in mapped],
        "tags": [*tags, *_new_tag(plan, tags)],
        "sequences": await names.sequence_names(connection, visit, plan.sequence_ids),
    }


def _new_tag(plan: ImportPlan, tags: Sequence[str]) -> list[str]:
    """The tag that the import makes, unless it has done so by now, or another of its name was there."""
    name = plan.new_tag_name
    return [] if name is None or name.casefold() in map(str.casefold, tags) else [name]


async def _refused(connection: Connection, visit: Visit, job: Job) -> Sequence[Any]:
    """The first rows of the report, once there will be no more."""
    if not job.final:
        return []
    found = await report.select_row_errors(connection, visit.workspace_id, job.id, after_line=0)
    return [
        {
            **dict(row),
            "warning": row["code"] == _WARNING,
            "text": phrases.row(msgspec.json.decode(row["cells"], type=list[str])),
        }
        for row in found[:SHOWN_ROWS]
    ]


async def _again(
    connection: Connection, visit: Visit, tried: DryRunFile | None, plan: ImportPlan
) -> dict[str, Any] | None:
    """What starts the import that a dry run was for, as long as that very file is there."""
    upload = tried and await upload_table.select_upload(connection, visit.workspace_id, tried.upload_id)
    if not tried or not upload or upload.source != tried.source or upload.expired(clock.now()):
        return None
    form = mapping_form.from_plan(records.own_names(upload.header), plan)
    fields = mapping_form.file_field(upload)
    fields.extend(form.fields())
    return {"upload": upload.public_id, "fields": fields}


def _target(column: Column, labels: dict[int, str]) -> str:
    """The field of a subscriber that the column fills; the id stands for a label that the key may not read."""
    if column.custom_field_id is None:
        return FIELDS[column.type].label
    return labels.get(column.custom_field_id) or ids.encode(ids.CUSTOM_FIELD, column.custom_field_id)
