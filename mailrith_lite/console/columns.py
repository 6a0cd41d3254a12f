"""/console/uploads/…: match the columns of a file, then start a dry run or an import."""

from typing import Final

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import audit
from mailrith_lite.audience import custom_fields
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import choices_table, column_form, column_view, form_problems, names, templating
from mailrith_lite.console.choices_table import SavedChoices
from mailrith_lite.console.column_form import ColumnForm
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.paths import job_path, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.imports import accept, import_table
from mailrith_lite.imports.accept import ImportOrder
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Mapping, as_mappings
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.imports.uploads import analysis as upload_analysis
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.imports.uploads.analysis import Analysis
from mailrith_lite.imports.uploads.sources.known import label_of
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job

FILE_FIELD = "file"
"""Names the file in a form: its fields belong to places of columns, so they fit one file only."""
_ANALYSIS_OF_A_USED_FILE: Final = Analysis(
    source=None, header_line=None, delimiter=",", encoding="UTF-8", columns=[], questions=[], problems=[]
)
"""An import that takes a file leaves none of its cells in the upload. The pages link to the import instead."""


class UploadedFile(msgspec.Struct, frozen=True, kw_only=True):
    """An upload, what its file proposes, and the custom fields of the workspace."""

    upload: Upload
    analysis: Analysis
    custom_fields: list[CustomField]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.analysis.columns]


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """The import or dry run that the parameter `like` of the page names."""

    job: Job
    plan: ImportPlan

    def is_repeated_by(self, form: ColumnForm) -> bool:
        """Whether an import with this form may name this one as its parent: `like` would restore a status that the
        form no longer has, or the new tag of a dry run."""
        return self.job.final and not self.job.dry_run and form.status == (self.plan.options.status or "")


class StartForm(msgspec.Struct, frozen=True, kw_only=True):
    """`remembered`: the columns are those of an earlier file with the same header."""

    form: ColumnForm
    remembered: bool = False


async def show_upload(call: SessionRequest) -> web.StreamResponse:
    """The form is the one of the job that the parameter `like` names, or the last one of this file; else the
    proposals of the analysis, with the columns that were chosen for an earlier file with the same header."""
    return await _render_upload(call)


