"""/console/imports/…: the page of an import or a dry run."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from mailrith_lite import clock, ids
from mailrith_lite.audience import custom_fields
from mailrith_lite.console import corrections, names, report_view, templating
from mailrith_lite.console.columns import FILE_FIELD
from mailrith_lite.console.job_pages import find_job
from mailrith_lite.console.job_view import view_job
from mailrith_lite.console.paths import job_path
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.imports import column_names, dry_run_table, import_table
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Column
from mailrith_lite.imports.undo import undo_state
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.jobs.kinds import IMPORT, UNDO
from mailrith_lite.jobs.queue import Job
from mailrith_lite.unicode_forms import fold


class MappedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """`field`: its label, or its id where the key may not read the label."""

    name: str
    field: str


class RequestedImport(msgspec.Struct, frozen=True, kw_only=True):
    """What was requested, in names. `left_out`: the columns that are not mapped. `status`: of every row without one
    of its own."""

    columns: list[MappedColumn]
    status: str | None
    left_out: list[str]
    tags: list[str]
    sequences: list[str]


class TriedFile(msgspec.Struct, frozen=True, kw_only=True):
    """The upload of a dry run that can be imported. `upload_id`: public. `source`: the file that was tried."""

    upload_id: str
    source: str


async def show_import(call: SessionRequest) -> web.StreamResponse:
    async with call.database.read() as connection:
        job = await find_job(connection, call, IMPORT)
        plan = await import_table.select_import(connection, call.workspace_id, job.id)
        requested = await _requested(connection, call, plan)
        file_names = await select_file_names(connection, call.workspace_id, [job])
        tried = await _tried_file(connection, call, job)
        fields = await custom_fields.select_all_custom_fields(connection, call.workspace_id)
        report = await report_view.select_report(connection, call.workspace_id, job, plan, fields)
        undo = await undo_state.select_state(connection, job, ttl=call.services.settings.undo_ttl, now=clock.now())
    return await templating.render_page(
        call.request,
        "import.html",
        job=view_job(job, clock.now(), name=file_names.get(job.id, "")),
        tried=tried,
        file_field=FILE_FIELD,
        report=report,
        max_corrected=corrections.MAX_ROWS,
        left_out=plan.options.invalid_cells == "leave_out",
        requested=requested,
        undo=undo,
        undo_path=None if undo.latest is None else job_path(UNDO, undo.latest.public_id),
    )


async def select_file_names(connection: Connection, workspace_id: int, jobs: Sequence[Job]) -> dict[int, str]:
    """By the job's integer id. Corrections have the name of the file that they correct; another import of a
    text has none."""
    parents = {job.id: job.parent_job_id for job in jobs if job.parent_job_id is not None}
    job_ids = [*(job.id for job in jobs), *parents.values()]
    names = await upload_table.select_file_names(connection, workspace_id, job_ids)
    dry_runs = await dry_run_table.select_dry_run_files(connection, workspace_id, job_ids)
    names |= {job_id: file.file_name for job_id, file in dry_runs.items()}
    corrected = {job_id: f"Corrections of {names[parent]}" for job_id, parent in parents.items() if parent in names}
    return corrected | names


async def _requested(connection: Connection, call: SessionRequest, plan: ImportPlan) -> RequestedImport:
    labels = await names.field_labels(connection, call)
    tags = await names.tag_names(connection, call, plan.tag_ids)
    mapped = {column.name for column in plan.columns}
    return RequestedImport(
        columns=[MappedColumn(name=column.name, field=_field(column, labels)) for column in plan.columns],
        status=plan.options.status,
        left_out=[name for name in column_names.without_report_columns(plan.layout.names) if name not in mapped],
        tags=[*tags, *_new_tag(plan, tags)],
        sequences=await names.sequence_names(connection, call, plan.sequence_ids),
    )


def _field(column: Column, labels: dict[int, str]) -> str:
    if column.new_field is not None:
        return f"{column.new_field.label} (new custom field, {column.new_field.type})"
    if column.custom_field_id is None:
        return FIELDS[column.type].label
    return labels.get(column.custom_field_id) or ids.encode(ids.CUSTOM_FIELD, column.custom_field_id)


def _new_tag(plan: ImportPlan, tags: Sequence[str]) -> list[str]:
    """The name of the new tag, unless the tag exists by now and is one of the import's tags."""
    name = plan.new_tag_name
    return [] if name is None or fold(name) in map(fold, tags) else [name]


async def _tried_file(connection: Connection, call: SessionRequest, job: Job) -> TriedFile | None:
    """None unless the job is a dry run and its upload still has the same file."""
    files = await dry_run_table.select_dry_run_files(connection, call.workspace_id, [job.id])
    if job.id not in files:
        return None
    upload = await upload_table.select_upload(connection, call.workspace_id, files[job.id].upload_id)
    if upload is None or upload.source != files[job.id].source or upload.expired(clock.now()):
        return None
    return TriedFile(upload_id=upload.public_id, source=upload.source)
