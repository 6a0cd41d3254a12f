"""/console/imports/new and /console/uploads/…: a file is handed over, mapped, tried out, and imported."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.console import forms, mapping_form, mapping_problem, names, templating
from mailrith_lite.console.forms import TOKEN_FIELD, Fields
from mailrith_lite.console.mapping_form import Chosen
from mailrith_lite.console.mapping_problem import Problem
from mailrith_lite.console.paths import PATH, redirect
from mailrith_lite.console.session_request import SESSIONS, Visit
from mailrith_lite.database import Connection
from mailrith_lite.http.multipart import receive_form
from mailrith_lite.http.statuses import STATUSES
from mailrith_lite.imports import accept, import_table
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.imports.uploads.upload_store import Preview
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.queue import Job

_REFUSALS = (errors.InvalidFile, errors.UnsupportedMediaType, errors.PayloadTooLarge, errors.QueueFull)


async def show_new_import(visit: Visit) -> web.StreamResponse:
    return await _file_page(visit)


async def receive_file(visit: Visit) -> web.StreamResponse:
    """The form's token comes before its file, and is checked before a byte of that is taken."""
    forms.check_origin(visit.request)
    store = visit.services.uploads
    try:
        form = await receive_form(visit.request, store.limit)
        forms.check_token(visit.request.app[SESSIONS], visit.session.token, form.fields.get(TOKEN_FIELD, ""))
        pieces = form.pieces
        async with visit.database.write(durable=True, changes="nobody") as connection:
            upload = await store.start(connection, visit.workspace_id, clock.now())
        try:
            upload = await store.store(upload, pieces, form.name)
        except Exception:
            await _forget(visit, upload)
            raise
    except _REFUSALS as error:
        return await _file_page(visit, error)
    return redirect(visit.request, f"{PATH}/uploads/{upload.public_id}")


async def show_upload(visit: Visit) -> web.StreamResponse:
    """The first rows, and what each column becomes: guessed, or as in the job that the address names."""
    return await _upload_page(visit)


async def _upload_page(visit: Visit, problem: Problem | None = None, *, status: int = 200) -> web.StreamResponse:
    async with visit.database.read() as connection:
        upload = await _find(connection, visit)
    if upload.import_job_id is not None:
        return redirect(visit.request, f"{PATH}/imports/{ids.encode(ids.IMPORT_JOB, upload.import_job_id)}")
    preview = await _preview(visit, upload)
    async with visit.database.read() as connection:
        chosen = await _like(connection, visit, preview)
        fields = await names.all_fields(connection, visit)
    if chosen is None:  # in a thread: the first guess loads the names of all countries
        chosen = await asyncio.to_thread(mapping_form.guessed, preview, fields)
    return await _mapping_page(visit, upload, preview, chosen, problem, status=status)


async def start_import(visit: Visit, fields: Fields) -> web.StreamResponse:
    """Of an upload; a dry run leaves it for the import that follows."""
    async with visit.database.read() as connection:
        upload = await _find(connection, visit)
    if upload.import_job_id is not None:  # the button was pressed twice
        return redirect(visit.request, f"{PATH}/imports/{ids.encode(ids.IMPORT_JOB, upload.import_job_id)}")
    if not mapping_form.is_of_file(fields, upload):
        return await _replaced_page(visit)
    try:
        preview = await _preview(visit, upload)
        chosen = mapping_form.parsed(preview.names, fields)
        if problem := mapping_problem.found(preview.names, chosen, await _custom(visit)):
            return await _mapping_page(visit, upload, preview, chosen, problem, status=400)
        job = await _submit(visit, upload, preview, chosen, dry_run=mapping_form.wants_dry_run(fields))
    except errors.InvalidBody as error:
        if error.details.get("field") == "upload_id":  # the file, not the form
            return await _replaced_page(visit)
        problem = mapping_problem.of_error(error, chosen)
        return await _mapping_page(visit, upload, preview, chosen, problem, status=400)
    except (errors.Conflict, errors.NotFound):  # meanwhile: to the job, or the file that came
        return await _replaced_page(visit)
    return redirect(visit.request, f"{PATH}/imports/{job.public_id}")