async def save_choices(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """The script of the page sends the form after each change."""
    async with call.database.read() as connection:
        file = await find_file(connection, call, call.request.match_info["upload_id"])
    if file.upload.import_job_id is None and fields.get(FILE_FIELD) == file.upload.source:
        await _save(call, file, column_form.parse(fields, file.analysis))
    return web.Response(status=204)


async def start_import(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Starts an import or a dry run; a dry run leaves the upload for the import."""
    async with call.database.read() as connection:
        file = await find_file(connection, call, call.request.match_info["upload_id"])
        tried = await _find_earlier(connection, call, fields.get("like", ""))
        parent = await _find_earlier(connection, call, call.request.query.get("like", ""))
    if file.upload.import_job_id is not None or fields.get(FILE_FIELD) != file.upload.source:
        return await _render_replaced(call)
    if tried is not None:
        return await _import_tried(call, file, tried.plan, fields)
    form = column_form.parse(fields, file.analysis)
    await _save(call, file, form)
    try:
        like = parent.job.public_id if parent is not None and parent.is_repeated_by(form) else None
        result = await queue_form(call, file, form, dry_run=fields.get("run") == "dry", like=like)
    except (errors.Conflict, errors.NotFound):  # another request has used, replaced or deleted the upload
        return await _render_replaced(call)
    if isinstance(result, Job):
        return redirect(call.request, job_path(IMPORT, result.public_id))
    return await _render_form(call, file, StartForm(form=form), result)


async def queue_form(
    call: SessionRequest, file: UploadedFile, form: ColumnForm, *, dry_run: bool = False, like: str | None = None
) -> Job | Problems:
    """Queues an import with the choices of the form. Returns its job, or what is wrong with the form.

    `like`: the public id of the parent import.

    Raises:
        Conflict, NotFound: a job has used the upload, or it no longer has this file.
        QueueFull
    """
    if problems := form_problems.find_problems(form, file.analysis, file.custom_fields):
        return problems
    mappings: list[Mapping] = []
    try:
        choice = column_form.choose(form, file.analysis, file.custom_fields)
        mappings = choice.mappings
        order = ImportOrder(
            upload_id=file.upload.public_id,
            upload_source=file.upload.source,
            mappings=mappings,
            new_tag_name=form.new_tag.strip() or None,
            existing_tag_ids=form.tags,
            sequence_ids=form.sequences,
            dry_run=dry_run,
            like=like,
            options=ImportOptions(
                status=choice.status, encoding=choice.encoding, file=choice.file, header=choice.header
            ),
        )
        return await queue_import(call, order)
    except errors.InvalidRequest as error:
        if error.details.get("field") == "upload_id":  # the file is wrong, not the form
            raise _upload_not_found() from None
        return form_problems.from_error(error, mappings, file.analysis)


async def _import_tried(
    call: SessionRequest, file: UploadedFile, plan: ImportPlan, fields: Fields
) -> web.StreamResponse:
    """Imports what a dry run has tried. The page of the dry run decides about cells that cannot be read."""
    leave_out = fields.get("invalid_cells") == "leave_out"
    order = ImportOrder(
        upload_id=file.upload.public_id,
        upload_source=file.upload.source,
        like=fields.get("like"),
        dry_run=fields.get("run") == "dry",
        options=msgspec.structs.replace(plan.options, invalid_cells="leave_out" if leave_out else "refuse_row"),
    )
    try:
        return await _start(call, order)
    except errors.InvalidRequest as error:
        if error.details.get("field") == "upload_id":
            return await _render_replaced(call)
        form = StartForm(form=column_form.from_plan(file.analysis, plan))
        problems = form_problems.from_error(error, as_mappings(plan.columns), file.analysis)
        return await _render_form(call, file, form, problems)


async def _start(call: SessionRequest, order: ImportOrder) -> web.StreamResponse:
    try:
        job = await queue_import(call, order)
    except (errors.Conflict, errors.NotFound):  # another request has used, replaced or deleted the upload
        return await _render_replaced(call)
    return redirect(call.request, job_path(IMPORT, job.public_id))


async def queue_import(call: SessionRequest, order: ImportOrder) -> Job:
    """
    Raises:
        InvalidRequest, Conflict, QueueFull: as `accept.prepared` and `insert` do.
    """
    services = call.services
    async with (
        accept.prepared(
            order,
            workspace_id=call.workspace_id,
            database=services.database,
            uploads=services.uploads,
            directory=services.imports_directory,
        ) as prepared,
        services.database.write(durable=True, changes="nobody") as connection,
    ):
        job = await prepared.insert(
            connection, call.request_id, max_queued=services.settings.max_queued_jobs, now=clock.now()
        )
        if not job.dry_run:
            await audit.record(connection, call.actor, "import.created", job.public_id)
    services.runner.wake()
    return job


async def find_file(connection: Connection, call: SessionRequest, public_id: str) -> UploadedFile:
    """
    Raises:
        NotFound: there is no such upload, or it has no file yet, or it has expired.
    """
    number = ids.decode(ids.UPLOAD, public_id) or 0
    upload = await upload_table.select_upload(connection, call.workspace_id, number)
    if upload is None or upload.status == "Pending" or upload.expired(clock.now()):
        raise _upload_not_found()
    analysis = await upload_analysis.select_analysis(connection, upload)
    if analysis is None and upload.import_job_id is not None:
        analysis = _ANALYSIS_OF_A_USED_FILE
    if analysis is None:  # an older version has received the file
        raise _upload_not_found()
    fields = await custom_fields.select_all_custom_fields(connection, call.workspace_id)
    return UploadedFile(upload=upload, analysis=analysis, custom_fields=fields)


def _upload_not_found() -> errors.NotFound:
    return errors.NotFound(
        "There is no file at this address, or not any more; start a new import.",
        code="subscriber_import_upload_not_found",
    )


async def _find_earlier(connection: Connection, call: SessionRequest, public_id: str) -> Earlier | None:
    """The import with this id; None if the workspace has no such import."""
    number = IMPORT.decode(public_id)
    job = None if number is None else await queue.select_job(connection, call.workspace_id, IMPORT, number)
    if job is None:
        return None
    plan = await import_table.select_import(connection, call.workspace_id, job.id)
    return Earlier(job=job, plan=plan)


async def _save(call: SessionRequest, file: UploadedFile, form: ColumnForm) -> None:
    choices = SavedChoices(source=file.upload.source or "", form=form, updated_at=clock.now())
    async with call.database.write(changes="nobody") as connection:
        await choices_table.upsert_choices(connection, call.workspace_id, file.names, choices)


async def start_form(connection: Connection, call: SessionRequest, file: UploadedFile) -> StartForm:
    query = call.request.query
    proposed = column_form.from_analysis(file.analysis)
    saved = await choices_table.select_choices(
        connection, call.workspace_id, file.names, file.upload.source or "", clock.now()
    )
    same_file = saved is not None and saved.source == file.upload.source
    earlier = await _find_earlier(connection, call, query.get("like", ""))
    if earlier is not None and not (same_file and saved and saved.updated_at > earlier.job.created_at):
        form = column_form.from_plan(file.analysis, earlier.plan)
        return StartForm(
            form=msgspec.structs.replace(form, answers=saved.form.answers if same_file and saved else {})
        )
    if saved is None or "proposed" in query:
        return StartForm(form=proposed)
    if same_file:
        return StartForm(form=saved.form)
    form = column_form.for_another_file(saved.form, file.analysis)
    return StartForm(form=form, remembered=form != proposed)


async def _render_replaced(call: SessionRequest) -> web.StreamResponse:
    """The columns of the upload's new file, or a redirect to the job that has used the upload."""
    text = "Another file has replaced the one you saw. Look at its columns, then start again."
    return await _render_upload(call, {"": text}, status=409)


async def _render_upload(
    call: SessionRequest, problems: Problems | None = None, *, status: int = 200
) -> web.StreamResponse:
    async with call.database.read() as connection:
        file = await find_file(connection, call, call.request.match_info["upload_id"])
        if file.upload.import_job_id is not None:
            return redirect(call.request, job_path(IMPORT, IMPORT.encode(file.upload.import_job_id)))
        form = await start_form(connection, call, file)
    return await _render_form(call, file, form, problems or {}, status=status)


async def _render_form(
    call: SessionRequest, file: UploadedFile, start: StartForm, problems: Problems, *, status: int = 400
) -> web.Response:
    async with call.database.read() as connection:
        tags = await names.tag_options(connection, call)
        sequences = await names.sequence_options(connection, call)
    may_read_fields = call.may("custom_fields:read")
    return await templating.render_page(
        call.request,
        "columns.html",
        status=status,
        upload=file.upload,
        analysis=file.analysis,
        tool=label_of(file.analysis.source),
        form=start.form,
        remembered=start.remembered,
        file_field=FILE_FIELD,
        table=column_view.view_columns(file.analysis, start.form, file.custom_fields, problems),
        questions=column_view.view_questions(file.analysis, start.form),
        targets=column_view.targets(file.custom_fields if may_read_fields else []),
        field_types=column_view.FIELD_TYPE_VIEWS,
        formats=column_view.FORMATS,
        statuses=STATUSES,
        tags=tags,
        sequences=sequences,
        problems=problems,
        like=call.request.query.get("like", ""),
    )
