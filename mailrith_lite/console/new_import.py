"""/console/imports/new: upload a file."""

from aiohttp import web
from yarl import URL

from mailrith_lite import clock, errors
from mailrith_lite.console import forms, several_files, templating
from mailrith_lite.console.forms import TOKEN_FIELD
from mailrith_lite.console.paths import PATH, redirect
from mailrith_lite.console.session_request import SessionRequest, check_form
from mailrith_lite.http.multipart import receive_form
from mailrith_lite.http.statuses import status_of
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.imports.uploads.upload_table import Upload

_REFUSALS = (errors.InvalidFile, errors.UnsupportedMediaType, errors.PayloadTooLarge, errors.QueueFull)


async def show_new_import(call: SessionRequest) -> web.StreamResponse:
    """The parameter `like` names an import whose columns and options are used for the file."""
    return await _render_file_form(call)


async def receive_file(call: SessionRequest) -> web.StreamResponse:
    """Checks the form's token, which precedes the file, before it receives the file."""
    forms.check_origin(call.request)
    store = call.services.uploads
    try:
        form = await receive_form(call.request, store.limit)
        check_form(call, form.fields.get(TOKEN_FIELD, ""))
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
    if len(upload.origin.files) > 1:
        return redirect(call.request, several_files.address_of(await store.unpack(upload)))
    query = {"like": like} if (like := call.request.query.get("like")) else {}
    return redirect(call.request, str(URL.build(path=f"{PATH}/uploads/{upload.public_id}", query=query)))


async def _delete_upload(call: SessionRequest, upload: Upload) -> None:
    """Its file was refused, and nobody has its link to send another one."""
    async with call.database.write(changes="nobody") as connection:
        await upload_table.delete_pending(connection, upload)


async def _render_file_form(call: SessionRequest, error: errors.MailrithError | None = None) -> web.Response:
    return await templating.render_page(
        call.request,
        "new-import.html",
        status=status_of(error) if error else 200,
        limit=call.services.uploads.limit,
        problem=error.message if error else "",
        like=call.request.query.get("like", ""),
    )
