"""/uploads: takes a file. The signed link replaces the key.

A page for a person, a PUT of the raw file for a program, and the form that the page sends without JavaScript.
"""

import functools
from collections.abc import AsyncIterator

from aiohttp import hdrs, web

from mailrith_lite import clock, errors, ids
from mailrith_lite.api.responses import Data
from mailrith_lite.api.uploads import LINK_PATH, ImportUpload, select_resource
from mailrith_lite.http import wire_errors
from mailrith_lite.http.body_stream import pieces
from mailrith_lite.http.header_values import file_name, media_type
from mailrith_lite.http.multipart import check_length, receive_form
from mailrith_lite.http.services import PRINCIPAL, REQUESTER, SERVICES
from mailrith_lite.http.signed_links import check_link
from mailrith_lite.http.statuses import Handler, error_headers, outcome, status_of
from mailrith_lite.imports.uploads import upload_table, usable
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job
from mailrith_lite.pages.rendering import page_response


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get(LINK_PATH, _with_error_pages(get_page))
    router.add_put(LINK_PATH, _with_error_pages(put_file))
    router.add_post(LINK_PATH, _with_error_pages(post_form))


def _with_error_pages(handler: Handler) -> Handler:
    """Errors, also those of a full disk, become pages for clients that ask for HTML."""

    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        result = await outcome(request, handler)
        if not isinstance(result, errors.MailrithError):
            return result
        if not _wants_page(request):
            raise result
        response = await page_response("upload_refused.html", status=status_of(result), message=result.message)
        response.headers.update(error_headers(result))
        return response

    return handle


async def get_page(request: web.Request) -> web.StreamResponse:
    upload = await _open(request)
    services = request.app[SERVICES]
    return await page_response(
        "upload.html",
        upload=upload,
        replaceable=not _has_expired(request),
        job=await _job(request, upload),
        names=upload.columns,
        preview=await services.uploads.preview(upload),
        limit=services.uploads.limit,
    )


async def put_file(request: web.Request) -> web.StreamResponse:
    """Takes the raw file. Its name comes from Content-Disposition, or from the parameter `file_name`."""
    upload = await _open(request)
    services = request.app[SERVICES]
    if media_type(request.headers).name.startswith("multipart/"):
        raise errors.UnsupportedMediaType(
            "A PUT takes the file itself (curl -T list.csv); send a form with POST (curl -F file=@list.csv)."
        )
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() not in ("", "identity", "gzip"):
        raise errors.UnsupportedMediaType("Send the file as it is, or compressed with gzip.")
    check_length(request, services.uploads.limit, services.uploads.limit)
    name = file_name(request.headers.get(hdrs.CONTENT_DISPOSITION, "")) or request.query.get("file_name", "")
    stored = await services.uploads.store(upload, _until_link_ends(request, pieces(request)), name)
    return Data(await _resource(request, stored))


async def post_form(request: web.Request) -> web.StreamResponse:
    """Takes a form with one file, and redirects a browser back to the page."""
    upload = await _open(request)
    services = request.app[SERVICES]
    form = await receive_form(request, services.uploads.limit)
    stored = await services.uploads.store(upload, _until_link_ends(request, form.pieces), form.name)
    if not _wants_page(request):
        return Data(await _resource(request, stored))
    return web.Response(status=303, headers={hdrs.LOCATION: f"?{request.rel_url.raw_query_string}"})


async def _resource(request: web.Request, upload: Upload) -> ImportUpload:
    async with request.app[SERVICES].database.read() as connection:
        return await select_resource(connection, upload)


async def _job(request: web.Request, upload: Upload) -> Job | None:
    """The import of the file; None before there is one."""
    if upload.import_job_id is None:
        return None
    async with request.app[SERVICES].database.read() as connection:
        return await queue.select_job(connection, upload.workspace_id, IMPORT, upload.import_job_id)


def _has_expired(request: web.Request) -> bool:
    """Whether the link, whose signature is valid, has expired."""
    return int(request.query["expires"]) <= clock.now() // clock.SECOND


async def _open(request: web.Request) -> Upload:
    """The upload of the link. To replace its file, no job may have taken it.

    An expired link still shows a file that has arrived, until the upload expires: a long transfer can end after the
    link expires.

    Raises:
        InvalidSignature, Forbidden, Expired: the link is not valid, or not any more.
        NotFound: the upload was deleted.
        Conflict: a job has taken the file.
    """
    services = request.app[SERVICES]
    if services.stopping:
        raise wire_errors.ShuttingDown
    links, now = services.upload_links, clock.now()
    await check_link(request, links)
    services.request_rates.check(request[PRINCIPAL])
    expired = _has_expired(request)
    reading = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
    if expired and not reading:
        raise links.expired()
    workspace_id = ids.decode(ids.WORKSPACE, request.match_info["workspace_id"]) or 0
    request[REQUESTER].workspace_id = workspace_id
    public_id = request.match_info["upload_id"]
    async with services.database.read() as connection:
        upload = await upload_table.select_upload(connection, workspace_id, ids.decode(ids.UPLOAD, public_id) or 0)
    if upload is None and expired:
        raise links.expired()
    if upload is None:
        raise errors.NotFound.of(usable.RESOURCE, public_id)
    if expired and (upload.status == "Pending" or upload.expired(now)):
        raise links.expired()
    if not reading:
        usable.check_unused(upload)
    return upload


async def _until_link_ends(request: web.Request, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of the body. After the last one the key is checked again: a transfer can take long.

    Raises:
        Forbidden: the key is no longer active, so the file is not taken.
    """
    async for piece in body:
        yield piece
    await check_link(request, request.app[SERVICES].upload_links)


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")