async def _submit(visit: Visit, upload: Upload, preview: Preview, chosen: Chosen, *, dry_run: bool) -> Job:
    services = visit.services
    async with (
        accept.prepared(
            chosen.order(upload, preview.names, dry_run=dry_run),
            visit.workspace_id,
            database=services.database,
            uploads=services.uploads,
            directory=services.imports_directory,
        ) as prepared,
        services.database.write(durable=True, changes="nobody") as connection,
    ):
        job = await prepared.insert(
            connection, visit.request_id, max_queued=services.settings.max_queued_jobs, now=clock.now()
        )
    services.runner.wake()
    return job


async def _find(connection: Connection, visit: Visit) -> Upload:
    """
    Raises:
        NotFound: there is no such upload, or its file has not come, or is no longer kept.
    """
    public_id = visit.request.match_info["upload_id"]
    number = ids.decode(ids.UPLOAD, public_id) or 0
    upload = await upload_table.select_upload(connection, visit.workspace_id, number)
    if upload is None or upload.status == "Pending" or upload.expired(clock.now()):
        raise errors.NotFound("There is no file here, or no longer; start a new import.", code="upload_not_found")
    return upload


async def _forget(visit: Visit, upload: Upload) -> None:
    """An upload whose file was refused: nobody has its link, so no other file can come."""
    async with visit.database.write(changes="nobody") as connection:
        await upload_table.delete_pending(connection, upload)


async def _replaced_page(visit: Visit) -> web.StreamResponse:
    """The mapping of the file that is there now, or the job that has taken it."""
    told = "Another file has taken the place of the one you saw. Look at its columns, then start again."
    return await _upload_page(visit, Problem(text=told), status=409)


async def _preview(visit: Visit, upload: Upload) -> Preview:
    preview = await visit.services.uploads.preview(upload)
    if preview is None:
        raise errors.NotFound("There is no file here, or no longer; start a new import.", code="upload_not_found")
    return preview


async def _like(connection: Connection, visit: Visit, preview: Preview) -> Chosen | None:
    number = ids.decode(ids.IMPORT_JOB, visit.request.query.get("like", ""))
    if number is None or await queue.select_job(connection, visit.workspace_id, "import", number) is None:
        return None
    plan = await import_table.select_import(connection, visit.workspace_id, number)
    return mapping_form.of_plan(preview.names, plan)


async def _file_page(visit: Visit, error: errors.MailrithError | None = None) -> web.Response:
    return await templating.page(
        visit.request,
        "new-import.html",
        status=STATUSES[type(error)][0] if error else 200,
        limit=visit.services.uploads.limit,
        problem=error.message if error else "",
    )


async def _mapping_page(
    visit: Visit,
    upload: Upload,
    preview: Preview,
    chosen: Chosen,
    problem: Problem | None = None,
    *,
    status: int = 200,
) -> web.Response:
    async with visit.database.read() as connection:
        custom = mapping_form.options(await names.all_fields(connection, visit))
        tags = await names.tag_options(connection, visit)
        sequences = await names.sequence_options(connection, visit)
    return await templating.page(
        visit.request,
        "mapping.html",
        status=status,
        upload=upload,
        chosen=chosen,
        file_field=mapping_form.file_field(upload),
        columns=mapping_form.columns(preview, chosen),
        preview=preview,
        plain=mapping_form.PLAIN,
        problem=problem or Problem(text=""),
        custom=custom,
        tags=tags,
        sequences=sequences,
    )


async def _custom(visit: Visit) -> Mapping[str, str]:
    """The custom fields to choose from."""
    async with visit.database.read() as connection:
        return mapping_form.options(await names.all_fields(connection, visit))
