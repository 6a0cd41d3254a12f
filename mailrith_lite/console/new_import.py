"""/console/imports/new and /console/uploads/…: upload a file, map its columns, start a dry run or an import."""

import asyncio

from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.console import forms, mapping_form, mapping_problem, names, templating
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.mapping_form import MappingForm
from mailrith_lite.console.mapping_problem import Problem
from mailrith_lite.console.paths import PATH, job_path, redirect
from mailrith_lite.console.session_request import SESSIONS, SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.http.multipart import receive_form
from mailrith_lite.http.statuses import status_of
from mailrith_lite.imports import accept, import_table
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.imports.uploads.preview import Preview
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job

_REFUSALS = (errors.InvalidFile, errors.UnsupportedMediaType, errors.PayloadTooLarge, errors.QueueFull)


async def show_new_import(call: SessionRequest) -> web.StreamResponse:
    return await _render_file_form(call)


async def receive_file(call: SessionRequest) -> web.StreamResponse:
    """Checks the form's token, which precedes the file, before it receives the file."""
    forms.check_origin(call.request)
    store = call.services.uploads
    try:
        form = await receive_form(call.request, store.limit)
        forms.check_token(call.request.app[SESSIONS], call.session.token, form.fields.get(TOKEN_FIELD, ""))
        pieces = form.pieces
        async with call.database.write(durable=True, changes="nobody") as connection:
            upload = await store.start(connection, call.workspace_id, clock.now())
        try:
            upload = await store.store(upload, pieces, form.name)
        except Exception:
            await _delete_upload(call, upload)
            raise
    except _REFUSALS as error:
        return await _render_file_form(call, error)
    return redirect(call.request, f"{PATH}/uploads/{upload.public_id}")


async def show_upload(call: SessionRequest) -> web.StreamResponse:
    """The mapping is a guess, or the one of the job that the parameter `like` names."""
    return await _render_upload(call)


async def start_import(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Starts an import or a dry run; a dry run leaves the upload for the import."""
    async with call.database.read() as connection:
        upload = await _find_upload(connection, call)
        custom_fields = await names.field_options(connection, call)
    if upload.import_job_id is not None or not mapping_form.is_for_file(fields, upload):
        return await _render_replaced(call)
    try:
        preview = await _preview(call, upload)
        form = mapping_form.parse(preview.names, fields)
        if problem := mapping_problem.find_problem(preview.names, form, custom_fields):
            return await _render_mapping(call, upload, preview, form, problem, status=400)
        job = await _queue_import(call, upload, preview, form, dry_run=mapping_form.wants_dry_run(fields))
    except errors.InvalidRequest as error:
        if error.details.get("field") == "upload_id":  # the file is wrong, not the form
            return await _render_replaced(call)
        problem = mapping_problem.from_error(error, form)
        return await _render_mapping(call, upload, preview, form, problem, status=400)
    except (errors.Conflict, errors.NotFound):  # another request has used, replaced or deleted the upload
        return await _render_replaced(call)
    return redirect(call.request, job_path(IMPORT, job.public_id))


async def _queue_import(
    call: SessionRequest, upload: Upload, preview: Preview, form: MappingForm, *, dry_run: bool
) -> Job:
    services = call.services
    async with (
        accept.prepared(
            form.order(upload, preview.names, dry_run=dry_run),
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
    services.runner.wake()
    return job


async def _find_upload(connection: Connection, call: SessionRequest) -> Upload:
    """
    Raises:
        NotFound: there is no such upload, or it has no file yet, or it has expired.
    """
    public_id = call.request.match_info["upload_id"]
    number = ids.decode(ids.UPLOAD, public_id) or 0
    upload = await upload_table.select_upload(connection, call.workspace_id, number)
    if upload is None or upload.status == "Pending" or upload.expired(clock.now()):
        raise _upload_not_found()
    return upload


async def _preview(call: SessionRequest, upload: Upload) -> Preview:
    preview = await call.services.uploads.preview(upload)
    if preview is None:
        raise _upload_not_found()
    return preview


def _upload_not_found() -> errors.NotFound:
    return errors.NotFound(
        "There is no file here, or no longer; start a new import.", code="subscriber_import_upload_not_found"
    )


async def _delete_upload(call: SessionRequest, upload: Upload) -> None:
    """Its file was refused, and nobody has its link to send another one."""
    async with call.database.write(changes="nobody") as connection:
        await upload_table.delete_pending(connection, upload)


async def _form_of_job(connection: Connection, call: SessionRequest, preview: Preview) -> MappingForm | None:
    """The form of the job that the address names, if it names one."""
    number = IMPORT.decode(call.request.query.get("like", ""))
    if number is None or await queue.select_job(connection, call.workspace_id, IMPORT, number) is None:
        return None
    plan = await import_table.select_import(connection, call.workspace_id, number)
    return mapping_form.from_plan(preview.names, plan)


async def _render_file_form(call: SessionRequest, error: errors.MailrithError | None = None) -> web.Response:
    return await templating.render_page(
        call.request,
        "new-import.html",
        status=status_of(error) if error else 200,
        limit=call.services.uploads.limit,
        problem=error.message if error else "",
    )


async def _render_replaced(call: SessionRequest) -> web.StreamResponse:
    """The mapping of the upload's new file, or a redirect to the job that has used the upload."""
    text = "Another file has taken the place of the one you saw. Look at its columns, then start again."
    return await _render_upload(call, Problem(text=text), status=409)


async def _render_upload(
    call: SessionRequest, problem: Problem | None = None, *, status: int = 200
) -> web.StreamResponse:
    async with call.database.read() as connection:
        upload = await _find_upload(connection, call)
    if upload.import_job_id is not None:
        return redirect(call.request, job_path(IMPORT, IMPORT.encode(upload.import_job_id)))
    preview = await _preview(call, upload)
    async with call.database.read() as connection:
        form = await _form_of_job(connection, call, preview)
        custom_fields = await names.field_options(connection, call)
    if form is None:  # in a thread: the first guess loads the names of all countries
        form = await asyncio.to_thread(mapping_form.guess_form, preview, custom_fields)
    return await _render_mapping(call, upload, preview, form, problem, status=status)


async def _render_mapping(
    call: SessionRequest,
    upload: Upload,
    preview: Preview,
    form: MappingForm,
    problem: Problem | None = None,
    *,
    status: int = 200,
) -> web.Response:
    async with call.database.read() as connection:
        custom_fields = await names.field_options(connection, call)
        tags = await names.tag_options(connection, call)
        sequences = await names.sequence_options(connection, call)
    return await templating.render_page(
        call.request,
        "mapping.html",
        status=status,
        upload=upload,
        form=form,
        file_field=mapping_form.file_field(upload),
        columns=mapping_form.columns(preview, form),
        preview=preview,
        subscriber_fields=mapping_form.SUBSCRIBER_FIELDS,
        custom_fields=custom_fields,
        tags=tags,
        sequences=sequences,
        problem=problem or Problem(text=""),
    )
