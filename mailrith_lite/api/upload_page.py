"""/uploads: where a file is handed over, behind a signed link instead of a key.

A page for a person, a PUT of the raw file for a program, and the form that the page sends without JavaScript.
"""

import functools

from aiohttp import hdrs, web

from mailrith_lite import clock, errors, ids
from mailrith_lite.api.responses import Data
from mailrith_lite.api.uploads import LINK_PATH, upload_resource
from mailrith_lite.http import wire_errors
from mailrith_lite.http.body_stream import pieces
from mailrith_lite.http.header_values import file_name, media_type
from mailrith_lite.http.multipart import check_length, receive_form
from mailrith_lite.http.services import SERVICES
from mailrith_lite.http.statuses import STATUSES, Handler, error_headers
from mailrith_lite.imports import records
from mailrith_lite.imports.uploads import upload_table, usable
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job
from mailrith_lite.pages.rendering import page_response


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get(LINK_PATH, _readable(get_page))
    router.add_put(LINK_PATH, _readable(put_file))
    router.add_post(LINK_PATH, _readable(post_form))


def _readable(handler: Handler) -> Handler:
    """A refusal is a page, too, for whoever asks for pages."""

    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except errors.MailrithError as error:
            if not _wants_page(request):
                raise
            status, _ = STATUSES[type(error)]
            answer = await page_response("upload_refused.html", status=status, message=error.message)
            answer.headers.update(error_headers(error))
            return answer

    return handle


async def get_page(request: web.Request) -> web.StreamResponse:
    upload = await _open(request)
    services = request.app[SERVICES]
    return await page_response(
        "upload.html",
        upload=upload,
        replaceable=not _over(request),
        job=await _job(request, upload),
        names=records.without_report_columns(upload.header),
        preview=await services.uploads.preview(upload),
        limit=services.uploads.limit,
    )


async def put_file(request: web.Request) -> web.StreamResponse:
    """The file as it is; its name may stand in Content-Disposition or in the parameter `file_name`."""
    upload = await _open(request)
    services = request.app[SERVICES]
    if media_type(request.headers).name.startswith("multipart/"):
        raise errors.UnsupportedMediaType(
            "A PUT takes the file itself (curl -T list.csv); send a form with POST (curl -F file=@list.csv)."
        )
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() not in ("", "identity", "gzip"):
        raise errors.UnsupportedMediaType("Send the file as it is, or packed with gzip.")
    check_length(request, services.uploads.limit, services.uploads.limit)
    name = file_name(request.headers.get(hdrs.CONTENT_DISPOSITION, "")) or request.query.get("file_name", "")
    stored = await services.uploads.store(upload, pieces(request), name)
    return Data(upload_resource(stored))


async def post_form(request: web.Request) -> web.StreamResponse:
    """A form with one file, as browsers send it; then the page again."""
    upload = await _open(request)
    services = request.app[SERVICES]
    form = await receive_form(request, services.uploads.limit)
    stored = await services.uploads.store(upload, form.pieces, form.name)
    if not _wants_page(request):
        return Data(upload_resource(stored))
    return web.Response(status=303, headers={hdrs.LOCATION: f"?{request.rel_url.raw_query_string}"})


async def _job(request: web.Request, upload: Upload) -> Job | None:
    """The one that has taken the file."""
    if upload.import_job_id is None:
        return None
    async with request.app[SERVICES].database.read() as connection:
        return await queue.select_job(connection, upload.workspace_id, IMPORT, upload.import_job_id)


def _over(request: web.Request) -> bool:
    """Has the link, whose signature is good, come to its end?"""
    return int(request.query["expires"]) <= clock.now() // clock.SECOND


async def _open(request: web.Request) -> Upload:
    """The upload behind the link, which no job has taken unless it is only looked at.

    A file that came is shown for as long as it is kept, though the link may be over: the transfer of a large one
    may end after it.

    Raises:
        InvalidSignature, Expired: the link opens nothing.
        NotFound: the upload is gone.
        Conflict: a job has taken its file.
    """
    services = request.app[SERVICES]
    if services.stopping:
        raise wire_errors.ShuttingDown
    links, now = services.upload_links, clock.now()
    expires = request.query.get("expires", "")
    links.check_signature(request.path, expires, request.query.get("signature", ""))
    over = _over(request)
    looking = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
    if over and not looking:
        raise links.expired()
    workspace_id = ids.decode(ids.WORKSPACE, request.match_info["workspace_id"]) or 0
    public_id = request.match_info["upload_id"]
    async with services.database.read() as connection:
        upload = await upload_table.select_upload(connection, workspace_id, ids.decode(ids.UPLOAD, public_id) or 0)
    if upload is None and over:
        raise links.expired()
    if upload is None:
        raise errors.NotFound.of(ids.UPLOAD, public_id)
    if over and (upload.status == "Pending" or upload.expired(now)):
        raise links.expired()
    if not looking:
        usable.check_unused(upload)
    return upload


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")
